"""Guesses a site's time zone from the UTC offsets of its dates, its country's domain and language.

Without evidence for another zone the guess is UTC. The offset `+00:00` is no evidence, because many
systems write all their dates so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib import resources
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

LANGUAGE_ZONES: Final = {
    "tg": "Asia/Dushanbe", "uz": "Asia/Tashkent", "kk": "Asia/Almaty", "ky": "Asia/Bishkek",
    "tk": "Asia/Ashgabat", "ps": "Asia/Kabul", "prs": "Asia/Kabul", "fa": "Asia/Tehran",
    "mn": "Asia/Ulaanbaatar", "ka": "Asia/Tbilisi", "hy": "Asia/Yerevan", "az": "Asia/Baku",
    "uk": "Europe/Kyiv", "pl": "Europe/Warsaw", "el": "Europe/Athens", "tr": "Europe/Istanbul",
    "zh": "Asia/Shanghai", "ja": "Asia/Tokyo", "ko": "Asia/Seoul", "ru": "Europe/Moscow",
    "de": "Europe/Berlin", "fr": "Europe/Paris", "it": "Europe/Rome", "bg": "Europe/Sofia",
    "ro": "Europe/Bucharest",
}  # fmt: skip
ONE_COUNTRY_LANGUAGES: Final = ("tg", "uz", "kk", "ky", "tk")
COMMON_ZONES: Final = (
    "Europe/London",
    "Europe/Berlin",
    "Europe/Kyiv",
    "Europe/Moscow",
    "Europe/Samara",
    "Asia/Tashkent",
    "Asia/Dushanbe",
    "Asia/Bishkek",
    "Asia/Kabul",
    "Asia/Tehran",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "America/New_York",
    "America/Chicago",
    "America/Los_Angeles",
)
COUNTRY_BY_DOMAIN: Final = {"uk": "GB", "su": "RU", "eu": ""}  # where it is not the ISO code
MIN_OFFSET_SHARE: Final = 0.3  # of all dates, from which an offset counts as usual
NO_OFFSET: Final = "its dates are in UTC or name no offset"


@dataclass(frozen=True, slots=True)
class TimezoneGuess:
    """A time zone, and why it was chosen."""

    zone: str
    reason: str


def guess_timezone(
    url: str, language: str, offsets: Mapping[int, int], at: datetime
) -> TimezoneGuess:
    """Guess the time zone of a site.

    Args:
        url: The URL of its front page.
        language: The language of its stories.
        offsets: How many dates named each offset from UTC, in minutes east.
        at: The day of these dates, because offsets change with the season.
    """
    country = _country(url)
    country_zones = _zones_by_country().get(country, ())
    language_zone = LANGUAGE_ZONES.get(language, "")
    named = Counter({minutes: count for minutes, count in offsets.items() if minutes})
    if named:
        minutes, count = named.most_common(1)[0]
        cause = f"{count} dates name {_offset_text(minutes)}"
        if sum(named.values()) < MIN_OFFSET_SHARE * sum(offsets.values()):
            cause = f"some dates name {_offset_text(minutes)}"
        evidence = (
            (country_zones, f"and the domain .{country.lower()} has the same"),
            ((language_zone,), f"and the language '{language}' suggests the same"),
            (COMMON_ZONES, "which other zones have, too"),
        )
        for zones, remark in evidence:
            zone = _zone_with_offset(zones, minutes, at)
            if zone:
                return TimezoneGuess(zone, f"a guess: {cause}, {remark}")
        return TimezoneGuess(_fixed_zone(minutes), f"a guess: {cause}")
    return _guess_without_offsets(country, country_zones, language, language_zone)


def _guess_without_offsets(
    country: str, country_zones: Sequence[str], language: str, language_zone: str
) -> TimezoneGuess:
    domain = f"a guess by the domain .{country.lower()}"
    if len(country_zones) == 1:
        return TimezoneGuess(country_zones[0], f"{domain}: {NO_OFFSET}")
    is_one_country = not country_zones and language in ONE_COUNTRY_LANGUAGES
    if language_zone in country_zones or is_one_country:
        reason = f"a guess by the language '{language}': {NO_OFFSET}"
        return TimezoneGuess(language_zone, reason)
    if country_zones:
        return TimezoneGuess(country_zones[0], f"{domain}, one of several zones: {NO_OFFSET}")
    return TimezoneGuess("UTC", f"{NO_OFFSET}; set a zone such as 'Asia/Dushanbe'")


def _country(url: str) -> str:
    """The ISO code of the country of a host's top-level domain, or ""."""
    domain = (urlsplit(url).hostname or "").rpartition(".")[2].lower()
    if len(domain) != 2 or not domain.isalpha():
        return ""
    return COUNTRY_BY_DOMAIN.get(domain, domain.upper())


def _zone_with_offset(zones: Sequence[str], minutes: int, at: datetime) -> str:
    for zone in zones:
        if zone and _offset_minutes(zone, at) == minutes:
            return zone
    return ""


def _offset_minutes(zone: str, at: datetime) -> int:
    offset = at.astimezone(ZoneInfo(zone)).utcoffset()
    return 0 if offset is None else int(offset.total_seconds() // 60)


def _offset_text(minutes: int) -> str:
    hours, rest = divmod(abs(minutes), 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{hours:02d}:{rest:02d}"


def _fixed_zone(minutes: int) -> str:
    """A zone without summer time. POSIX inverts the sign of these names."""
    hours, rest = divmod(minutes, 60)
    if rest or not -12 <= hours <= 14:
        return "UTC"
    return f"Etc/GMT{-hours:+d}"


@lru_cache(maxsize=1)
def _zones_by_country() -> dict[str, tuple[str, ...]]:
    """The zones of each country, as the time zone database lists them."""
    zones: dict[str, list[str]] = {}
    text = (resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf8")
    for line in text.splitlines():
        if not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            zones.setdefault(country, []).append(zone)
    return {country: tuple(names) for country, names in zones.items()}
