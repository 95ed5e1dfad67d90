"""The commands that choose among results: review, rollback."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated

import typer

from pipeline.cli.console import print_error, plural, print_json, print_line, print_table
from pipeline.cli.context import AsJson, get_context
from pipeline.cli.views import changes
from pipeline.cli.views.night_progress import night_progress
from pipeline.core.errors import ConfigError, ExitCode
from pipeline.jobs import review as choosing
from pipeline.jobs.change_report import ChangeReport
from pipeline.jobs.review import ReviewResult
from pipeline.store.clean import held_results
from pipeline.store.clean.types import Chosen, Shelved
from pipeline.store.db.engine import Database

READ = 100  # pages looked at together
SAMPLES = 3  # pages that a dry run of a rollback shows

Held = Mapping[str, Sequence[int]]  # site → pages


def review(
    context: typer.Context,
    sites: Annotated[
        list[str] | None, typer.Argument(metavar="SITE", help="Sites by id; all by default.")
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept", metavar="ID", help="Accept what is held of a page; several as in 12,15."
        ),
    ] = None,
    accept_all: Annotated[
        bool, typer.Option("--accept-all", help="Accept all that is held, but for --reject.")
    ] = False,
    reject: Annotated[
        list[str] | None,
        typer.Option(
            "--reject", metavar="ID", help="Keep the article of a page, and remember that."
        ),
    ] = None,
    reject_all: Annotated[
        bool, typer.Option("--reject-all", help="Keep all these articles, but for --accept.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show each page line by line.")] = False,
    as_json: AsJson = False,
) -> None:
    """List new results that are held because much would be lost, and accept or reject them."""
    here = get_context(context)
    store = here.open_archive()
    for site in sites or ():
        here.check_site_name(store, site)
    held = held_results.held(store, sites or ())
    yes, no = _ids(accept), _ids(reject)
    _must_be_held(held, yes, no, accept_all and reject_all)
    if not (yes or no or accept_all or reject_all):
        _list(store, held, diff, as_json)
        return
    every = {page for pages in held.values() for page in pages}
    yes, no = (
        yes | (every - no if accept_all else set()),
        no | (every - yes if reject_all else set()),
    )
    done = [(site, choosing.accept, yes.intersection(pages)) for site, pages in held.items()]
    done += [(site, choosing.reject, no.intersection(pages)) for site, pages in held.items()]
    _review(store, done, as_json)


def _ids(words: Iterable[str] | None) -> set[int]:
    """Numbers of pages, as in `12,15`."""
    parts = [part.strip() for word in words or () for part in word.split(",") if part.strip()]
    for part in parts:
        if not (part.isdecimal() and len(part) < 18):
            raise ConfigError(f"{part}: is no number of a page; 'nightdesk review' shows them")
    return {int(part) for part in parts}


def _must_be_held(held: Held, yes: set[int], no: set[int], both: bool) -> None:
    if both or yes & no:
        raise ConfigError("review: a page can be accepted or rejected, not both")
    if unknown := (yes | no) - {page for pages in held.values() for page in pages}:
        raise ConfigError(
            f"page {min(unknown)}: nothing is held of it; 'nightdesk review' lists what is"
        )


def _list(store: Database, held: Held, diff: bool, as_json: bool) -> None:
    found = [
        (site, choosing.preview_accept(page))
        for site, pages in held.items()
        for start in range(0, len(pages), READ)
        for page in held_results.shelved(store, pages[start : start + READ])
    ]
    if as_json:
        print_json([{"site": site, **changes.change_json(change)} for site, change in found])
    elif not found:
        print_line("Nothing is held.")
    elif diff:
        for site, change in found:
            changes.print_change(change, site)
            print_line()
    else:
        columns = ["Page", "Site", "Held for", "Lines lost", "gained", "Title"]
        print_table(
            columns,
            [
                [c.page_id, site, c.reason, len(c.lost), len(c.gained), c.title or c.url]
                for site, c in found
            ],
        )
        print_line()
        print_line(
            f"{plural(len(found), 'page')} held; --diff shows the lines, --accept and --reject take the numbers."
        )


def _review(
    store: Database,
    wanted: Iterable[tuple[str, Callable[[Shelved], Chosen], set[int]]],
    as_json: bool,
) -> None:
    done = []
    for site, choose, pages in wanted:
        if pages:
            done.append(
                _watched(
                    site, partial(choosing.review, store, site, sorted(pages), choose), as_json
                )
            )
    if as_json:
        print_json([{"site": each.site, "run": each.run, "counts": each.counts} for each in done])
        return
    for each in done:
        print_line(f"{each.site}: {_counts(each)} (run {each.run})")


def rollback(
    context: typer.Context,
    run: Annotated[
        int,
        typer.Argument(metavar="RUN", help="The number of a clean, as 'nightdesk runs' shows it."),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would go back, and change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take a clean back: each article that it cleaned again is what it was before, and stays so under this recipe."""
    store = get_context(context).open_archive()
    site = choosing.site_of_clean_run(store, run)
    if dry_run:
        _preview(store, run, site, as_json)
        return
    done = _watched(site, partial(choosing.rollback, store, run), as_json)
    if as_json:
        print_json({"site": done.site, "run": done.run_id, "rolled_back": run, "counts": done.counts})
    elif done.run_id:
        print_line(f"{site}: run {run} is taken back: {_counts(done)} (run {done.run_id})")
    else:
        print_line(f"{site}: nothing of run {run} is left to take back.")


def _preview(store: Database, run: int, site: str, as_json: bool) -> None:
    report, pages = ChangeReport(site, SAMPLES), held_results.made_by(store, run)
    for start in range(0, len(pages), READ):
        for page in held_results.shelved(store, pages[start : start + READ]):
            report.add(choosing.preview_rollback(page, run))
    if as_json:
        print_json(changes.report_json(report))
    elif not report.pages:
        print_line(f"{site}: nothing of run {run} is left to take back.")
    else:
        changes.print_reports([report], dry=True)
        changes.print_samples([report])
        print_line()
        print_line("Nothing was changed.")


def _watched(site: str, work: Callable[[choosing.Progress], ReviewResult], as_json: bool) -> ReviewResult:
    """The work, with somebody looking on. Ctrl-C ends the command in order."""
    try:
        with night_progress(quiet=as_json) as looking:
            return work(partial(looking.clean, site))
    except KeyboardInterrupt:
        print_error("interrupted; what was done is kept, and the same command goes on from here")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _counts(choice: ReviewResult) -> str:
    return ", ".join(
        f"{number:,} {name.replace('_', ' ')}" for name, number in sorted(choice.counts.items())
    )
