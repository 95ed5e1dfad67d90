"""The commands that read: sites, show, explain, runs, status."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated, Any

import typer
from rich.text import Text

from pipeline.cli.commands.worker import print_queue_if_used
from pipeline.cli.console import console, plural, print_json, print_line, size, print_table, format_time
from pipeline.cli.context import AsJson, AppContext, SiteNames, get_context
from pipeline.cli.views import night_report
from pipeline.cli.views.advice import javascript_advice
from pipeline.core.errors import ConfigError
from pipeline.core.models import Outcome, UrlKind
from pipeline.jobs.near_duplicates import NearDuplicate, near_duplicates_of
from pipeline.store.clean.container_stats import Known
from pipeline.store.db.article_view import ArticleView
from pipeline.store.db.engine import Database
from pipeline.store.monitoring import issues
from pipeline.store.monitoring.issues import FindingView
from pipeline.store.read import page_history, pages
from pipeline.store.read import runs as history
from pipeline.store.read.pages import Explanation, PageView, StruckBlock

VOICES = {True: "taken", False: "left out", None: "not asked"}  # of the extractor about a block
COPIES = 20  # near-copies that `show` names

What = Annotated[
    str, typer.Argument(metavar="ID|URL", help="The number of an article, or its URL.")
]


def sites(context: typer.Context, names: SiteNames = None, as_json: AsJson = False) -> None:
    """List the sites and how each is found."""
    here = get_context(context)
    found = here.sites(names or (), also_disabled=True)
    if as_json:
        print_json([site.model_dump(mode="json") for site in found])
        raise typer.Exit(here.exit_code)
    print_table(
        ["Site", "Name", "Language", "Cron", "Zone", "Feeds", "Sitemaps", "Sections"],
        [
            [
                s.id,
                s.name,
                s.language,
                s.cron,
                s.timezone,
                len(s.feeds),
                len(s.sitemaps),
                len(s.sections),
            ]
            for s in found
        ],
    )
    raise typer.Exit(here.exit_code)


def _page(here: AppContext, what: str) -> tuple[Database, PageView]:
    store = here.open_archive()
    page = pages.find_page(store, what)
    if page is None:
        raise ConfigError(
            f"{what}: is not in the archive; give the number that 'search' shows, or the URL of a page"
        )
    return store, page


def show(
    context: typer.Context,
    what: What,
    raw: Annotated[
        bool, typer.Option("--raw", help="The stored bytes as they came, to standard output.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show an article: its text, its metadata, its revisions."""
    store, page = _page(get_context(context), what)
    if raw:
        _show_raw(store, page)
        return
    article = pages.article(store, page.id)
    if article is None:
        raise ConfigError(f"{page.url}: {_why_none(page)}")
    versions = pages.revisions(store, page.id)
    copies = near_duplicates_of(store, page.id)
    made = page_history.making(store, page.id)
    sources = dict(made.metadata.sources) if made else {}
    if as_json:
        history = {
            "history": [asdict(version) for version in versions],
            "also_at": [asdict(copy) for copy in copies],
        }
        print_json(asdict(article) | {"sources": sources} | history)
        return
    _show_article(article, page, copies, sources)
    for version in versions if len(versions) > 1 else ():
        print_line(
            Text(
                f"Revision {version.number}: {format_time(version.first_seen_at)} to {format_time(version.last_seen_at)} UTC",
                style="dim",
            )
        )


def _why_none(page: PageView) -> str:
    """Why a Page of the archive has no article, and where to look."""
    if page.kind != UrlKind.STORY:
        return f"is a {page.kind} of {page.site}, where stories are found; it is no article itself"
    if not page.digest:
        return f"no bytes are stored of it ({_state(page)})"
    return f"is stored but is no article; 'nightdesk explain {page.id}' says why"


def _show_raw(store: Database, page: PageView) -> None:
    found = pages.raw(store, page.id)
    if found is None:
        raise ConfigError(f"{page.url}: {_why_none(page)}")
    sys.stdout.buffer.write(found[2])
    sys.stdout.buffer.flush()


def _state(page: PageView) -> str:
    return ": ".join(part for part in (page.outcome, page.reason) if part) or "not visited yet"


def _show_article(
    article: ArticleView, page: PageView, copies: Sequence[NearDuplicate], sources: Mapping[str, str]
) -> None:
    def told(field: str, value: str) -> str:
        return f"{value} (from {sources[field]})" if value and field in sources else value

    print_line(Text(article.title, style="bold"))
    source = f" (from {article.published_source})" if article.published_source else ""
    for name, value in (
        ("By", told("authors", ", ".join(article.authors))),
        (
            "Published",
            format_time(article.published_at) + " UTC" + source if article.published_at else "unknown",
        ),
        ("Modified", format_time(article.modified_at) + " UTC" if article.modified_at else ""),
        ("Site", article.site),
        ("Section", told("section", article.section)),
        ("Tags", told("tags", ", ".join(article.tags))),
        ("Language", told("language", article.language)),
        ("URL", article.url),
        (
            "Archived",
            f"{format_time(article.first_seen_at)} to {format_time(article.last_seen_at)} UTC, {page.digest[:16]}…",
        ),
        ("Gone", format_time(page.gone_at) + " UTC: the site no longer has it" if page.gone_at else ""),
        *(("Also at", _copy(copy)) for copy in copies[:COPIES]),
        ("", f"and {len(copies) - COPIES:,} more; --json has all" if len(copies) > COPIES else ""),
    ):
        if value:
            print_line(Text.assemble((f"{name:<10}", "dim"), value))
    print_line()
    for line in article.text.split("\n"):
        print_line(line)
        print_line()


