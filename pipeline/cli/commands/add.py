"""The commands that find out how a site is to be read: add, check.

Promises that nothing is written before somebody said yes, and a line for every site that was asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.status import Status

from pipeline.cli.console import print_error, errors, print_json
from pipeline.cli.context import AsJson, AppContext, SiteNames, get_context
from pipeline.cli.views import probe_report
from pipeline.config import site as site_files
from pipeline.config.site import SITE_ID, Site
from pipeline.core.errors import ConfigError, ExitCode, NightdeskError
from pipeline.jobs import onboarding
from pipeline.jobs.nightly import worst_exit_code
from pipeline.jobs.onboarding import SiteCheck, ProbedSite
from pipeline.onboarding.site_file_writer import Terms
from pipeline.onboarding.site_ids import site_id
from pipeline.onboarding.site_lists import Wanted, read, wanted

STDIN = "-"


@dataclass(slots=True)
class AddRequest:
    """What was asked for, and what has come of it so far."""

    folder: Path
    terms: Terms
    name: str = ""
    dry_run: bool = False
    yes: bool = False
    replace: bool = False
    quiet: bool = False
    is_list: bool = False
    known: tuple[Site, ...] = ()
    codes: list[ExitCode] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)

    def fail(self, sentence: str, code: ExitCode) -> None:
        print_error(sentence)
        self.codes.append(code)


def add(
    context: typer.Context,
    addresses: Annotated[
        list[str] | None,
        typer.Argument(metavar="URL", help="Front pages, or feeds, of news sites."),
    ] = None,
    listed: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="OPML, or a list with one URL a line; - is standard input.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="The site's id. Default: made of its host."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be written; write nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    replace_file: Annotated[
        bool, typer.Option("--replace", help="Write a site anew that has a file already.")
    ] = False,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Let it lie on this machine or an intranet.")
    ] = False,
    delay: Annotated[
        float,
        typer.Option(min=0, max=600, help="Seconds between two requests, now and every night."),
    ] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Probe news sites and write their site files: feeds, sitemaps, sections, patterns, language, time zone."""
    here = get_context(context)
    all_wanted = _wanted(addresses or (), listed)
    if name is not None and (len(all_wanted) != 1 or not SITE_ID.fullmatch(name)):
        wrong = (
            "names one site, and there are several"
            if SITE_ID.fullmatch(name)
            else f"'{name}' is no site id"
        )
        raise ConfigError(
            f"--id: {wrong}; an id is of lower-case letters, digits, '-', '_' and '.'"
        )
    if not (yes or dry_run) and (
        as_json or listed == STDIN or not (sys.stdin is not None and sys.stdin.isatty())
    ):
        raise typer.BadParameter(
            "there is nobody to be asked: add --yes to write the files, or --dry-run to look"
        )
    _ = here.settings.agent  # refused before anything is begun
    terms = Terms(delay, allow_private, f"{datetime.now(UTC):%Y-%m-%d}")
    known, _ = site_files.load_all(here.settings.sites_folder)
    orders = AddRequest(
        here.settings.sites_folder,
        terms,
        name or "",
        dry_run,
        yes,
        replace_file,
        as_json,
        len(all_wanted) > 1,
        known,
    )
    _run(here, orders, all_wanted)
    if as_json:
        print_json(orders.told)
    raise typer.Exit(worst_exit_code([here.exit_code, *orders.codes]))


def _wanted(addresses: Sequence[str], listed: str | None) -> tuple[Wanted, ...]:
    found = [wanted(each) for each in addresses]
    if listed is not None:
        found += read(_body(listed), "standard input" if listed == STDIN else listed)
    if not found:
        raise typer.BadParameter("name a URL, or a list of them with --from")
    return tuple(found)


def _body(listed: str) -> bytes:
    if listed == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(listed).read_bytes()
    except OSError as error:
        raise ConfigError(f"{listed}: cannot be read ({error.strerror})") from None


