"""Which time zone a site lives in, guessed from the clocks that its dates name, its country's domain and its language.

Promises a zone that exists, with the reason, and "UTC" where nothing speaks for another: `+00:00` alone is no evidence, since
many systems write all their dates so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from importlib import resources
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

TimezoneGuess = tuple[str, str]  # the value, and why

LANGUAGE_ZONES: Final = {
    "tg": "Asia/Dushanbe", "uz": "Asia/Tashkent", "kk": "Asia/Almaty", "ky": "Asia/Bishkek", "tk": "Asia/Ashgabat",
    "ps": "Asia/Kabul", "prs": "Asia/Kabul", "fa": "Asia/Tehran", "mn": "Asia/Ulaanbaatar", "ka": "Asia/Tbilisi",
    "hy": "Asia/Yerevan", "az": "Asia/Baku", "uk": "Europe/Kyiv", "pl": "Europe/Warsaw", "el": "Europe/Athens",
    "tr": "Europe/Istanbul", "zh": "Asia/Shanghai", "ja": "Asia/Tokyo", "ko": "Asia/Seoul", "ru": "Europe/Moscow",
    "de": "Europe/Berlin", "fr": "Europe/Paris", "it": "Europe/Rome", "bg": "Europe/Sofia", "ro": "Europe/Bucharest",
}  # fmt: skip
COMMON_ZONES: Final = (
    "Europe/London", "Europe/Berlin", "Europe/Kyiv", "Europe/Moscow", "Europe/Samara", "Asia/Tashkent", "Asia/Dushanbe",
    "Asia/Bishkek", "Asia/Kabul", "Asia/Tehran", "Asia/Kolkata", "Asia/Shanghai", "America/New_York", "America/Chicago",
    "America/Los_Angeles",
)  # fmt: skip
COUNTRY_BY_DOMAIN: Final = {"uk": "GB", "su": "RU", "eu": ""}


def guess_timezone(
    url: str, language: str, clocks: Mapping[int, int], at: datetime
) -> TimezoneGuess:
    """The zone, and why. `clocks`: how many dates named each distance to UTC, in minutes; `at`: the day of those dates."""
    country = _country(url)
    mine = _zones().get(country, ())
    by_language = LANGUAGE_ZONES.get(language, "")
    told = Counter({minutes: times for minutes, times in clocks.items() if minutes})
    if told:
        minutes, times = told.most_common(1)[0]
        said = f"{times} dates name {_clock(minutes)}"
        if sum(told.values()) < 0.3 * sum(clocks.values()):
            said = f"some dates name {_clock(minutes)}"
        witnesses = (
            (mine, f"the domain .{country.lower()}"),
            ((by_language,), f"the language '{language}'"),
            (COMMON_ZONES, ""),
        )
        for zones, why in witnesses:
            found = next((zone for zone in zones if zone and _offset(zone, at) == minutes), "")
            if found:
                return found, f"a guess: {said}" + (
                    f", and so does {why}" if why else "; other places share that clock"
                )
        return _fixed(minutes), f"a guess: {said}"
    if len(mine) == 1:
        return mine[
            0
        ], f"a guess by the domain .{country.lower()}: its dates are in UTC or name no clock"
    if by_language in mine or (
        by_language and not mine and language in ("tg", "uz", "kk", "ky", "tk")
    ):
        return (
            by_language,
            f"a guess by the language '{language}': its dates are in UTC or name no clock",
        )
    if mine:
        return (
            mine[0],
            f"a guess by the domain .{country.lower()}, of several zones: its dates are in UTC or name no clock",
        )
    return "UTC", "its dates are in UTC or name no clock; set it, as in 'Asia/Dushanbe'"


def _country(url: str) -> str:
    """ISO code of the country that a host's ending stands for, or ""."""
    ending = (urlsplit(url).hostname or "").rpartition(".")[2].lower()
    return (
        COUNTRY_BY_DOMAIN.get(ending, ending.upper())
        if len(ending) == 2 and ending.isalpha()
        else ""
    )


def _offset(zone: str, at: datetime) -> int:
    distance = at.astimezone(ZoneInfo(zone)).utcoffset()
    return int(distance.total_seconds() // 60) if distance is not None else 0


def _clock(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _fixed(minutes: int) -> str:
    """A zone without summer time. Its sign is the other way round, as POSIX has it."""
    return (
        "UTC" if minutes % 60 or not -12 <= minutes // 60 <= 14 else f"Etc/GMT{-minutes // 60:+d}"
    )


@lru_cache(maxsize=1)
def _zones() -> dict[str, tuple[str, ...]]:
    """Zones of each country, as the zone database lists them."""
    found: dict[str, list[str]] = {}
    text = (resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf8")
    for line in text.splitlines():
        if not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found.setdefault(country, []).append(zone)
    return {country: tuple(zones) for country, zones in found.items()}
