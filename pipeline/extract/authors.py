"""Bylines → names of people.

Promises names only: no roles, no addresses, no agencies spelled as URLs, each name once, in the order
given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.extract.repairs import line

BY = re.compile(
    r"^(?:(?:written|posted|reported|story|words|text|article|opinion|analysis|review)\s+)?(?:by|von|par|por|da|door|av|di|przez)\b[\s:]+"
    r"|^(?:автор(?:ы)?|текст|муаллиф|автори?|авторлар|muallif|auteurs?|autore?s?|author(?:s)?|byline)\s*[:\-–—]\s*",
    re.I,
)
SPLIT = re.compile(r"\s*(?:;|\||•|·|/|&|\n|\band\b|\bund\b|\bet\b|\by\b|\bи\b|\bва\b|、|，|,)\s*", re.I)
ROLE = re.compile(
    r"(?:(?:senior|chief|staff|special|contributing|deputy|associate|managing|political|foreign|business|science|health|sports?|"
    r"technology|education|environment|national|world|news|guest|digital|online|web|arts?|culture|crime|city|data|video)\s+)*"
    r"(?:editors?|reporters?|writers?|correspondents?|journalists?|columnists?|contributors?|producers?|staff|team|desk|bureau|"
    r"newsroom|editor-in-chief|photographers?|корреспондент|редактор|журналист|редакция|специально для.*|муҳаррир|хабарнигор)"
    r"(?:\s+(?:at|for|in|of|,).*)?",
    re.I,
)
NO_NAME = re.compile(
    r"https?:|www\.|@|\.(?:com|org|net|ru|tj|uk|de)\b|\d{2}|\b(?:admin|administrator|webmaster|unknown|null|none|undefined|user)\b",
    re.I,
)
TRAIL = re.compile(
    r"\s+(?:for|in|at|of|from)\s+(?:the\s+)?[A-Z].*$|\s*\((?:[^)]*)\)\s*$|\s*[-–—]\s+.*$"
    r"|\s+(?:on\s+)?(?:published|updated|posted|last).*$",
    re.I,
)
URL = re.compile(r"https?://\S+")
ROLE_BEHIND = re.compile(rf"[\s,]+{ROLE.pattern}$", re.I)
EDGES = " .,:;-–—|\"'"
LONGEST_NAME, MOST = 60, 20


def names(bylines: Iterable[str], publisher: str = "") -> tuple[str, ...]:
    """The names in some bylines; the publisher is none."""
    found: dict[str, str] = {}
    for byline in bylines:
        for part in SPLIT.split(BY.sub("", URL.sub(" ", line(byline)[:400]))):
            name = _name(part)
            if name and name.casefold() != publisher.casefold():
                found.setdefault(name.casefold(), name)
    return tuple(found.values())[:MOST]


def _name(part: str) -> str:
    name = TRAIL.sub("", BY.sub("", part.strip(EDGES))).strip(EDGES)
    name, role = ROLE_BEHIND.subn("", name)
    if not 2 < len(name) <= LONGEST_NAME or NO_NAME.search(name) or ROLE.fullmatch(name):
        return ""
    if len(name.split()) > 6 or not any(char.isalpha() for char in name) or (role and " " not in name):
        return ""
    return name.title() if name.isupper() and " " in name else name
