"""What a site is called: its id, which is its file's name, and the name that people use.

Promises an id that a site file may have, made of the host alone wherever that says something.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from pipeline.config.site import without_www
from pipeline.core.models import UrlKind
from pipeline.core.urls import host_of
from pipeline.process_messages import ProbeResult, path_prefix

SECOND_LEVEL_LABELS: Final = frozenset(
    {"co", "com", "org", "net", "gov", "ac", "edu", "or", "ne", "info"}
)
SHORT_NAME_LENGTH: Final = 4  # letters of a host's name that need the ending beside them
TITLE_SEPARATOR: Final = re.compile(r"\s+[|•·»«:/–—-]\s+|\s*[|•»«]\s*")
FEED_WORDS: Final = re.compile(
    r"\s*[-–—|:»]?\s*\b(?:RSS(?:\s*2\.0)?|Atom|feed|лента|все новости|latest news)\b.*$", re.I
)

CYRILLIC_TO_LATIN: Final = dict(zip(
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюяғӣқӯҳҷіїєґўңүөһә",
    ("a b v g d e yo zh z i y k l m n o p r s t u f kh ts ch sh shch _ y _ e yu ya gh i q u h j i i e g u ng u o h a"
     .replace("_", "")).split(" "),
    strict=True,
))  # fmt: skip


def make_site_id(url: str, name: str, taken: Iterable[str] = ()) -> str:
    """An id that is not taken."""
    host, path = _from_host(url), slugify(path_prefix(url))
    first = host or slugify(name) or slugify(host_of(url).replace(":", "-"))
    wish = f"{first}-{path}" if host and path else first
    used, number, found = set(taken), 2, wish[:60]
    while found in used:
        found, number = f"{wish[:56]}-{number}", number + 1
    return found


def _from_host(url: str) -> str:
    """`asiaplustj` of `www.asiaplustj.info`, `kun-uz` of `kun.uz`; "" of an address that is a number or this machine."""
    host = without_www(urlsplit(url).hostname or "")
    labels = host.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or ":" in host:
        return ""
    name = labels[:-2] if len(labels) > 2 and labels[-2] in SECOND_LEVEL_LABELS else labels[:-1]
    short = len("".join(name)) <= SHORT_NAME_LENGTH
    return slugify("-".join(labels if short else name))


def slugify(text: str) -> str:
    """Lower-case ASCII letters and digits with hyphens between, Cyrillic written as people do in addresses; "" where there are
    too few of them."""
    latin = "".join(CYRILLIC_TO_LATIN.get(char, char) for char in text.lower())
    found = "-".join(re.findall(r"[a-z0-9]+", latin))
    letters = sum(char.isalnum() for char in latin)
    return found if letters and len(found.replace("-", "")) >= 0.7 * letters else ""


def site_name(findings: ProbeResult) -> str:
    """As the front page declares it; else as the first feed or the end of the page's title has it; else the host."""
    front = findings.front
    feeds = [
        place.title
        for place in findings.sources
        if place.kind is UrlKind.FEED and place.works and place.title
    ]
    feed = FEED_WORDS.sub("", feeds[0]).strip() if feeds else ""
    parts = [part for part in TITLE_SEPARATOR.split(front.title) if part.strip()]
    for wish in (
        front.site_name,
        feed if feed and feed in front.title else "",
        _common(feed, parts),
        parts[-1] if parts else "",
    ):
        if wish.strip():
            return wish.strip()[:100]
    return feed[:100] or without_www(host_of(front.url))


def _common(feed: str, parts: Iterable[str]) -> str:
    """The part of the page's title that the feed's title holds, too."""
    return next((part for part in parts if part.strip() and part.strip() in feed), feed)
