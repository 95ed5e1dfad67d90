"""`nightdesk review`: accepts or rejects results that are held because they lose much text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.checkpoint_line import finish_log
from pipeline.cli.console import Cell, print_json, print_line, print_table
from pipeline.cli.context import AsJson, get_context
from pipeline.cli.views import clean_changes
from pipeline.cli.views.review_run import load_pages, outcome_counts, run_with_progress
from pipeline.core.errors import ConfigError
from pipeline.core.formatting import pluralize
from pipeline.jobs import review as reviews
from pipeline.jobs.changes import Change
from pipeline.store import read
from pipeline.store.clean.types import ReviewInput, ReviewOutcome

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database

EXAMPLES: Final = (
    "nightdesk review --diff",
    "nightdesk review --accept 12,15",
    "nightdesk review gazette --reject-all --accept 12",
)
MAX_ID_DIGITS: Final = 17  # an id fits into 64 bits

PagesBySite = Mapping[str, Sequence[int]]
Decide = Callable[[ReviewInput], ReviewOutcome]


def review(
    context: typer.Context,
    sites: Annotated[
        list[str] | None,
        typer.Argument(metavar="SITE", help="Ids of sites. Default: all sites."),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept",
            metavar="ID",
            help="Accept the held result of a page, or of several, as in 12,15.",
        ),
    ] = None,
    accept_all: Annotated[
        bool,
        typer.Option("--accept-all", help="Accept all held results but those of --reject."),
    ] = False,
    reject: Annotated[
        list[str] | None,
        typer.Option(
            "--reject",
            metavar="ID",
            help="Keep the article of a page, and do not offer this result again.",
        ),
    ] = None,
    reject_all: Annotated[
        bool,
        typer.Option("--reject-all", help="Reject all held results but those of --accept."),
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show each page line by line.")] = False,
    as_json: AsJson = False,
) -> None:
    """List results that are held because they lose much text, and accept or reject them."""
    app = get_context(context)
    database = app.open_archive()
    for site in sites or ():
        app.check_site_name(database, site)
    held = read.held_pages(database, sites or ())
    accepted, rejected = _page_ids(accept), _page_ids(reject)
    all_held = set[int]().union(*held.values())
    _check(all_held, accepted, rejected, all_twice=accept_all and reject_all)
    if accept_all:
        accepted |= all_held - rejected
    if reject_all:
        rejected |= all_held - accepted
    if accepted or rejected or accept_all or reject_all:
        _review(database, held, accepted, rejected, as_json=as_json)
        finish_log(app, database, quiet=True)
    else:
        _print_held(database, held, diff=diff, as_json=as_json)


def _page_ids(values: Iterable[str] | None) -> set[int]:
    """Return the numbers in values such as `12,15`. Raises ConfigError."""
    ids = set[int]()
    for value in values or ():
        for part in value.split(","):
            number = part.strip()
            if not number:
                continue
            if not number.isdecimal() or len(number) > MAX_ID_DIGITS:
                raise ConfigError(
                    f"{number}: is not the number of a page; 'nightdesk review' shows them"
                )
            ids.add(int(number))
    return ids


def _check(held: set[int], accepted: set[int], rejected: set[int], *, all_twice: bool) -> None:
    if all_twice or accepted & rejected:
        raise ConfigError("review: a page can be accepted or rejected, not both")
    unknown = (accepted | rejected) - held
    if unknown:
        raise ConfigError(
            f"page {min(unknown)}: has no held result; 'nightdesk review' lists the pages that do"
        )


def _review(
    database: Database,
    held: PagesBySite,
    accepted: set[int],
    rejected: set[int],
    *,
    as_json: bool,
) -> None:
    decisions: tuple[tuple[Decide, set[int]], ...] = (
        (reviews.accept, accepted),
        (reviews.reject, rejected),
    )
    results = []
    for decide, ids in decisions:
        for site, pages in held.items():
            selected = sorted(ids.intersection(pages))
            if selected:
                work = partial(reviews.review, database, site, selected, decide)
                results.append(run_with_progress(site, work, quiet=as_json))
    if as_json:
        rows = []
        for result in results:
            rows.append({"site": result.site, "run": result.run_id, "counts": result.counts})
        print_json(rows)
        return
    for result in results:
        print_line(f"{result.site}: {outcome_counts(result)} (run {result.run_id})")


def _print_held(database: Database, held: PagesBySite, *, diff: bool, as_json: bool) -> None:
    held_changes: list[tuple[str, Change]] = []
    for site, pages in held.items():
        for page in load_pages(database, pages):
            held_changes.append((site, reviews.preview_accept(page)))
    if as_json:
        rows = [
            {"site": site, **clean_changes.change_json(change)} for site, change in held_changes
        ]
        print_json(rows)
    elif not held_changes:
        print_line("Nothing is held.")
    elif diff:
        for site, change in held_changes:
            clean_changes.print_change(change, site)
            print_line()
    else:
        _print_table(held_changes)


def _print_table(held_changes: Sequence[tuple[str, Change]]) -> None:
    rows: list[list[Cell]] = []
    for site, change in held_changes:
        lines: list[Cell] = [len(change.lost), len(change.gained)]
        rows.append([change.page_id, site, change.reason, *lines, change.title or change.url])
    print_table(["Page", "Site", "Held for", "Lines lost", "gained", "Title"], rows)
    print_line()
    print_line(
        f"{pluralize(len(held_changes), 'page')} held; --diff shows the lines,"
        " --accept and --reject take the numbers."
    )
