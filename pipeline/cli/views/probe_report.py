"""What a probe of a site found: sources, samples and the proposal, for people and programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from rich.text import Text

from pipeline.cli.console import Cell, format_day, format_time, print_line, print_table
from pipeline.core.formatting import format_counts, plain_words, pluralize, shorten
from pipeline.core.local_times import DAY
from pipeline.jobs.batch_clean import CleanedPage
from pipeline.jobs.probe import SiteProbe
from pipeline.onboarding.check_site import failure_text
from pipeline.onboarding.proposal import CleanedSample, ExplainedValue, Proposal, SourceYield
from pipeline.process_messages import DiscoveryMethod, ProbedSource

MAX_SAMPLES: Final = 3
MAX_SAMPLE_LINES: Final = 3
MAX_REMOVED_LINES: Final = 4
MAX_AUTHORS: Final = 3
LINE_WIDTH: Final = 100  # columns
REMOVED_WIDTH: Final = 60  # columns
URL_WIDTH: Final = 60  # columns
COLUMNS: Final = (
    "Source", "Found", "Address", "Answer", "Links", "Stories", "Only here", "In the file",
)  # fmt: skip
SOURCE_KEYS: Final = {
    "url", "kind", "discovered_by", "outcome", "reason", "detail", "status", "link_count",
    "is_news", "newest",
}  # fmt: skip


def print_site_line(probe: SiteProbe, proposal: Proposal, name: str) -> None:
    """Print one line about a site of a list."""
    counts = (
        (len(proposal.feeds), "feed"),
        (len(proposal.sitemaps), "sitemap"),
        (len(proposal.sections), "section"),
    )
    sources = ", ".join(pluralize(number, noun) for number, noun in counts if number)
    print_line(f"{name}: {proposal.url}: {sources}; {story_count(probe.samples)}")


def story_count(samples: Sequence[CleanedSample]) -> str:
    """Return how many samples are stories."""
    stories = sum(sample.is_story for sample in samples)
    return f"{stories} of {pluralize(len(samples), 'sample')} stories"


def print_probe(probe: SiteProbe, proposal: Proposal) -> None:
    """Print what a probe found at one site, and what it proposes."""
    result = probe.result
    system = result.front.generator or result.front.cms
    facts = [proposal.language.value, proposal.timezone.value]
    if system:
        facts.append(f"made with {system}")
    facts_line = ", ".join(fact for fact in facts if fact)
    print_line(Text.assemble((proposal.name, "bold"), f"  {proposal.url}  ({facts_line})"))
    print_line()
    _print_sources(proposal)
    print_line()
    _print_patterns(proposal)
    print_line()
    _print_samples(probe)
    print_line()
    stop = f" It stopped: {result.stop_reason}." if result.stop_reason else ""
    requests = pluralize(result.requests, "request")
    print_line(
        f"{requests} in {result.seconds:.0f} s; time zone: {proposal.timezone.reason}.{stop}"
    )


def _print_sources(proposal: Proposal) -> None:
    rows: list[list[Cell]] = []
    failed_guesses = []
    for source_yield in proposal.source_yields:
        source = source_yield.source
        url = short_url(source.url, proposal.url)
        if source.discovered_by is DiscoveryMethod.USUAL and not source.works:
            failed_guesses.append(url)
        else:
            rows.append(_source_row(source_yield, url))
    print_table(COLUMNS, rows)
    if failed_guesses:
        print_line(f"Also tried without success: {', '.join(failed_guesses)}.")


def _source_row(source_yield: SourceYield, url: str) -> list[Cell]:
    source = source_yield.source
    selected = "left out" if source_yield.note else ""
    if source.discovered_by is DiscoveryMethod.NEXT:
        selected = "followed"
    if source_yield.is_selected:
        selected = "yes"
    return [
        source_kind(source),
        str(source.discovered_by),
        url,
        source_answer(source),
        source_links(source),
        source_yield.stories,
        source_yield.unique_stories,
        selected,
    ]


def source_kind(source: ProbedSource) -> str:
    """Return what a source is."""
    return "news sitemap" if source.is_news else str(source.kind)


def source_answer(source: ProbedSource) -> str:
    """Return how a source answered."""
    if not source.works:
        return failure_text(source)
    return "an index" if source.children else "read"


def source_links(source: ProbedSource) -> int:
    """Return how many links a source lists, or how many sitemaps an index lists."""
    return len(source.children) if source.children else source.link_count


def short_url(url: str, home: str) -> str:
    """Return a URL without the host of the site, cut to a column of a table."""
    split = urlsplit(url)
    text = url
    if split.netloc == urlsplit(home).netloc:
        text = split.path or "/"
        if split.query:
            text += f"?{split.query}"
    return shorten(text, URL_WIDTH)


def _print_patterns(proposal: Proposal) -> None:
    if not proposal.allow:
        print_line(f"Story URLs: {proposal.no_allow_reason}.")
    patterns: tuple[tuple[str, Sequence[ExplainedValue]], ...] = (
        ("allow", proposal.allow),
        ("deny", proposal.deny),
    )
    for key, values in patterns:
        for pattern in values:
            print_line(f"{key}  {pattern.value}  ({pattern.reason})")


def _print_samples(probe: SiteProbe) -> None:
    """Print the stories that lost most lines, and what became of all samples."""
    story_urls = {sample.sample.url for sample in probe.samples if sample.is_story}
    stories = [page for page in probe.cleaned_pages if page.id in story_urls]
    stories.sort(key=lambda page: -len(page.result.removed))
    for page in stories[:MAX_SAMPLES]:
        _print_sample(page)
    results = Counter(map(_sample_result, probe.samples))
    counts = format_counts(results.most_common())
    print_line(f"{pluralize(len(probe.samples), 'sample')}: {counts}.")


def _sample_result(sample: CleanedSample) -> str:
    if sample.is_story:
        return "a story"
    return plain_words(_sample_reason(sample))


def _sample_reason(sample: CleanedSample) -> str:
    return sample.result.reason if sample.result else sample.sample.reason


def _print_sample(page: CleanedPage) -> None:
    metadata, removed = page.result.metadata, page.result.removed
    format_published = format_day if metadata.published_precision == DAY else format_time
    facts = [format_published(metadata.published_local) or "no date"]
    if metadata.authors:
        facts.append(", ".join(metadata.authors[:MAX_AUTHORS]))
    if metadata.language:
        facts.append(metadata.language)
    title = (metadata.title or "(no title)", "bold")
    print_line(Text.assemble(title, f"  {', '.join(facts)}"))
    lines = page.result.text.split("\n")
    for line in lines[:MAX_SAMPLE_LINES]:
        print_line(f"  {shorten(line, LINE_WIDTH)}")
    if len(lines) > MAX_SAMPLE_LINES:
        print_line(f"  … {pluralize(len(lines) - MAX_SAMPLE_LINES, 'more line')}")
    for block in removed[:MAX_REMOVED_LINES]:
        text = shorten(page.extracted_page.blocks[block.index].text, REMOVED_WIDTH)
        print_line(Text.assemble((f"  removed  {text}", "yellow"), f"  └ {block.rule}"))
    if len(removed) > MAX_REMOVED_LINES:
        print_line(f"  … {pluralize(len(removed) - MAX_REMOVED_LINES, 'more line')} removed")
    print_line()


def print_written(path: Path, name: str) -> None:
    """Print that a site file was written."""
    print_line(f"Written: {path}. Crawl it with: nightdesk crawl {name}")


def print_not_written() -> None:
    """Print that no file was written."""
    print_line("Nothing was written.")


def print_preview(path: Path, text: str) -> None:
    """Print the site file that would be written."""
    print_line()
    print_line(f"Would write {path}:")
    print_line()
    print_line(text.rstrip())


def proposal_json(probe: SiteProbe, proposal: Proposal) -> dict[str, Any]:
    """Return a probe and what it proposes, for programs."""
    values = asdict(proposal)
    del values["source_yields"]
    yields = {source_yield.source.url: source_yield for source_yield in proposal.source_yields}
    row = probe_json(probe)
    for source in row["sources"]:
        source_yield = yields[source["url"]]
        source["stories"] = source_yield.stories
        source["unique_stories"] = source_yield.unique_stories
        source["in_file"] = source_yield.is_selected
    return {"proposal": values, **row}


def probe_json(probe: SiteProbe) -> dict[str, Any]:
    """Return a probe for programs."""
    result = probe.result
    sources = [source.model_dump(mode="json", include=SOURCE_KEYS) for source in result.sources]
    return {
        "requests": result.requests,
        "seconds": result.seconds,
        "stop_reason": result.stop_reason,
        "front": result.front.model_dump(mode="json", exclude={"menu", "feeds", "feed_links"}),
        "sources": sources,
        "samples": [_sample_json(sample) for sample in probe.samples],
    }


def _sample_json(sample: CleanedSample) -> dict[str, Any]:
    title, removed = "", 0
    if sample.result is not None:
        title, removed = sample.result.metadata.title, len(sample.result.removed)
    return {
        "url": sample.sample.url,
        "found_on": sample.sample.found_on,
        "is_story": sample.is_story,
        "reason": _sample_reason(sample),
        "title": title,
        "removed": removed,
    }
