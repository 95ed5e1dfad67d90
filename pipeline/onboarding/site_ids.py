"""Makes the id of a site, which is also the name of its file, and guesses its name.

The id is made of the host alone wherever the host says something.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import urlsplit

from pipeline.core.models import UrlKind
from pipeline.core.urls import host_of, path_prefix, without_www
from pipeline.process_messages import ProbeResult

MAX_ID_LENGTH: Final = 60
MAX_NAME_LENGTH: Final = 100
SECOND_LEVEL_LABELS: Final = frozenset(
    {"co", "com", "org", "net", "gov", "ac", "edu", "or", "ne", "info"}
)
SHORT_NAME_LENGTH: Final = 4  # letters of a host's name that need the top-level domain with them
MIN_LATIN_SHARE: Final = 0.7  # of the letters and digits of a name
TITLE_SEPARATOR: Final = re.compile(r"\s+[|•·»«:/–—-]\s+|\s*[|•»«]\s*")
FEED_WORDS: Final = re.compile(
    r"\s*[-–—|:»]?\s*\b(?:RSS(?:\s*2\.0)?|Atom|feed|лента|все новости|latest news)\b.*$", re.I
)
CYRILLIC_LETTERS: Final = "абвгдеёжзийклмнопрстуфхцчшщъыьэюяғӣқӯҳҷіїєґўңүөһә"
LATIN_SPELLINGS: Final = (  # of these letters, as people write them in addresses
    "a b v g d e yo zh z i y k l m n o p r s t u f kh ts ch sh shch _ y _ e yu ya"
    " gh i q u h j i i e g u ng u o h a"
)
CYRILLIC_TO_LATIN: Final = dict(
    zip(CYRILLIC_LETTERS, LATIN_SPELLINGS.replace("_", "").split(" "), strict=True)
)


def make_site_id(url: str, name: str, taken: Iterable[str] = ()) -> str:
    """Make an id for a site.

    Args:
        url: The URL of its front page.
        name: Its name, for hosts that say nothing.
        taken: The ids of other sites.

    Returns:
        An id that a site file may have and that is not taken.
    """
    host_id, path_id = _id_of_host(url), slugify(path_prefix(url))
    base = host_id or slugify(name) or slugify(host_of(url).replace(":", "-"))
    if host_id and path_id:
        base = f"{host_id}-{path_id}"
    return _first_free(base, set(taken))


def _first_free(base: str, taken: Collection[str]) -> str:
    site_id, number = base[:MAX_ID_LENGTH], 2
    while site_id in taken:
        site_id = f"{base[: MAX_ID_LENGTH - 4]}-{number}"
        number += 1
    return site_id


def _id_of_host(url: str) -> str:
    """`asiaplustj` for `www.asiaplustj.info`, `kun-uz` for `kun.uz`; "" for an IP address."""
    host = without_www(urlsplit(url).hostname or "")
    labels = host.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or ":" in host:
        return ""
    has_second_level = len(labels) > 2 and labels[-2] in SECOND_LEVEL_LABELS
    name_labels = labels[:-2] if has_second_level else labels[:-1]
    if len("".join(name_labels)) <= SHORT_NAME_LENGTH:
        name_labels = labels
    return slugify("-".join(name_labels))


def slugify(text: str) -> str:
    """Return lower-case ASCII letters and digits with hyphens between them.

    Cyrillic letters are written as people write them in addresses.

    Args:
        text: The text.

    Returns:
        The slug; "" where too few letters of the text are left in it.
    """
    latin = "".join(CYRILLIC_TO_LATIN.get(char, char) for char in text.lower())
    slug = "-".join(re.findall(r"[a-z0-9]+", latin))
    letters = sum(char.isalnum() for char in latin)
    if not letters or len(slug.replace("-", "")) < MIN_LATIN_SHARE * letters:
        return ""
    return slug


def site_name(probe: ProbeResult) -> str:
    """Return the name of a site.

    It is what the front page declares, else what the first feed or the end of the page's title
    says, else the host.
    """
    front = probe.front
    feed_title = _feed_title(probe)
    title_parts = [part for part in TITLE_SEPARATOR.split(front.title) if part.strip()]
    candidates = [front.site_name]
    if feed_title in front.title:
        candidates.append(feed_title)
    candidates.append(_common_part(feed_title, title_parts))
    candidates += title_parts[-1:]
    for candidate in candidates:
        if candidate.strip():
            return candidate.strip()[:MAX_NAME_LENGTH]
    return without_www(host_of(front.url))


def _feed_title(probe: ProbeResult) -> str:
    """The title of the first feed, without words such as RSS."""
    for source in probe.sources:
        if source.kind is UrlKind.FEED and source.works and source.title:
            return FEED_WORDS.sub("", source.title).strip()
    return ""


def _common_part(feed_title: str, title_parts: Iterable[str]) -> str:
    """The part of the page's title that the feed's title has too, else the feed's title."""
    for part in title_parts:
        if part.strip() in feed_title:
            return part
    return feed_title
