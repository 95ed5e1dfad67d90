"""`nightdesk add`: probes news sites and writes their site files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from pipeline.cli.console import print_error, print_json
from pipeline.cli.context import AppContext, AsJson, get_context
from pipeline.cli.views import probe_report
from pipeline.cli.views.probe_progress import probe_progress
from pipeline.config import site as site_files
from pipeline.config.site import SITE_ID_PATTERN, Site
from pipeline.core.errors import ConfigError, ExitCode, NightdeskError
from pipeline.core.site_ids import make_site_id
from pipeline.jobs import onboarding
from pipeline.jobs.onboarding import ProbedSite
from pipeline.jobs.probe import SiteProbe
from pipeline.jobs.results import worst_exit_code
from pipeline.onboarding.proposal import Proposal
from pipeline.onboarding.site_file_writer import SiteFileOptions
from pipeline.onboarding.site_lists import RequestedSite, read_site_list, requested_site

EXAMPLES: Final = (
    "nightdesk add https://gazette.example/",
    "nightdesk add --catalog guardian",
    "nightdesk add --from sites.opml --yes",
    "nightdesk add https://gazette.example/ --id gazette --dry-run",
)
STDIN: Final = "-"


@dataclass(slots=True)
class AddRequest:
    """What one call of `add` is to do, and what it did so far.

    Attributes:
        folder: The folder of the site files.
        options: What goes into each file besides the proposal.
        site_id: The id that the user chose; "" for one made of the host.
        dry_run: Write nothing.
        yes: Write without a question.
        replace: Also write sites that have a file.
        quiet: Print nothing, because JSON follows.
        is_list: Whether there are several sites, which get one line each.
        known_sites: Sites that have a file, with those of this call.
        exit_codes: The codes of sites that failed.
        rows: The JSON of each site.
    """

    folder: Path
    options: SiteFileOptions
    site_id: str = ""
    dry_run: bool = False
    yes: bool = False
    replace: bool = False
    quiet: bool = False
    is_list: bool = False
    known_sites: tuple[Site, ...] = ()
    exit_codes: list[ExitCode] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def asks(self) -> bool:
        """Return whether the user is asked before a file is written."""
        return not (self.yes or self.dry_run)

    def fail(self, sentence: str, code: ExitCode) -> None:
        """Print the error of a site, and remember its exit code."""
        print_error(sentence)
        self.exit_codes.append(code)


def add(
    context: typer.Context,
    urls: Annotated[
        list[str] | None,
        typer.Argument(metavar="URL", help="Front pages or feeds of news sites."),
    ] = None,
    list_file: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="A list of sites: OPML, or one URL a line; - is standard input.",
        ),
    ] = None,
    catalog: Annotated[
        list[str] | None,
        typer.Option(
            "--catalog",
            metavar="NAME",
            help="A publisher of the catalogue, by its id or name. You may repeat it.",
        ),
    ] = None,
    site_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="The id of the site. Default: made of its host."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    replace_file: Annotated[
        bool, typer.Option("--replace", help="Also probe sites that have a file, and replace it.")
    ] = False,
    allow_private: Annotated[
        bool,
        typer.Option("--allow-private", help="Allow sites on this machine or in an intranet."),
    ] = False,
    delay: Annotated[
        float,
        typer.Option(
            min=0,
            max=600,
            metavar="SECONDS",
            help="Seconds between two requests to a site, now and every night.",
        ),
    ] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Probe news sites, and write a file for each: sources, URL patterns, language, time zone."""
    app = get_context(context)
    requested = _requested_sites(urls or (), catalog or (), list_file)
    if site_id is not None:
        _check_site_id(site_id, len(requested))
    is_interactive = sys.stdin is not None and sys.stdin.isatty()
    if not (yes or dry_run) and (as_json or list_file == STDIN or not is_interactive):
        raise typer.BadParameter(
            "there is no terminal for a question: add --yes to write the files,"
            " or --dry-run to write nothing"
        )
    _ = app.settings.sent_user_agent  # without a contact in the settings nothing is started
    known_sites, _ = site_files.load_sites(app.settings.sites_folder)
    request = AddRequest(
        folder=app.settings.sites_folder,
        options=SiteFileOptions(delay, allow_private, f"{datetime.now(UTC):%Y-%m-%d}"),
        site_id=site_id or "",
        dry_run=dry_run,
        yes=yes,
        replace=replace_file,
        quiet=as_json,
        is_list=len(requested) > 1,
        known_sites=known_sites,
    )
    _run(app, request, requested)
    if as_json:
        print_json(request.rows)
    raise typer.Exit(worst_exit_code([app.exit_code, *request.exit_codes]))


def _check_site_id(site_id: str, sites: int) -> None:
    characters = "an id has lower-case letters, digits, '-', '_' and '.'"
    if not SITE_ID_PATTERN.fullmatch(site_id):
        raise ConfigError(f"--id: '{site_id}' is not a site id; {characters}")
    if sites != 1:
        raise ConfigError(f"--id: names one site, and there are several; {characters}")


