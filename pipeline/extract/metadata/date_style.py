"""Find out how a page writes its dates: whether 3/4/2024 is in March or in April.

Other dates of the page say it best: 3/24/2024 has one reading only. Then comes the region that the
page declares, the country of its domain, and its language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import chain
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from pipeline.core.dates.date_text import DateStyle, find_dates

LANGUAGE_TAG = re.compile(
    r"\s*([a-z]{2,3})(?:[-_]+(?:[a-z]{4}[-_]+)?([a-z]{2}))?\s*(?:$|[,;.@])", re.I
)
NUMBERS = re.compile(r"(?<![\d/.-])(\d{1,2})([/-])(\d{1,2})\2(?:\d{4}|\d{2})(?![\d/-])")
MONTH_FIRST_REGIONS = {"us", "ph", "pr", "gu", "vi", "as", "mp"}
MONTH_FIRST_LANGUAGES = {"en", "fil", "tl"}
BOTH_ORDERS = {"ca"}  # where people write both
# Country domains that sites of any country use.
GENERIC_DOMAINS = {"io", "co", "tv", "me", "ai", "cc", "ly", "to", "gg", "fm", "us", "la", "ws"}
LARGEST_MONTH = 12
MAX_TEXT = 200_000  # characters that are searched for other dates


def page_style(
    tree: HtmlElement,
    meta: Mapping[str, Sequence[str]],
    url: str,
    texts: Iterable[str],
    known_days: Callable[[], Collection[date]],
) -> DateStyle:
    """Return how a page writes its dates.

    Args:
        tree: The parsed page.
        meta: The meta elements: values by name in lower case.
        url: The canonical URL.
        texts: The texts whose dates matter. The rest of the page is read only for their sake.
        known_days: Returns the days that the page declares.
    """
    tags = list(_language_tags(tree, meta))
    language = tags[0][0] if tags else ""
    pairs = list(chain.from_iterable(map(_ambiguous_dates, texts)))
    if not pairs:
        return DateStyle(language=language)
    order = _order_of_known(pairs, known_days())
    if order is None:
        order = _order_of_page(tree)
    if order is None:
        order = _order_of_country(tags, url)
    return DateStyle(order, language)


def _ambiguous_dates(text: str) -> Iterator[str]:
    for match in NUMBERS.finditer(text):
        first, second = int(match[1]), int(match[3])
        if first != second and max(first, second) <= LARGEST_MONTH:
            yield match[0]


def _order_of_known(texts: Iterable[str], known_days: Collection[date]) -> bool | None:
    """Return whether months come first in a date, one of whose readings is known."""
    for text in texts:
        in_order = [
            is_month_first
            for is_month_first in (True, False)
            if find_dates(text, DateStyle(is_month_first))[0].day in known_days
        ]
        if len(in_order) == 1:
            return in_order[0]
    return None


def _language_tags(
    tree: HtmlElement, meta: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str]]:
    """Yield the declared languages with their regions; "" for no region."""
    root = tree.getroottree().getroot()
    values = [root.get("lang") or root.get("xml:lang") or ""]
    for name in ("og:locale", "content-language", "language", "dc.language"):
        values += meta.get(name, ())
    for value in values:
        if match := LANGUAGE_TAG.match(value):
            yield match[1].lower(), (match[2] or "").lower()


def _order_of_page(tree: HtmlElement) -> bool | None:
    """Return whether months come first in those dates that have one reading."""
    month_first = day_first = length = 0
    for text in tree.itertext("p", "span", "div", "time", "li", "a", "td", "small", "strong", "em"):
        length += len(text)
        if length > MAX_TEXT:
            break
        for match in NUMBERS.finditer(text):
            first, second = int(match[1]), int(match[3])
            month_first += first <= LARGEST_MONTH < second <= 31
            day_first += second <= LARGEST_MONTH < first <= 31
    if month_first == day_first:
        return None
    return month_first > day_first


def _order_of_country(tags: Sequence[tuple[str, str]], url: str) -> bool | None:
    language = tags[0][0] if tags else ""
    if language not in MONTH_FIRST_LANGUAGES and language:
        return False
    region = tags[0][1] if tags else ""
    if not region:
        region = _country(url) or next((region for _, region in tags if region), "")
    if region in BOTH_ORDERS:
        return None
    if region:
        return region in MONTH_FIRST_REGIONS
    return True if language else None


def _country(url: str) -> str:
    """Return the country of a domain: de of example.de; "" for a domain of no country."""
    try:
        domain = (urlsplit(url).hostname or "").rpartition(".")[2]
    except ValueError:
        return ""
    if len(domain) != 2 or domain in GENERIC_DOMAINS:
        return ""
    return "gb" if domain == "uk" else domain
