"""Finds the page on which a section goes on, where the section does not declare it.

A page links its next one by the number after its own, or by a word such as "older". The link has to
lead to a page of the same section: stories are often linked by such words, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

from pipeline.core.models import Link
from pipeline.core.urls import url_key

PAGE_SEGMENT = re.compile(
    r"/(?:(?:page|seite|pagina|strona|stranica|sayfa|p)[/_-]?)?(\d{1,4})(?:\.\w{1,5})?/?$",
    re.IGNORECASE,
)
NUMBER_PARAMETERS = re.compile(r"(?:page|paged|pg|p|pagenum|seite|pagina)$", re.IGNORECASE)
OFFSET_PARAMETERS = re.compile(r"(?:start|offset|from|skip|limitstart)$", re.IGNORECASE)
OLDER_PARAMETERS = re.compile(r"(?:before|older|until|max_?id|cursor|after)\w*$", re.IGNORECASE)
ARROWS = " \u00a0<>«»‹›→←⟩❯▶."
NEXT_WORD_LINES = """
    next|next page|older|older posts|older entries|older articles|older stories|load more
    more|show more|weiter|nächste|nächste seite|ältere|ältere beiträge|ältere artikel
    suivant|suivante|page suivante|articles précédents|plus anciens|siguiente|página siguiente
    siguiente página|anteriores|más antiguos|próxima|próxima página|mais antigas|successiva
    pagina successiva|avanti|precedenti|volgende|volgende pagina|ouder|nästa|äldre|næste
    neste|eldre|seuraava|vanhemmat|następna|następna strona|starsze|starsze wpisy|další
    další strana|starší|ďalej|következő|régebbi|următoarea|mai vechi|sonraki|sonraki sayfa
    daha eski|далее|дальше|следующая|следующая страница|следующие|ещё|еще|показать ещё
    показать еще|старые записи|предыдущие записи|наступна|далі|раніше|старіші|следваща
    по-стари|следећа|keyingi|keyingi sahifa|келесі|навбатӣ|саҳифаи навбатӣ|下一页|下一頁|次へ
    次のページ|다음|التالي|הבא|अगला
"""
# The empty title is that of an arrow, or of a picture of one.
NEXT_WORDS = frozenset(word.strip() for word in NEXT_WORD_LINES.replace("\n", "|").split("|"))


def next_page(links: Sequence[Link], url: str) -> str:
    """Return the next page of a section; "" where no link leads to one.

    Args:
        links: The links of the page.
        url: The URL of the page.
    """
    own_key, number = url_key(url), page_number(url)
    by_word = ""
    for link in links:
        title = link.title.strip(ARROWS).lower()
        is_number = title == str(number + 1)
        if not (is_number or title in NEXT_WORDS) or url_key(link.url) == own_key:
            continue
        linked_number = _linked_number(link.url, url)
        if is_number and linked_number in (number + 1, None):
            return link.url if linked_number or _has_offset(link.url, url) else ""
        if title in NEXT_WORDS and (linked_number == number + 1 or _is_older(link.url, url)):
            by_word = by_word or link.url
    return by_word


def page_number(url: str) -> int:
    """Return the number of a section's page, from 1.

    Args:
        url: The URL of a page of a section.

    Returns:
        The number in its path or query; 1 where it has none.
    """
    parts = urlsplit(url)
    for name, value in parse_qsl(parts.query):
        if NUMBER_PARAMETERS.match(name) and value.isdecimal():
            return int(value[:5])
    match = PAGE_SEGMENT.search(parts.path)
    return int(match.group(1)) if match is not None else 1


def _linked_number(link: str, url: str) -> int | None:
    """The number of a page of the same section; None where the link names none."""
    parts = urlsplit(link)
    if _section_path(link) != _section_path(url) or parts.hostname != urlsplit(url).hostname:
        return None
    is_numbered = PAGE_SEGMENT.search(parts.path) or any(
        NUMBER_PARAMETERS.match(name) for name, _ in parse_qsl(parts.query)
    )
    return page_number(link) if is_numbered else None


def _section_path(url: str) -> str:
    """The path of a section without the number of its page."""
    path = PAGE_SEGMENT.sub("", urlsplit(url).path)
    return path.rstrip("/").removesuffix("/page")


def _has_offset(link: str, url: str) -> bool:
    return _has_parameter(link, url, OFFSET_PARAMETERS)


def _is_older(link: str, url: str) -> bool:
    return _has_offset(link, url) or _has_parameter(link, url, OLDER_PARAMETERS)


def _has_parameter(link: str, url: str, names: re.Pattern[str]) -> bool:
    """Whether a link is the same path with such a parameter of another value."""
    parts, own = urlsplit(link), urlsplit(url)
    if (parts.hostname, parts.path.rstrip("/")) != (own.hostname, own.path.rstrip("/")):
        return False
    before = dict(parse_qsl(own.query))
    for name, value in parse_qsl(parts.query):
        if names.match(name) and before.get(name) != value:
            return _grows(before.get(name, "0"), value)
    return False


def _grows(before: str, after: str) -> bool:
    """Whether an offset grows. A cursor is no number, and counts."""
    if not (before.isdecimal() and after.isdecimal()) or len(after) > 9:
        return True
    return int(after) > int(before[:9])
