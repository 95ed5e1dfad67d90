"""What a site is called: its id, which is its file's name, and the name that people use.

Promises an id that a site file may have, made of the host alone wherever that says something.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from pipeline.config.site import bare_host
from pipeline.core.models import UrlKind
from pipeline.core.urls import host_of
from pipeline.process_messages import Findings, scope_of

SECOND_LEVEL: Final = frozenset({"co", "com", "org", "net", "gov", "ac", "edu", "or", "ne", "info"})
SHORT: Final = 4  # letters of a host's name that need the ending beside them
BETWEEN: Final = re.compile(r"\s+[|•·»«:/–—-]\s+|\s*[|•»«]\s*")
FEED_WORDS: Final = re.compile(
    r"\s*[-–—|:»]?\s*\b(?:RSS(?:\s*2\.0)?|Atom|feed|лента|все новости|latest news)\b.*$", re.I
)

LATIN: Final = dict(zip(
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюяғӣқӯҳҷіїєґўңүөһә",
    ("a b v g d e yo zh z i y k l m n o p r s t u f kh ts ch sh shch _ y _ e yu ya gh i q u h j i i e g u ng u o h a"
     .replace("_", "")).split(" "),
    strict=True,
))  # fmt: skip


def site_id(url: str, name: str, taken: Iterable[str] = ()) -> str:
    """An id that is not taken."""
    host, path = _from_host(url), slug(scope_of(url))
    first = host or slug(name) or slug(host_of(url).replace(":", "-"))
    wish = f"{first}-{path}" if host and path else first
    used, number, found = set(taken), 2, wish[:60]
    while found in used:
        found, number = f"{wish[:56]}-{number}", number + 1
    return found


def _from_host(url: str) -> str:
    """`asiaplustj` of `www.asiaplustj.info`, `kun-uz` of `kun.uz`; "" of an address that is a number or this machine."""
    host = bare_host(urlsplit(url).hostname or "")
    labels = host.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or ":" in host:
        return ""
    name = labels[:-2] if len(labels) > 2 and labels[-2] in SECOND_LEVEL else labels[:-1]
    short = len("".join(name)) <= SHORT
    return slug("-".join(labels if short else name))


def slug(text: str) -> str:
    """Lower-case ASCII letters and digits with hyphens between, Cyrillic written as people do in addresses; "" where there are
    too few of them."""
    latin = "".join(LATIN.get(char, char) for char in text.lower())
    found = "-".join(re.findall(r"[a-z0-9]+", latin))
    letters = sum(char.isalnum() for char in latin)
    return found if letters and len(found.replace("-", "")) >= 0.7 * letters else ""


def name_of(findings: Findings) -> str:
    """As the front page declares it; else as the first feed or the end of the page's title has it; else the host."""
    front = findings.front
    feeds = [
        place.title
        for place in findings.places
        if place.kind is UrlKind.FEED and place.works and place.title
    ]
    feed = FEED_WORDS.sub("", feeds[0]).strip() if feeds else ""
    parts = [part for part in BETWEEN.split(front.title) if part.strip()]
    for wish in (
        front.site_name,
        feed if feed and feed in front.title else "",
        _common(feed, parts),
        parts[-1] if parts else "",
    ):
        if wish.strip():
            return wish.strip()[:100]
    return feed[:100] or bare_host(host_of(front.url))


def _common(feed: str, parts: Iterable[str]) -> str:
    """The part of the page's title that the feed's title holds, too."""
    return next((part for part in parts if part.strip() and part.strip() in feed), feed)
