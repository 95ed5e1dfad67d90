"""python -m tests.stress NAME: run one stress test.

It prints the figures and exits with 1 if one of them falls short. A stress test is the function
`run` of a module in the registry below. docs/explanation/stress-tests.md lists each with the time
that it takes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tests.stress.figures import Figures


@dataclass(frozen=True)
class Option:
    """A folder or a number that a stress test accepts."""

    flag: str
    name: str
    help: str
    kind: type[Path] | type[int] = Path


@dataclass(frozen=True)
class StressTest:
    """One stress test. `run` of its module gets the figures and the values of the options."""

    help: str
    module: str
    options: tuple[Option, ...] = ()

    def run(self, figures: Figures, **values: object) -> None:
        run: Callable[..., None] = import_module(self.module, __package__).run
        run(figures, **values)


METAVARS = {Path: "FOLDER", int: "N"}
STRESS_TESTS = {
    "breakage": StressTest(
        "A site with sixty nights of history breaks in twelve ways; each must be noticed.",
        ".breakage",
    ),
    "cluster": StressTest(
        "Three workers on one archive, one of them killed: everything is done, and nothing twice.",
        ".cluster",
        (Option("--sites", "sites", "The number of sites, for a quick check. Default: 300.", int),),
    ),
    "edits": StressTest(
        "A newsroom edits its stories over four nights: all changes are listed, and no others.",
        ".edits",
    ),
    "faults": StressTest(
        "Restarted or locked databases, overlapping nights, killed workers: nothing is lost.",
        ".faults",
    ),
    "diskfull": StressTest(
        "Nights on a disk of 8 MB, which fills: no committed row is lost, and they continue later.",
        ".diskfull",
    ),
    "hostile": StressTest(
        "A night with servers that do everything wrong: no crash, and no good page is lost.",
        ".hostile",
    ),
    "kill": StressTest(
        "A hundred nights killed at random moments on each database: no row is lost or duplicated.",
        ".kill",
    ),
    "foreign": StressTest(
        "The test data of ten other projects: no error; where our result differs, it is listed.",
        ".foreign",
        (
            Option(
                "--from",
                "folder",
                "A folder of source packages (*.tar.gz). Without it, pip downloads them.",
            ),
        ),
    ),
    "load": StressTest(
        "One night of three hundred sites, some of which hang: the others do not wait for them.",
        ".load",
    ),
    "replay": StressTest(
        "pywb shows every story of an exported WARC as it was, byte for byte.", ".replay"
    ),
    "naughty": StressTest(
        "The big list of naughty strings as stories and as queries: no error, and no script runs.",
        ".naughty",
    ),
    "serving": StressTest(
        "Readers use the web app during a night: responses stay fast, and no database is locked.",
        ".serving",
    ),
    "migrate": StressTest(
        "Upgrades from each earlier schema, killed after each statement: the next one succeeds.",
        ".migrate",
    ),
    "pathological": StressTest(
        "Pages, feeds, URLs, patterns and queries that try to be slow: time grows like size.",
        ".pathological",
    ),
    "powerloss": StressTest(
        "The power fails at random moments of a night: no committed row is lost.",
        ".powerloss",
    ),
    "ray": StressTest(
        "The recipe for Ray in the docs: the articles equal those of an ordinary clean.",
        ".ray_recipe",
        (
            Option(
                "--pages", "pages", "The number of pages, for a quick check. Default: 3000.", int
            ),
        ),
    ),
    "tamper": StressTest(
        "Sixty forgeries with full write access are found, and a thousand honest nights are not.",
        ".tamper",
        (Option("--nights", "nights", "Honest nights, for a quick check. Default: 1,000.", int),),
    ),
    "ssrf": StressTest(
        "Every spelling of an internal address by every way in: no connection is made.", ".ssrf"
    ),
}


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.stress", description="Run one stress test."
    )
    commands = parser.add_subparsers(dest="name", metavar="NAME", required=True)
    for name, stress_test in STRESS_TESTS.items():
        command = commands.add_parser(name, help=stress_test.help, description=stress_test.help)
        for option in stress_test.options:
            command.add_argument(
                option.flag,
                dest=option.name,
                metavar=METAVARS[option.kind],
                type=option.kind,
                help=option.help,
            )
    values = vars(parser.parse_args(words))
    figures = Figures(name := values.pop("name"))
    STRESS_TESTS[name].run(figures, **values)
    return figures.finish()


if __name__ == "__main__":
    sys.exit(main())
