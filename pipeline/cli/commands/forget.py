"""`nightdesk forget`: deletes, hides or redacts a story on an order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pipeline.cli.console import print_error, print_json, print_line
from pipeline.cli.context import AppContext, AsJson, get_context
from pipeline.cli.night_runner import clean_with_progress, print_errors
from pipeline.cli.views.page_lookup import require_page
from pipeline.core.errors import ConfigError, ExitCode
from pipeline.core.formatting import pluralize
from pipeline.jobs import forget as jobs
from pipeline.jobs.evidence.checkpoints import load_signer
from pipeline.jobs.forget import ForgetPreview, ForgetResult
from pipeline.store.maintenance.forget import ForgetOrder

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database

EXAMPLES: Final = (
    "nightdesk forget 12 --reason 'order 7 O 81/26' --dry-run",
    "nightdesk forget 12 --reason 'order 7 O 81/26' --hide",
    "nightdesk forget 12 --reason 'order 7 O 81/26' --redact 'M[ai]rtin Dray'",
)
COPIES: Final = (
    "Backups, exports, witnesses' files and other copies of the archive are not touched: delete or"
    " replace them yourself."
)


def forget(
    context: typer.Context,
    page: Annotated[str, typer.Argument(metavar="ID|URL", help="The article: its id, or its URL.")],
    reason: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="Why, such as the number of the order. The log keeps it; do not name the story.",
        ),
    ],
    hide: Annotated[
        bool, typer.Option("--hide", help="Hide it from readers. --show takes that back.")
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="Show a hidden story again.")] = False,
    redact: Annotated[
        str, typer.Option(metavar="PATTERN", help="Replace what this regular expression matches.")
    ] = "",
    seal_to: Annotated[
        Path | None,
        typer.Option(
            metavar="CERTIFICATE",
            help="With --redact: encrypt the original bytes to this certificate (PEM, RSA).",
        ),
    ] = None,
    seal_folder: Annotated[
        Path, typer.Option(metavar="FOLDER", help="With --seal-to: where encrypted bytes go.")
    ] = Path("sealed"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show all that it would touch, and change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a story for good, hide it, or redact it, and log that."""
    app = get_context(context)
    if hide + show + bool(redact) > 1:
        raise ConfigError("--hide, --show and --redact exclude each other; give one of them")
    if seal_to is not None and not redact:
        raise ConfigError("--seal-to: only --redact keeps original bytes")
    database = app.open_archive()
    try:
        found = require_page(database, page)
        preview = _preview(database, found.id, keeps_bytes=hide or show, pattern=redact)
        _check_reason(preview, reason)
        if as_json:
            if dry_run:
                print_json({"dry_run": True, **_preview_json(preview)})
                return
        else:
            _print_preview(preview)
        if dry_run:
            print_line("Dry run: nothing was changed.")
            return
        if not yes and not typer.confirm("Go on?"):
            raise typer.Exit(ExitCode.INTERRUPTED)
        order = ForgetOrder(reason, load_signer(app.settings))
        if hide:
            result = jobs.hide_page(database, found.id, order)
        elif show:
            result = jobs.show_page(database, found.id, order)
        elif redact:
            seal = _seal(seal_to, seal_folder)
            result = jobs.redact_page(database, found.id, redact, order, seal)
        else:
            result = jobs.forget_page(database, found.id, order, app.settings.log_folder)
        was_cleaned = bool(show or redact) and _clean(app, database, preview.plan.site)
    finally:
        database.close()
    if as_json:
        print_json({"dry_run": False, **_preview_json(preview), "leaf": result.leaf})
        return
    needs_clean = bool(show or redact) and not was_cleaned
    _print_result(preview, result, was_deleted=not (hide or show), needs_clean=needs_clean)


def _clean(app: AppContext, database: Database, site: str) -> bool:
    """Make the article again, and return whether that worked."""
    try:
        sites = app.sites((site,), also_disabled=True)
    except ConfigError:  # the site has no file any more
        return False
    results = clean_with_progress(app, database, sites, quiet=True)
    print_errors(results)
    return not any(result.errors for result in results)


def _preview(database: Database, page_id: int, *, keeps_bytes: bool, pattern: str) -> ForgetPreview:
    if pattern:
        return jobs.preview_redact(database, page_id, pattern)
    if keeps_bytes:
        return jobs.preview_hide(database, page_id)
    return jobs.preview_forget(database, page_id)


def _check_reason(preview: ForgetPreview, reason: str) -> None:
    """Refuse a reason that would keep in the log what has to go."""
    if not reason.strip():
        raise ConfigError("--reason: say why, for example the number of the order")
    texts = (*preview.plan.urls, *preview.plan.titles)
    if any(text and text.casefold() in reason.casefold() for text in texts):
        raise ConfigError("--reason: names the story; the log keeps the reason, so leave that out")


def _seal(certificate: Path | None, folder: Path) -> jobs.Seal | None:
    if certificate is None:
        return None
    from pipeline.jobs.sealed_bytes import sealer  # loads cryptography

    return sealer(certificate, folder)


def _preview_json(preview: ForgetPreview) -> dict[str, Any]:
    plan = preview.plan
    return {
        "pages": [{"id": page.id, "site": page.site, "url": page.url} for page in plan.pages],
        "counts": plan.counts,
        "dictionaries": len(plan.dictionaries),
        "source_versions": [
            {"url": version.url, "kind": version.kind} for version in preview.sources
        ],
        "cited_by": list(plan.cited_by),
        "matches": preview.matches,
    }


def _print_preview(preview: ForgetPreview) -> None:
    plan = preview.plan
    for page in plan.pages:
        print_line(f"page {page.id}  {page.url}")
    counts = [f"{number:,} {name}" for name, number in plan.counts.items() if number]
    print_line(f"It has {', '.join(counts) or 'nothing stored'}.")
    if preview.matches:
        print_line(f"The pattern has {pluralize(preview.matches, 'match', 'matches')}.")
    if plan.dictionaries:
        count = pluralize(len(plan.dictionaries), "dictionary", "dictionaries")
        print_line(f"Pages that are compressed with {count} of its bytes are packed again.")
    named = {version.url for version in preview.sources}
    for url in sorted(named):
        versions = sum(version.url == url for version in preview.sources)
        print_line(f"{pluralize(versions, 'version')} of {url} name it and are redacted.")
    if plan.cited_by:
        ids = ", ".join(map(str, plan.cited_by[:20]))
        print_line(f"Other articles link to it, and stay as they are: {ids}.")


def _print_result(
    preview: ForgetPreview, result: ForgetResult, *, was_deleted: bool, needs_clean: bool
) -> None:
    print_line(f"Done. Leaf {result.leaf} of the log says so.")
    if result.log_lines:
        print_line(f"{pluralize(result.log_lines, 'line')} of log files deleted.")
    if needs_clean:
        print_line(f"'nightdesk clean {preview.plan.site}' makes the article again.")
    for note in result.notes:
        print_error(note)
    if was_deleted:
        print_line(COPIES)
