"""What a front page says of its site: its name and language, the feeds that it declares, its menu, the system it is made with.

Promises pure functions over bytes. What a page does not say stays empty; nothing is guessed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from lxml import etree, html

from crawler.discovery.discover import as_utf8
from crawler.discovery.links import element_text, plain_text
from pipeline.core.markup_limits import complexity_problem
from pipeline.core.models import Outcome
from pipeline.core.urls import canonicalize, resolve_href
from pipeline.process_messages import FrontPage, RememberedLink

FEED_TYPES: Final = (
    "application/rss+xml",
    "application/atom+xml",
    "application/feed+json",
    "application/rdf+xml",
)
FEED_LINK = re.compile(r"(?:^|[/._?=-])(?:rss2?|feeds?|atom)(?:[/._?&=-]|\d*$)|\.rss$", re.I)
NOT_A_FEED = re.compile(r"comment|wp-json|oembed|/podcast|javascript:|subscribe", re.I)
MENU = re.compile(r"(?:^|[\s_-])(?:nav|menu|navbar|navigation|rubric|sections?|categories)", re.I)
CMS_SIGNS: Final = (
    ("wordpress", re.compile(rb"/wp-(?:content|includes|json)/")),
    ("drupal", re.compile(rb"/sites/(?:default|all)/|drupal-settings-json|Drupal\.settings")),
    ("bitrix", re.compile(rb"/bitrix/(?:templates|js|cache|panel)")),
    ("joomla", re.compile(rb"/media/(?:jui|system)/js|option=com_content")),
    ("dle", re.compile(rb"/engine/classes/|dle_root|/templates/[^\"']+/dleimages")),
    ("ghost", re.compile(rb"ghost-(?:sdk|portal)|content=\"Ghost")),
    ("blogger", re.compile(rb"blogger\.com/static|blogspot\.com/feeds")),
    ("tilda", re.compile(rb"tildacdn|static\.tilda")),
)
LANGUAGE = re.compile(r"\s*([A-Za-z]{2,3})(?:$|[-_ ])")
INVISIBLE_ELEMENTS = frozenset(("script", "style", "noscript", "template", "svg"))
MAX_MENU = 60


def parse_front_page(body: bytes, url: str, content_type: str, status: int) -> FrontPage:
    """The Front of a page that was fetched from `url`."""
    parser = html.HTMLParser(encoding="utf8", remove_comments=True, no_network=True, huge_tree=True)
    body = as_utf8(body, content_type)
    try:
        if complexity_problem(body):
            raise ValueError("not to be parsed")
        root = html.document_fromstring(body, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, AssertionError, ValueError):
        return FrontPage(url=url, outcome=Outcome.FETCHED, status=status)
    generator = _meta(root, "generator")
    return FrontPage(
        url=url,
        outcome=Outcome.FETCHED,
        status=status,
        title=plain_text(str(root.findtext(".//title") or ""))[:300],
        site_name=_meta(root, "og:site_name")[:100],
        language=_language(root),
        generator=generator[:100],
        cms=_system(body, generator),
        words=_words(root),
        anchors=sum(1 for _ in root.iter("a")),
        scripts=sum(1 for _ in root.iter("script")),
        feeds=tuple(dict.fromkeys(_declared(root, url))),
        feed_links=tuple(dict.fromkeys(_linked(root, url))),
        menu=_menu(root, url),
    )


def _meta(root: Any, name: str) -> str:
    for element in root.iter("meta"):
        if (
            element.get("property") or element.get("name") or element.get("http-equiv") or ""
        ).lower() == name:
            return plain_text(str(element.get("content") or ""))
    return ""


def _language(root: Any) -> str:
    """Two or three letters, as the root's lang, the content-language or og:locale says."""
    page = root if root.tag == "html" else root.find(".//html")
    said = (page.get("lang") or page.get("xml:lang") or "") if page is not None else ""
    for text in (said, _meta(root, "content-language"), _meta(root, "og:locale")):
        found = LANGUAGE.match(str(text))
        if found:
            return found[1].lower()
    return ""


def _system(body: bytes, generator: str) -> str:
    said = generator.lower()
    named = next(
        (name for name, _ in CMS_SIGNS if name in said or (name == "dle" and "datalife" in said)),
        "",
    )
    return named or next((name for name, sign in CMS_SIGNS if sign.search(body)), "")


def _words(root: Any) -> int:
    """Words that a reader sees, as far as the server sends them. Counted up to a few thousand."""
    count = 0
    for element in root.iter():
        if isinstance(element.tag, str) and element.tag not in INVISIBLE_ELEMENTS:
            count += len((element.text or "").split())
        count += len((element.tail or "").split())
        if count > 5000:
            break
    return count


def _declared(root: Any, base: str) -> Iterator[str]:
    for link in root.iter("link"):
        kind, rel = (link.get("type") or "").lower().strip(), (link.get("rel") or "").lower()
        url = (
            resolve_href(base, str(link.get("href") or ""))
            if "alternate" in rel and kind in FEED_TYPES
            else None
        )
        if url and not NOT_A_FEED.search(url + " " + str(link.get("title") or "")):
            yield url


def _linked(root: Any, base: str) -> Iterator[str]:
    for anchor in root.iter("a"):
        href = str(anchor.get("href") or "")
        url = (
            resolve_href(base, href)
            if FEED_LINK.search(href) and not NOT_A_FEED.search(href)
            else None
        )
        if url:
            yield url


def _menu(root: Any, base: str) -> tuple[RememberedLink, ...]:
    """Short anchors of the navigation, in order, each URL once."""
    found: dict[str, RememberedLink] = {}
    for place in root.iter("nav", "header", "menu", "ul", "div"):
        if place.tag in ("ul", "div") and not MENU.search(
            f"{place.get('class') or ''} {place.get('id') or ''}"
        ):
            continue
        for anchor in place.iter("a"):
            url, title = resolve_href(base, str(anchor.get("href") or "")), element_text(anchor)
            if url and 0 < len(title) <= 40:
                found.setdefault(canonicalize(url), RememberedLink(url=url, title=title))
        if len(found) >= MAX_MENU:
            break
    return tuple(found.values())[:MAX_MENU]
