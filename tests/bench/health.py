"""How often health raises a false alarm over healthy nights, and how soon it notices each way in which a site breaks.

Histories are made up: see `nights`. Run with `python -m tests.bench.health [--nights 60] [--sites 200] [--seed 1]`.
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

ALLOWED = 1.0  # false alarms in 1,000 healthy nights
TRIED = 20  # nights after which a breakage counts as missed


def say(line: str = "") -> None:
    print(line, flush=True)  # noqa: T201


def false_alarms(profile: Profile, sites: int, nights: int, seed: int) -> tuple[int, Counter[str]]:
    """Findings that began in healthy nights: (nights looked at, findings by kind)."""
    began, looked = Counter[str](), 0
    for number in range(sites):
        chance = random.Random(f"{seed} {profile.name} {number}")
        past: list[Night] = []
        for tonight in history(chance, profile, nights):
            found = {issue.kind for issue in evaluate_night(past, tonight).issues}
            before = past[-1].issue_kinds if past else frozenset()
            began.update(kind for kind in found if kind not in before)
            past.append(replace(tonight, issue_kinds=frozenset(found)))
            looked += 1
    return looked, began


def noticed(profile: Profile, name: str, sites: int, nights: int, seed: int) -> list[int]:
    """Nights until each site's breakage was noticed, TRIED where it never was."""
    waits = []
    for number in range(sites):
        chance = random.Random(f"{seed} {profile.name} {name} {number}")
        past = history(chance, profile, nights)
        waits.append(_wait(chance, profile, name, past, nights))
    return waits


def _wait(
    chance: random.Random, profile: Profile, name: str, past: list[Night], nights: int
) -> int:
    for age in range(1, TRIED):
        figures = BREAKS[name][0](chance, healthy(chance, profile, nights + age), age)
        tonight = night(profile, nights + age, figures)
        if evaluate_night(past, tonight).issues:
            return age
        past.append(tonight)
    return TRIED


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.health", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--nights", type=int, default=60)
    parser.add_argument("--sites", type=int, default=100, help="of each profile")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began = time.monotonic()
    looked, alarms = 0, Counter[str]()
    for profile in PROFILES:
        some, found = false_alarms(profile, asked.sites, asked.nights, asked.seed)
        looked, alarms = looked + some, alarms + found
        say(
            f"{profile.name:<8} {some:,} healthy nights, {found.total()} false alarms {dict(found) or ''}"
        )
    rate = 1000 * alarms.total() / looked
    say(f"false alarms in 1,000 healthy nights: {rate:.2f} (at most {ALLOWED:.0f})")
    say()
    short = rate > ALLOWED
    for name, (_, within) in BREAKS.items():
        told = []
        for profile in PROFILES:
            waits = noticed(profile, name, max(asked.sites // 10, 5), asked.nights, asked.seed)
            told.append(
                f"{profile.name} {sum(wait <= within for wait in waits)}/{len(waits)} (at most {max(waits)})"
            )
            short |= profile.name == "daily" and max(waits) > within
        say(f"{name:<28} within {within}: {', '.join(told)}")
    say(f"{time.monotonic() - began:.0f} s; 'daily' has to be noticed in time, the others are told")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
