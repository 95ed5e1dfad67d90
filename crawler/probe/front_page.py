"""What a front page says about its site: name, language, declared feeds, menu, CMS.

Pure functions over bytes. What the page does not say stays empty; nothing is guessed here.
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
MAX_MENU = 60  # links
MAX_MENU_TITLE = 40  # characters
MAX_WORDS = 5000  # that are counted


def parse_front_page(body: bytes, url: str, content_type: str, status: int) -> FrontPage:
    """Read a front page.

    Args:
        body: Its bytes, decompressed.
        url: Where it was fetched from, after redirects.
        content_type: Its Content-Type header.
        status: Its HTTP status.
    """
    body = as_utf8(body, content_type)
    root = _parse(body)
    if root is None:
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
        cms=_cms(body, generator),
        words=_count_words(root),
        anchors=_count_elements(root, "a"),
        scripts=_count_elements(root, "script"),
        feeds=tuple(dict.fromkeys(_declared_feeds(root, url))),
        feed_links=tuple(dict.fromkeys(_linked_feeds(root, url))),
        menu=_menu(root, url),
    )


def _parse(body: bytes) -> Any:
    """The root element; None where the page cannot be parsed, or would cost too much."""
    if complexity_problem(body):
        return None
    parser = html.HTMLParser(encoding="utf8", remove_comments=True, no_network=True, huge_tree=True)
    try:
        return html.document_fromstring(body, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, AssertionError, ValueError):
        return None


def _meta(root: Any, name: str) -> str:
    for element in root.iter("meta"):
        key = element.get("property") or element.get("name") or element.get("http-equiv") or ""
        if key.lower() == name:
            return plain_text(str(element.get("content") or ""))
    return ""


def _language(root: Any) -> str:
    """Two or three letters: of the root's lang, else of content-language, else of og:locale."""
    page = root if root.tag == "html" else root.find(".//html")
    page_language = ""
    if page is not None:
        page_language = page.get("lang") or page.get("xml:lang") or ""
    for text in (page_language, _meta(root, "content-language"), _meta(root, "og:locale")):
        language = LANGUAGE.match(str(text))
        if language is not None:
            return language[1].lower()
    return ""


def _cms(body: bytes, generator: str) -> str:
    generator = generator.lower()
    for name, _ in CMS_SIGNS:
        if name in generator or (name == "dle" and "datalife" in generator):
            return name
    for name, sign in CMS_SIGNS:
        if sign.search(body):
            return name
    return ""


def _count_words(root: Any) -> int:
    """The words that a reader sees, as far as the server sends them; counted up to a limit."""
    count = 0
    for element in root.iter():
        if isinstance(element.tag, str) and element.tag not in INVISIBLE_ELEMENTS:
            count += len((element.text or "").split())
        count += len((element.tail or "").split())
        if count > MAX_WORDS:
            break
    return count


def _count_elements(root: Any, name: str) -> int:
    return sum(1 for _ in root.iter(name))


def _declared_feeds(root: Any, base: str) -> Iterator[str]:
    for link in root.iter("link"):
        media_type = (link.get("type") or "").lower().strip()
        rel = (link.get("rel") or "").lower()
        if "alternate" not in rel or media_type not in FEED_TYPES:
            continue
        url = resolve_href(base, str(link.get("href") or ""))
        if url and not NOT_A_FEED.search(f"{url} {link.get('title') or ''}"):
            yield url


def _linked_feeds(root: Any, base: str) -> Iterator[str]:
    for anchor in root.iter("a"):
        href = str(anchor.get("href") or "")
        if not FEED_LINK.search(href) or NOT_A_FEED.search(href):
            continue
        url = resolve_href(base, href)
        if url:
            yield url


def _menu(root: Any, base: str) -> tuple[RememberedLink, ...]:
    """Short anchors of the navigation, in order, each URL once."""
    links_by_url: dict[str, RememberedLink] = {}
    for element in root.iter("nav", "header", "menu", "ul", "div"):
        if not _is_menu(element):
            continue
        for anchor in element.iter("a"):
            url = resolve_href(base, str(anchor.get("href") or ""))
            title = element_text(anchor)
            if url and 0 < len(title) <= MAX_MENU_TITLE:
                links_by_url.setdefault(canonicalize(url), RememberedLink(url=url, title=title))
        if len(links_by_url) >= MAX_MENU:
            break
    return tuple(links_by_url.values())[:MAX_MENU]


def _is_menu(element: Any) -> bool:
    if element.tag not in ("ul", "div"):
        return True
    return MENU.search(f"{element.get('class') or ''} {element.get('id') or ''}") is not None
