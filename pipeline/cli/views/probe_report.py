"""How a probe looks: what each way of discovery yields, samples with what was struck, what has changed; and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.text import Text

from pipeline.cli.console import Cell, plural, print_line, print_table
from pipeline.jobs.batch_clean import CleanedPage
from pipeline.jobs.onboarding import SiteCheck, ProbedSite
from pipeline.jobs.probe import SiteProbe
from pipeline.onboarding.check_site import Grade, said
from pipeline.onboarding.proposal import Proposal, allowed
from pipeline.process_messages import Probed, Way

SHOWN = 3  # samples
LINES = 3  # of a sample's text
STRUCK = 4
WIDTH = 100


def show(found: ProbedSite, name: str, *, whole: bool) -> None:
    """What was found at one site; of a list of sites, one line for each."""
    probe, proposal = found.probe, found.proposal
    assert probe is not None
    assert proposal is not None
    stories = sum(each.is_story for each in probe.judged)
    if not whole:
        counts = (
            (len(proposal.feeds), "feed"),
            (len(proposal.sitemaps), "sitemap"),
            (len(proposal.sections), "section"),
        )
        places = ", ".join(plural(number, one) for number, one in counts if number)
        print_line(
            f"{name}: {proposal.url}: {places}; {stories} of {plural(len(probe.judged), 'sample')} stories"
        )
        return
    system = probe.findings.front.generator or probe.findings.front.cms
    told = [
        proposal.language.value,
        proposal.timezone.value,
        f"made with {system}" if system else "",
    ]
    print_line(
        Text.assemble(
            (proposal.name, "bold"),
            f"  {proposal.url}  ({', '.join(each for each in told if each)})",
        )
    )
    print_line()
    _show_yields(proposal)
    _show_patterns(proposal)
    print_line()
    _show_samples(probe)
    findings = probe.findings
    ended = f" It ended {findings.ended}." if findings.ended else ""
    print_line()
    print_line(
        f"{plural(findings.requests, 'request')} in {findings.seconds:.0f} s; time zone: {proposal.timezone.why}.{ended}"
    )


def _show_yields(proposal: Proposal) -> None:
    usual = [
        each for each in proposal.yields if each.place.way is Way.USUAL and not each.place.works
    ]
    rows: list[list[Cell]] = []
    for each in proposal.yields:
        if each in usual:
            continue
        place = each.place
        links = len(place.children) if place.children else place.total
        answer = ("an index" if place.children else "read") if place.works else said(place)
        taken = "yes" if each.is_taken else "left out" if each.note else ""
        rows.append([_kind(place), str(place.way), _short(place.url, proposal.url), answer, links, each.stories,
                     each.only_here, taken])  # fmt: skip
    print_table(
        ["Place", "Found", "Address", "Answer", "Links", "Stories", "Only here", "In the file"],
        rows,
    )
    if usual:
        print_line(
            f"Also tried in vain: {', '.join(_short(each.place.url, proposal.url) for each in usual)}."
        )


def _kind(place: Probed) -> str:
    return "news sitemap" if place.is_news else str(place.kind)


def _short(url: str, home: str) -> str:
    """An address without the site's own host."""
    own = urlsplit(url).netloc == urlsplit(home).netloc
    split = urlsplit(url)
    text = (split.path or "/") + (f"?{split.query}" if split.query else "") if own else url
    return text if len(text) <= 60 else text[:59] + "…"


def _show_patterns(proposal: Proposal) -> None:
    print_line()
    if not proposal.allow:
        print_line(f"Story URLs: {proposal.no_patterns}.")
    for key in ("allow", "deny"):
        for each in getattr(proposal, key):
            print_line(f"{key}  {each.value}  ({each.why})")


def _show_samples(probe: SiteProbe) -> None:
    """Three stories with the ends of what was struck, and the fate of the other samples."""
    stories = {each.sample.url for each in probe.judged if each.is_story}
    outputs = [output for output in probe.outputs if output.id in stories]
    outputs.sort(key=lambda output: -len(output.result.removed))
    for output in outputs[:SHOWN]:
        _show_sample(output)
    fates = Counter(
        "a story"
        if each.is_story
        else (each.extraction.reason if each.extraction else each.sample.reason).replace("_", " ")
        for each in probe.judged
    )
    print_line(
        f"{plural(len(probe.judged), 'sample')}: {', '.join(f'{fate} {count}' for fate, count in fates.most_common())}."
    )