def _copy(copy: NearDuplicate) -> str:
    """Where else a story stands."""
    return f"{copy.site}  {format_time(copy.published_at or copy.first_seen_at)} UTC  {copy.similarity:.0%} alike  {copy.id}  {copy.url}"


def explain(context: typer.Context, what: What, as_json: AsJson = False) -> None:
    """Show how the text of a page came about: each block, kept or struck, and by which rule."""
    store, page = _page(get_context(context), what)
    found = pages.explain(store, page)
    if found is None and page.kind == UrlKind.STORY and page.digest:
        raise ConfigError(
            f"{page.url}: is stored but not cleaned yet; 'nightdesk clean {page.site}' does it"
        )
    if found is None:
        raise ConfigError(f"{page.url}: {_why_none(page)}")
    if as_json:
        print_json(_explanation_json(found))
        return
    _show_trace(found)
    known = {each.name: each for each in found.containers}
    for number, each in enumerate(found.blocks):
        _show_block(number, each, _stood(each.block.element_path, known.get(each.block.container)))
    struck = sum(1 for each in found.blocks if each.rule)
    print_line()
    print_line(
        f"{plural(len(found.blocks), 'block')}: {len(found.blocks) - struck} kept, {struck} struck."
    )


def _stood(where: str, known: Known | None) -> str:
    """Where a block stood, and what the site's memory holds of that container."""
    return (
        f"{where}  (story on {known.story_pages:,} of {plural(known.story_pages + known.other_pages, 'page')})"
        if known
        else where
    )


def _show_block(number: int, explained: StruckBlock, stood: str) -> None:
    """What was decided about a block, what the page and the extractor said of it, where it stood, and its text."""
    block, rule = explained.block, explained.rule
    voice = VOICES[block.kept_by_trafilatura]
    head = f"{'struck' if rule else 'kept':<6} {number:>4}  {block.story_probability:>4.0%}  {voice:<9}  {block.kind:<9}  {stood}"
    print_line(Text("  " + head.rstrip(), style="dim" if rule else "cyan"))
    print_line(Text("      " + block.text, style="dim strike" if rule else ""))
    if rule:
        print_line(Text(f"      └ {rule}: {explained.why}", style="yellow"))


def _show_trace(found: Explanation) -> None:
    print_line(Text(found.metadata.title or found.page.url, style="bold"))
    outcome = ": ".join(part for part in (found.outcome, found.reason) if part)
    for name, value in (
        ("Page", f"{found.page.id}  {found.page.url}"),
        (
            "Bytes",
            f"sha256 {found.digest}, {size(found.page.size)}, fetched {format_time(found.fetched_at)} UTC",
        ),
        ("Recipe", f"{found.recipe}, memory {found.memory}"),
        ("Outcome", outcome + (f" ({found.draft_detail})" if found.draft_detail else "")),
        (
            "Dated",
            _dated(
                found.metadata.published_local,
                found.metadata.published_source,
                found.metadata.published_certainty,
            ),
        ),
        (
            "Changed",
            _dated(
                found.metadata.modified_local,
                found.metadata.modified_source,
                found.metadata.modified_certainty,
            ),
        ),
        ("Shown", found.metadata.published_day.isoformat() if found.metadata.published_day else ""),
    ):
        if value:
            print_line(Text.assemble((f"{name:<9}", "dim"), value))
    print_line()


def _dated(moment: datetime | None, source: str, certainty: str) -> str:
    """A date on the clock of its page, with where it came from and how sure it is."""
    if moment is None:
        return ""
    why = ", ".join(
        filter(
            None,
            (f"from {source}" if source else "", f"certainty {certainty}" if certainty else ""),
        )
    )
    return moment.isoformat(" ", "minutes") + (f" ({why})" if why else "")


def _explanation_json(found: Explanation) -> dict[str, Any]:
    values = asdict(found)
    values["blocks"] = [
        {
            "index": n,
            **asdict(each.block),
            "kept": not each.rule,
            "rule": each.rule,
            "why": each.why,
        }
        for n, each in enumerate(found.blocks)
    ]
    return values


