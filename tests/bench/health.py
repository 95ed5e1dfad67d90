"""Measure monitoring with invented nights: `python -m tests.bench.health`.

There are two figures: how many false alarms healthy nights raise, and after how many nights each
kind of breakage is noticed. `nights.py` invents the histories.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from dataclasses import replace

from pipeline.monitoring.evaluate import evaluate_night
from pipeline.monitoring.night_stats import Night
from tests.bench.nights import BREAKS, PROFILES, Profile, healthy, history, night

MAX_FALSE_ALARMS = 1.0  # in 1,000 healthy nights
MAX_NIGHTS = 20  # after which a breakage counts as missed


def false_alarms(profile: Profile, sites: int, nights: int, seed: int) -> Counter[str]:
    """Count the issues that began in healthy nights, by kind."""
    alarms: Counter[str] = Counter()
    for number in range(sites):
        generator = random.Random(f"{seed} {profile.name} {number}")
        past: list[Night] = []
        for tonight in history(generator, profile, nights):
            kinds = frozenset(issue.kind for issue in evaluate_night(past, tonight).issues)
            open_kinds = past[-1].issue_kinds if past else frozenset()
            alarms.update(kinds - open_kinds)
            past.append(replace(tonight, issue_kinds=kinds))
    return alarms


def nights_until_noticed(
    profile: Profile, breakage: str, sites: int, nights: int, seed: int
) -> list[int]:
    """Return for each site after how many nights a breakage was noticed; MAX_NIGHTS for never.

    Args:
        profile: What the sites are like.
        breakage: A key of BREAKS.
        sites: Number of sites.
        nights: Number of healthy nights before it.
        seed: Of the random numbers.
    """
    delays = []
    for number in range(sites):
        generator = random.Random(f"{seed} {profile.name} {breakage} {number}")
        past = history(generator, profile, nights)
        delays.append(_delay(generator, profile, breakage, past))
    return delays


def _delay(generator: random.Random, profile: Profile, breakage: str, past: list[Night]) -> int:
    apply_breakage = BREAKS[breakage][0]
    first_day = len(past)
    for age in range(1, MAX_NIGHTS):
        stats = healthy(generator, profile, first_day + age)
        tonight = night(profile, first_day + age, apply_breakage(generator, stats, age))
        if evaluate_night(past, tonight).issues:
            return age
        past.append(tonight)
    return MAX_NIGHTS


def main() -> int:
    """Print both figures; return 1 if one misses its limit."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.health", description="Measures false alarms and delays."
    )
    parser.add_argument("--nights", type=int, default=60, help="nights of each site")
    parser.add_argument("--sites", type=int, default=100, help="sites of each profile")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random numbers")
    options = parser.parse_args()
    began = time.monotonic()
    too_many = _report_false_alarms(options.sites, options.nights, options.seed)
    _print()
    too_late = _report_delays(max(options.sites // 10, 5), options.nights, options.seed)
    seconds = time.monotonic() - began
    _print(f"{seconds:.0f} s; only the figures of 'daily' have to keep the limit")
    return 1 if too_many or too_late else 0


def _report_false_alarms(sites: int, nights: int, seed: int) -> bool:
    """Print the false alarms; return whether there are too many."""
    total = 0
    for profile in PROFILES:
        alarms = false_alarms(profile, sites, nights, seed)
        total += alarms.total()
        kinds = dict(alarms) or ""
        _print(
            f"{profile.name:<8} {sites * nights:,} healthy nights,"
            f" {alarms.total()} false alarms {kinds}"
        )
    rate = 1000 * total / (sites * nights * len(PROFILES))
    _print(f"false alarms in 1,000 healthy nights: {rate:.2f} (at most {MAX_FALSE_ALARMS:.0f})")
    return rate > MAX_FALSE_ALARMS


def _report_delays(sites: int, nights: int, seed: int) -> bool:
    """Print when each breakage was noticed; return whether one was noticed too late."""
    too_late = False
    for breakage, (_, limit) in BREAKS.items():
        cells = []
        for profile in PROFILES:
            delays = nights_until_noticed(profile, breakage, sites, nights, seed)
            in_time = sum(delay <= limit for delay in delays)
            cells.append(f"{profile.name} {in_time}/{len(delays)} (at most {max(delays)})")
            if profile.name == "daily" and max(delays) > limit:
                too_late = True
        _print(f"{breakage:<28} within {limit}: {', '.join(cells)}")
    return too_late


def _print(line: str = "") -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
