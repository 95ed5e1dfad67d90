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

    def run(self, figures: Figures, **given: object) -> None:
        run: Callable[..., None] = import_module(self.module, __package__).run
        run(figures, **given)


SHOWN = {Path: "FOLDER", int: "N"}
STRESS_TESTS = {
    "breakage": StressTest(
        "A site with sixty nights of history breaks in twelve ways: each is noticed.", ".breakage"
    ),
    "cluster": StressTest(
        "Three workers on one archive, one of them killed: all is done, nothing twice, no site by two at once.",
        ".cluster",
        (Option("--sites", "sites", "How many sites, for a quick look; without it, 300.", int),),
    ),
    "faults": StressTest(
        "Databases that restart or are locked, nights that overlap, workers that die: nothing is lost.",
        ".faults",
    ),
    "diskfull": StressTest(
        "Nights on a disk of eight megabytes: it fills, nothing committed is lost, and they go on.",
        ".diskfull",
    ),
    "hostile": StressTest(
        "A night beside servers that do everything wrong: nothing crashes, nothing good is lost.",
        ".hostile",
    ),
    "kill": StressTest(
        "A hundred nights killed at random moments on each database: nothing is lost, nothing is there twice.",
        ".kill",
    ),
    "foreign": StressTest(
        "The test data of ten other projects, as pip brings it: nothing breaks, and what we read otherwise is listed.",
        ".foreign",
        (
            Option(
                "--from",
                "folder",
                "A folder of source packages (*.tar.gz) to use; without it, pip brings them.",
            ),
        ),
    ),
    "load": StressTest(
        "One night of three hundred sites, some of which hang: the others are not held up.", ".load"
    ),
    "replay": StressTest(
        "Every story of an exported WARC is shown by pywb as it was, byte for byte.", ".replay"
    ),
    "naughty": StressTest(
        "The big list of naughty strings as stories and as queries: nothing breaks, nothing runs.",
        ".naughty",
    ),
    "serving": StressTest(
        "Readers of an archive into which a night crawls and cleans: nobody waits, nobody is locked out.",
        ".serving",
    ),
    "migrate": StressTest(
        "Upgrades from each earlier schema, killed after each statement: the next one succeeds.",
        ".migrate",
    ),
    "pathological": StressTest(
        "Pages, feeds, addresses, patterns and queries made to be slow: time grows as their size does.",
        ".pathological",
    ),
    "powerloss": StressTest(
        "The power goes at random moments of a night: all that was committed is there.",
        ".powerloss",
    ),
    "ray": StressTest(
        "The README's recipe on Ray: pages leave, drafts come back, and all is as it is without.",
        ".ray_recipe",
        (Option("--pages", "pages", "How many pages, for a quick look; without it, 3000.", int),),
    ),
    "ssrf": StressTest(
        "Every spelling of an inner address by every way in: nothing is ever connected to.", ".ssrf"
    ),
}


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description="Runs one trial.")
    trials = parser.add_subparsers(dest="name", metavar="NAME", required=True)
    for name, trial in STRESS_TESTS.items():
        one = trials.add_parser(name, help=trial.help, description=trial.help)
        for option in trial.options:
            one.add_argument(
                option.flag,
                dest=option.name,
                metavar=SHOWN[option.kind],
                type=option.kind,
                help=option.help,
            )
    given = vars(parser.parse_args(words))
    figures = Figures(name := given.pop("name"))
    STRESS_TESTS[name].run(figures, **given)
    return figures.finish()


if __name__ == "__main__":
    sys.exit(main())