def _show_sample(output: CleanedPage) -> None:
    made, blocks = output.result, output.extracted_page.blocks
    local = made.metadata.published_local
    told = [
        f"{local:%Y-%m-%d %H:%M}" if local else "no date",
        ", ".join(made.metadata.authors[:3]),
        made.metadata.language,
    ]
    print_line(
        Text.assemble(
            (made.metadata.title or "(no title)", "bold"),
            f"  {', '.join(each for each in told if each)}",
        )
    )
    lines = made.text.split("\n")
    for line in lines[:LINES]:
        print_line(f"  {_cut(line)}")
    if len(lines) > LINES:
        print_line(f"  … {plural(len(lines) - LINES, 'more line')}")
    for strike in made.removed[:STRUCK]:
        print_line(
            Text.assemble(
                (f"  struck  {_cut(blocks[strike.index].text, 60)}", "yellow"), f"  └ {strike.rule}"
            )
        )
    if len(made.removed) > STRUCK:
        print_line(f"  … {plural(len(made.removed) - STRUCK, 'more line')} struck")
    print_line()


def _cut(text: str, width: int = WIDTH) -> str:
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def show_end(text: str, path: Path, *, written: bool, dry_run: bool, name: str) -> None:
    """Where it was written, or what would have been."""
    if written:
        print_line(f"Written: {path}. Crawl it with: nightdesk crawl {name}")
    elif dry_run:
        print_line()
        print_line(f"Would write {path}:")
        print_line()
        print_line(text.rstrip())
    else:
        print_line("Nothing was written.")


def survey_json(probe: SiteProbe, proposal: Proposal) -> dict[str, Any]:
    """A probe and what it proposes, for programs."""
    values = asdict(proposal)
    values.pop("yields")
    fates = {each.place.url: each for each in proposal.yields}
    told = findings_json(probe)
    for row in told["places"]:
        each = fates[row["url"]]
        row |= {"stories": each.stories, "only_here": each.only_here, "in_file": each.is_taken}
    return {"proposal": values, **told}


def findings_json(probe: SiteProbe) -> dict[str, Any]:
    """A probe, for programs."""
    findings = probe.findings
    keys = {
        "url",
        "kind",
        "way",
        "outcome",
        "reason",
        "detail",
        "status",
        "total",
        "is_news",
        "newest",
    }
    return {
        "requests": findings.requests,
        "seconds": findings.seconds,
        "ended": findings.ended,
        "front": findings.front.model_dump(mode="json", exclude={"menu", "feeds", "feed_links"}),
        "places": [place.model_dump(mode="json", include=keys) for place in findings.places],
        "samples": [
            {
                "url": each.sample.url,
                "found_on": each.sample.found_on,
                "is_story": each.is_story,
                "reason": each.extraction.reason if each.extraction else each.sample.reason,
                "title": each.extraction.metadata.title if each.extraction else "",
                "struck": len(each.extraction.removed) if each.extraction else 0,
            }
            for each in probe.judged
        ],
    }


# check


def is_broken(found: SiteCheck) -> bool:
    return any(notice.grade is Grade.BROKEN for notice in found.notices)


def show_checks(checks: Sequence[SiteCheck]) -> None:
    """A table of all places, then what is other than the file says."""
    rows: list[list[Cell]] = []
    for each in checks:
        places = each.probe.findings.places if each.probe else ()
        for place in places:
            if place.way is Way.GIVEN:
                answer = ("an index" if place.children else "read") if place.works else said(place)
                newest = f"{place.newest:%Y-%m-%d}" if place.newest else ""
                links = len(place.children) if place.children else place.total
                row: list[Cell] = [
                    each.site.id,
                    _kind(place),
                    _short(place.url, each.site.url),
                    answer,
                    links,
                ]
                rows.append([*row, len(allowed(place, each.site)), newest])
    if rows:
        print_table(["Site", "Place", "Address", "Answer", "Links", "Stories", "Newest"], rows)
        print_line()
    for each in checks:
        if each.problem:
            continue
        for notice in each.notices:
            style = {"broken": "red", "changed": "yellow", "new": "green"}[notice.grade]
            print_line(
                Text.assemble(
                    f"{each.site.id}: ",
                    (f"{notice.grade}  ", style),
                    f"{notice.key}: {notice.sentence}",
                )
            )
        if not each.notices:
            print_line(f"{each.site.id}: as its file says{_stories(each)}.")


def _stories(found: SiteCheck) -> str:
    judged = found.probe.judged if found.probe else ()
    stories = sum(each.is_story for each in judged)
    return f"; {stories} of {plural(len(judged), 'sample')} stories" if judged else ""


def check_json(found: SiteCheck) -> dict[str, Any]:
    """A check, for programs."""
    return {
        "site": found.site.id,
        "trouble": found.problem,
        "notices": [asdict(notice) for notice in found.notices],
        **(findings_json(found.probe) if found.probe else {}),
    }
