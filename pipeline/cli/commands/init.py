"""`nightdesk init`: makes a home folder with settings, a sample of a site file and .gitignore."""

from __future__ import annotations

import shlex
import shutil
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated, Final

import typer

from pipeline.cli.console import print_line
from pipeline.cli.context import get_context
from pipeline.core.errors import ConfigError, DiskError

EXAMPLES: Final = (
    "nightdesk init",
    "nightdesk init archive --contact desk@example.org",
)
EMPTY_CONTACT: Final = 'contact = ""'
GITIGNORE: Final = (
    "# The archive, its logs and locks. config/ is yours, and worth a commit.\n/var/\n"
)
MAX_CONTACT: Final = 200  # characters; each request sends it


def init(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="The folder. Default: the working folder."),
    ] = None,
    contact: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="A mail address or web page where a site's owner can reach you."
            " Without it you are asked.",
        ),
    ] = None,
) -> None:
    """Make a home folder: settings with your contact, a sample of a site file, a cron line.

    Files that exist stay as they are.
    """
    home = (folder or get_context(context).given_home or Path()).absolute()
    is_asked = contact is None and sys.stdin.isatty()
    if is_asked and not (home / "config" / "nightdesk.toml").exists():
        print_line("Sites see who visits them: each request sends your contact.")
        contact = typer.prompt("A mail address or web page of yours", default="")
    address = checked_contact(contact or "")
    settings = _template("nightdesk.toml").replace(EMPTY_CONTACT, f'contact = "{address}"', 1)
    files = {
        Path("config", "nightdesk.toml"): settings,
        Path("config", "sites", "example.toml.sample"): _template("example.toml.sample"),
        Path(".gitignore"): GITIGNORE,
    }
    try:
        for path, text in files.items():
            _write(home, path, text)
        (home / "var").mkdir(exist_ok=True)
    except OSError as error:
        raise DiskError(
            f"{error.filename or home}: cannot be made ({error.strerror});"
            " name a folder that you may write to"
        ) from None
    _print_next_steps(home, has_contact=_has_contact(home / "config" / "nightdesk.toml"))


def checked_contact(text: str) -> str:
    """Return a contact that can be sent and be written into the settings.

    Raises:
        ConfigError: Nobody could be reached there.
    """
    address = text.strip()
    is_address = "@" in address or "://" in address
    if not address:
        return ""
    if not is_address or not address.isprintable() or {'"', "\\", " "} & set(address):
        raise ConfigError(
            f"--contact {address[:80]!r}: is no mail address and no web page;"
            " write it as desk@example.org or https://example.org/bot"
        )
    if len(address) > MAX_CONTACT or not address.isascii():
        raise ConfigError(
            f"--contact: is longer than {MAX_CONTACT} characters or has other letters than ASCII,"
            " which a request cannot send"
        )
    return address


def _template(name: str) -> str:
    return (resources.files("pipeline.cli") / "templates" / name).read_text(encoding="utf8")


def _write(home: Path, path: Path, text: str) -> None:
    target = home / path
    if target.exists():
        print_line(f"{target}: exists, and stays as it is")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf8")
    print_line(f"{target}: written")


def _has_contact(path: Path) -> bool:
    return EMPTY_CONTACT not in path.read_text(encoding="utf8", errors="replace")


def command_for_cron(program: str) -> str:
    """Return the command with which cron, which knows no working folder, starts Nightdesk.

    Args:
        program: The first word of the command line of this process.

    Returns:
        An absolute path, or the Python of this process with `-m pipeline`.
    """
    path = shutil.which(program)
    if path is None or Path(path).name != "nightdesk":
        return f"{shlex.quote(sys.executable)} -m pipeline"
    return shlex.quote(str(Path(path).absolute()))


def _print_next_steps(home: Path, *, has_contact: bool) -> None:
    program = command_for_cron(sys.argv[0])
    here = f"cd {shlex.quote(str(home))} && " if home != Path.cwd() else ""
    print_line()
    if not has_contact:
        print_line(f"First set 'contact' in {home / 'config' / 'nightdesk.toml'}: without it")
        print_line("nothing is fetched.")
    print_line("Type next:")
    print_line(f"  {here}nightdesk add https://www.example.org/")
    print_line("  nightdesk crawl")
    print_line("  nightdesk serve")
    print_line()
    print_line("Every night, for crontab -e:")
    print_line(f"  30 2 * * * {program} --home {shlex.quote(str(home))} crawl")