def _run(here: AppContext, orders: AddRequest, all_wanted: Sequence[Wanted]) -> None:
    """Probes all, and settles each: at once where nobody has to be asked, else when all are probed."""
    fresh = [_refused(each, orders) for each in all_wanted]
    asks = not (orders.yes or orders.dry_run)
    try:
        with _busy(orders) as busy:

            def done(found: ProbedSite) -> None:
                if not asks:
                    _settle(found, orders)

            surveys_made = onboarding.probe_sites(here.settings, fresh, orders.terms, busy, done)
        for found in surveys_made if asks else ():
            _settle(found, orders)
    except (
        KeyboardInterrupt,
        typer.Abort,
    ):  # Abort: Ctrl-C or the end of input where a question stood
        print_error("interrupted; the files that were written stay")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _refused(each: Wanted, orders: AddRequest) -> Wanted:
    """A site that has a file is not probed for nothing."""
    known = None if each.trouble or orders.replace else onboarding.site_of_url(each.url, orders.known)
    if known is None:
        return each
    return replace(
        each,
        trouble=f"is the site '{known.id}' already; 'nightdesk check {known.id}' looks at it again, --replace writes it anew",
    )


def _settle(found: ProbedSite, orders: AddRequest) -> None:
    """Shows what was found, asks where somebody is to be asked, writes, and says so."""
    where = f"{found.listed_site.where}: " if found.listed_site.where else ""
    row: dict[str, Any] = {
        "url": found.listed_site.url,
        "id": "",
        "file": "",
        "written": False,
        "trouble": found.problem,
    }
    if found.proposal is None or found.probe is None:
        orders.fail(f"{where}{found.listed_site.url}: {found.problem}", found.exit_code)
        orders.told.append(row | (probe_report.findings_json(found.probe) if found.probe else {}))
        return
    try:
        known = (
            None if found.listed_site.trouble else onboarding.site_of_url(found.proposal.url, orders.known)
        )
        if known is not None and not orders.replace:
            raise ConfigError(
                f"{found.listed_site.url}: leads to {found.proposal.url}, which is the site '{known.id}' already"
            )
        name = orders.name or (known.id if known else _free_id(found, orders))
        text = found.site_file(orders.terms)
        row |= {"id": name, "toml": text, **probe_report.survey_json(found.probe, found.proposal)}
        path = orders.folder / f"{name}.toml"
        if not orders.quiet:
            probe_report.show(found, name, whole=not orders.is_list)
        if not orders.dry_run and (orders.yes or _agreed(path)):
            onboarding.write_site_file(orders.folder, name, text, replace=orders.replace)
            row |= {"file": str(path), "written": True}
        _remember(found, name, orders)
        if not orders.quiet:
            probe_report.show_end(
                text, path, written=row["written"], dry_run=orders.dry_run, name=name
            )
    except NightdeskError as error:
        row["trouble"] = str(error)
        orders.fail(where + str(error), error.exit_code)
    orders.told.append(row)


def _free_id(found: ProbedSite, orders: AddRequest) -> str:
    assert found.proposal is not None
    taken = {site.id for site in orders.known} | {
        path.stem for path in site_files.files(orders.folder)
    }
    return site_id(found.proposal.url, found.proposal.name, taken)


def _remember(found: ProbedSite, name: str, orders: AddRequest) -> None:
    """Another line of the list may lead to the same site."""
    assert found.proposal is not None
    orders.known = (*orders.known, found.proposal.site(name))


def _agreed(path: Path) -> bool:
    return typer.confirm(f"Write {path}?", default=True)


def check(context: typer.Context, sites: SiteNames = None, as_json: AsJson = False) -> None:
    """Probe sites again, and say what is broken, what has changed and what is new. Changes nothing."""
    here = get_context(context)
    chosen = here.sites(sites or ())
    _ = here.settings.agent
    try:
        with _busy(AddRequest(here.settings.sites_folder, Terms(), quiet=as_json)) as busy:
            checks = onboarding.check_sites(here.settings, chosen, busy)
    except KeyboardInterrupt:
        print_error("interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if as_json:
        print_json([probe_report.check_json(each) for each in checks])
    else:
        probe_report.show_checks(checks)
    raise typer.Exit(worst_exit_code([here.exit_code, *map(_code, checks)]))


def _code(found: SiteCheck) -> ExitCode:
    if found.problem:
        print_error(found.problem)
    return ExitCode.PARTLY if found.problem or probe_report.is_broken(found) else ExitCode.OK


@contextmanager
def _busy(orders: AddRequest) -> Iterator[onboarding.Listen]:
    """A line at the terminal that says what is being asked; nothing where nobody watches."""
    if orders.quiet or not errors.is_terminal:
        yield lambda _, __: None
        return
    with Status("", console=errors) as status:

        def listen(site: str, event: dict[str, Any]) -> None:
            match event["event"]:
                case "probed":
                    status.update(f"{site}: {event['kind']} {event['url']}"[:110])
                case "cleaning":
                    status.update(f"{site}: cleaning {event['samples']} samples")

        yield listen
