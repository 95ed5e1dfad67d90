"""Make the id of a site, which is also the name of its file, from its URL.

`add` and `import` share this function, so that both give `kun-uz` to `https://kun.uz/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final
from urllib.parse import urlsplit

from pipeline.core.urls import host_of, path_prefix, without_www

MAX_ID_LENGTH: Final = 60
SHORT_NAME_LENGTH: Final = 4  # letters; a shorter name of a host is joined with its ending
MIN_LATIN_SHARE: Final = 0.7  # of the letters and digits of a text, for a slug of it
SECOND_LEVEL_LABELS: Final = frozenset(
    {"co", "com", "org", "net", "gov", "ac", "edu", "or", "ne", "info"}
)
# Cyrillic letters as people write them in URLs. ъ and ь have no Latin letter.
CYRILLIC: Final = "абвгдеёжзийклмнопрстуфхцчшщъыьэюяғӣқӯҳҷіїєґўңүөһә"
LATIN: Final = (
    "a b v g d e yo zh z i y k l m n o p r s t u f kh ts ch sh shch - y - e yu ya"
    " gh i q u h j i i e g u ng u o h a"
)
CYRILLIC_TO_LATIN: Final = {
    cyrillic: latin.replace("-", "")
    for cyrillic, latin in zip(CYRILLIC, LATIN.split(" "), strict=True)
}


def make_site_id(url: str, name: str = "", taken: Iterable[str] = ()) -> str:
    """Return an id for a site.

    Args:
        url: The URL of its front page.
        name: Its name for people, used if the host is an IP address or this machine.
        taken: Ids that other sites have.

    Returns:
        The name in the host, with the path of the site if it has one: `gazeta-ru` for
        `https://www.gazeta.uz/ru/`. A number is added if the id is taken.
    """
    host_id = _id_of_host(url)
    path = slugify(path_prefix(url))
    wanted = host_id or slugify(name) or slugify(host_of(url).replace(":", "-"))
    if host_id and path:
        wanted = f"{host_id}-{path}"
    return _free_id(wanted or _digest_id(host_of(url)), taken)


def site_id_from_name(name: str, taken: Iterable[str] = ()) -> str:
    """Return an id for a site of which only a name is known, such as that of a folder."""
    return _free_id(slugify(name) or _digest_id(name), taken)


def slugify(text: str) -> str:
    """Return a text as lower-case ASCII letters and digits with hyphens between.

    Cyrillic letters are transliterated. The result is "" if too few letters are Latin then.

    Args:
        text: A name or a host in any script.

    Returns:
        A text that fits into an id of a site or a file name.
    """
    latin = "".join(CYRILLIC_TO_LATIN.get(letter, letter) for letter in text.lower())
    slug = "-".join(re.findall(r"[a-z0-9]+", latin))
    letters = sum(map(str.isalnum, latin))
    has_enough = letters > 0 and len(slug.replace("-", "")) >= MIN_LATIN_SHARE * letters
    return slug if has_enough else ""


def _id_of_host(url: str) -> str:
    """Return `kun-uz` for `kun.uz`; "" for IP addresses and this machine."""
    host = without_www(urlsplit(url).hostname or "")
    labels = host.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or ":" in host:
        return ""
    has_second_level = len(labels) > 2 and labels[-2] in SECOND_LEVEL_LABELS
    name_labels = labels[:-2] if has_second_level else labels[:-1]
    is_short = len("".join(name_labels)) <= SHORT_NAME_LENGTH
    return slugify("-".join(labels if is_short else name_labels))


def _free_id(wanted: str, taken: Iterable[str]) -> str:
    taken = set(taken)
    site_id = wanted[:MAX_ID_LENGTH]
    number = 2
    while site_id in taken:
        site_id = f"{wanted[: MAX_ID_LENGTH - 4]}-{number}"
        number += 1
    return site_id


def _digest_id(name: str) -> str:
    return f"site-{blake2b(name.encode('utf8', 'replace'), digest_size=4).hexdigest()}"