def runs(
    context: typer.Context,
    run: Annotated[
        int | None, typer.Argument(metavar="RUN", help="A run's number: shows its ledger.")
    ] = None,
    outcome: Annotated[
        Outcome | None,
        typer.Option(
            help="Of a run's ledger, only this outcome.", show_choices=False, metavar="OUTCOME"
        ),
    ] = None,
    site: Annotated[
        str | None, typer.Option(metavar="SITE", help="Only runs of this site.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="How many lines; 20 runs, or 1000 lines of a ledger.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the newest runs, or the ledger of one of them, URL by URL."""
    here = get_context(context)
    store = here.open_archive()
    if run is None:
        if outcome:
            raise ConfigError(
                "--outcome needs a run's number before it, as in 'nightdesk runs 12 --outcome failed'"
            )
        _list_runs(store, here.check_site_name(store, site), limit or 20, as_json)
    else:
        _list_ledger(store, run, outcome, limit or 1000, as_json)


def _list_ledger(
    store: Database, run: int, outcome: Outcome | None, limit: int, as_json: bool
) -> None:
    found = history.run(store, run)
    if found is None:
        raise ConfigError(f"run {run}: there is no such run; 'nightdesk runs' lists them")
    lines = history.run_ledger(store, run, outcome, limit)
    if as_json:
        print_json([asdict(line) for line in lines])
        return
    print_table(
        ["Outcome", "Reason", "Status", "Bytes", "URL", ""],
        [[e.outcome, e.reason, str(e.status or ""), e.bytes, e.url, e.detail] for e in lines],
    )
    if at := history.pruned_at(store, run):
        print_line(
            f"The ledger of run {run} was let go of on {at:%Y-%m-%d}; its sums are kept, as 'nightdesk runs' shows them."
        )
        return
    total = found.counts.get(outcome, 0) if outcome else sum(found.counts.values())
    if total > len(lines):
        print_line(f"{len(lines):,} of {total:,} lines; --limit shows more.")


def _list_runs(store: Database, site: str | None, limit: int, as_json: bool) -> None:
    found = history.runs(store, limit, site)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    print_table(
        ["Run", "Site", "Kind", "Started (UTC)", "Seconds", "Status", "Outcomes"],
        [
            [
                each.id,
                each.site,
                each.kind,
                format_time(each.started_at),
                f"{(each.finished_at - each.started_at).total_seconds():.1f}"
                if each.finished_at
                else "",
                each.status,
                ", ".join(
                    f"{number} {name.replace('_', ' ')}"
                    for name, number in sorted(each.counts.items())
                ),
            ]
            for each in found
        ],
    )


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Every site at a glance, the ones in trouble first, with the proof that the ledgers add up."""
    here = get_context(context)
    store = here.open_archive()
    wrong_with: dict[str, list[FindingView]] = defaultdict(list)
    for each in issues.open_ones(store):
        wrong_with[each.site].append(each)
    states = sorted(
        history.states(store, datetime.now(UTC)),
        key=lambda state: _by_trouble(state, wrong_with[state.site]),
    )
    hints = {state.site: _advice(store, state) for state in states}
    if as_json:
        print_json(
            [
                asdict(state) | {"advice": hints[state.site], "findings": wrong_with[state.site]}
                for state in states
            ]
        )
        return
    print_table(
        ["Site", "URLs", "Stored", "Articles", "Due now", "Last crawl (UTC)", "", "Ledger"],
        [
            [s.site, s.pages, s.stored, s.articles, s.due, *_last_crawl(s), _proof(s)]
            for s in states
        ],
    )
    wrong = [str(number) for state in states for number in state.unbalanced]
    print_line()
    for state in states:
        for each in sorted(wrong_with[state.site], key=lambda found: not found.is_grave):
            print_line(f"! {each.site}: {night_report.issue_sentence(each)}")
    for sentence in chain.from_iterable(hints.values()):
        print_line(f"! {sentence}")
    print_line(
        f"The ledgers of runs {', '.join(wrong)} do not add up."
        if wrong
        else "The ledgers of the last runs add up."
    )
    print_queue_if_used(store)
    if console.is_terminal:
        print_line(Text(f"Archive: {store.name}", style="dim"))


def _advice(store: Database, state: history.SiteState) -> list[str]:
    clean = state.last.get("clean")
    return (
        javascript_advice(state.site, history.reasons(store, clean.id))
        if clean and clean.counts.get(Outcome.NOT_ARTICLE)
        else []
    )


def _by_trouble(
    state: history.SiteState, wrong: Sequence[FindingView]
) -> tuple[bool, int, bool, int, str]:
    crawl = state.last.get("crawl")
    well = crawl is not None and crawl.status in ("finished", "running")
    return (
        not state.unbalanced,
        -sum(each.is_grave for each in wrong),
        well,
        -len(wrong),
        state.site,
    )


def _last_crawl(state: history.SiteState) -> list[str]:
    crawl = state.last.get("crawl")
    if crawl is None:
        return ["never", ""]
    return [format_time(crawl.started_at), crawl.status + (f": {crawl.detail}" if crawl.detail else "")]


def _proof(state: history.SiteState) -> str:
    return "wrong: run " + ", ".join(map(str, state.unbalanced)) if state.unbalanced else "adds up"