def _requested_sites(
    urls: Sequence[str], catalog: Sequence[str], list_file: str | None
) -> tuple[RequestedSite, ...]:
    requested = [requested_site(url) for url in urls]
    if catalog:
        from pipeline.onboarding.catalog import find_publisher

        requested.extend(find_publisher(name).requested_site for name in catalog)
    if list_file is not None:
        name = "standard input" if list_file == STDIN else list_file
        requested.extend(read_site_list(_read_list_file(list_file), name))
    if not requested:
        raise typer.BadParameter(
            "name a URL, a list of URLs with --from, or a publisher with --catalog"
        )
    return tuple(requested)


def _read_list_file(list_file: str) -> bytes:
    if list_file == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(list_file).read_bytes()
    except OSError as error:
        raise ConfigError(f"{list_file}: cannot be read ({error.strerror})") from None


def _run(app: AppContext, request: AddRequest, requested: Sequence[RequestedSite]) -> None:
    """Probe all sites, and finish each at once, or after all probes if the user is asked."""

    def on_probed(site: ProbedSite) -> None:
        if not request.asks:
            _finish_site(site, request)

    try:
        checked = [_refuse_known_site(site, request) for site in requested]
        with probe_progress(quiet=request.quiet) as progress:
            probed = onboarding.probe_sites(
                app.settings, checked, request.options, progress, on_probed
            )
        if request.asks:
            for site in probed:
                _finish_site(site, request)
    except (KeyboardInterrupt, typer.Abort):  # Abort: Ctrl-C or the end of input at a question
        print_error("interrupted; the files that were written stay")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _refuse_known_site(requested: RequestedSite, request: AddRequest) -> RequestedSite:
    """Return the site with an error if it has a file: a probe costs its server many requests."""
    if requested.error or request.replace:
        return requested
    known = onboarding.site_of_url(requested.url, request.known_sites)
    if known is None:
        return requested
    return replace(
        requested,
        error=f"is the site '{known.id}' already; 'nightdesk check {known.id}' probes it again,"
        " and --replace writes its file again",
    )


def _finish_site(site: ProbedSite, request: AddRequest) -> None:
    """Print what was found, ask if needed, and write the site file."""
    requested = site.requested
    location = f"{requested.location}: " if requested.location else ""
    row: dict[str, Any] = {
        "url": requested.url,
        "id": "",
        "file": "",
        "written": False,
        "error": site.error,
    }
    if site.proposal is None or site.probe is None:
        request.fail(f"{location}{requested.url}: {site.error}", site.exit_code)
        found = probe_report.probe_json(site.probe) if site.probe else {}
        request.rows.append(row | found)
        return
    try:
        row |= _propose(site, site.probe, site.proposal, request)
    except NightdeskError as error:
        row["error"] = str(error)
        request.fail(f"{location}{error}", error.exit_code)
    request.rows.append(row)


def _propose(
    site: ProbedSite, probe: SiteProbe, proposal: Proposal, request: AddRequest
) -> dict[str, Any]:
    """Print a proposal and write it unless the user declines. Return its JSON."""
    name = _choose_site_id(site, proposal, request)
    text = site.site_file(request.options)
    path = request.folder / f"{name}.toml"
    row = {"id": name, "toml": text, **probe_report.proposal_json(probe, proposal)}
    if request.is_list and not request.quiet:
        probe_report.print_site_line(probe, proposal, name)
    elif not request.quiet:
        probe_report.print_probe(probe, proposal)
    is_written = not request.dry_run and (request.yes or _confirm(path))
    if is_written:
        onboarding.write_site_file(request.folder, name, text, replace=request.replace)
        row |= {"file": str(path), "written": True}
    # Another line of the list may lead to the same site.
    request.known_sites = (*request.known_sites, proposal.site(name))
    if not request.quiet:
        _print_end(path, text, name, request, is_written=is_written)
    return row


def _choose_site_id(site: ProbedSite, proposal: Proposal, request: AddRequest) -> str:
    """Return the id for a site. Raises ConfigError if the site has a file already."""
    requested = site.requested
    known = None
    if not requested.error:
        known = onboarding.site_of_url(proposal.url, request.known_sites)
    if known is not None and not request.replace:
        raise ConfigError(
            f"{requested.url}: leads to {proposal.url}, which is the site '{known.id}' already"
        )
    if request.site_id:
        return request.site_id
    if known is not None:
        return known.id
    taken = {site.id for site in request.known_sites}
    taken.update(path.stem for path in site_files.list_site_files(request.folder))
    return make_site_id(proposal.url, proposal.name, taken)


def _print_end(path: Path, text: str, name: str, request: AddRequest, *, is_written: bool) -> None:
    if is_written:
        probe_report.print_written(path, name)
    elif request.dry_run:
        probe_report.print_preview(path, text)
    else:
        probe_report.print_not_written()


def _confirm(path: Path) -> bool:
    return typer.confirm(f"Write {path}?", default=True)
