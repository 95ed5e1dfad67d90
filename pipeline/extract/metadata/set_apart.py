"""Tell what is set apart from a story: teasers, comments, posts of others, boxes, mastheads.

Such elements have dates of their own. Classes name many of them. The others are known by what they
hold: a link or a heading of another story beside a date.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import islice

from lxml.html import HtmlElement

from pipeline.core.dates.date_text import find_dates

APART_TAGS = {"blockquote", "figure", "form", "nav"}
APART_CLASS = re.compile(
    r"(?<![a-z])(?:comment(?!ary)\w*|repl(?:y|ies)|respond|related|recent|latest|ticker|"
    r"most-?(?:read|popular|viewed)|popular|trending|recommend\w*|upcoming|events?|masthead|"
    r"today|current-?(?:date|time)|top-?bar|"
    r"prices?|tweet|twitter-tweet|instagram-media|tgme\w*|fact-?(?:box|file)|info-?box|promo|"
    r"newsletter|read-?(?:more|also)|also-?read|more-?(?:on|from|stories|news)|carousel|"
    r"widget_\w+|calendar|recirc\w*|countdown|discussion|disqus|forum)(?![a-z])(?![\w-]*__)",
    re.I,
)
# Some sites name so what belongs to the story, too.
LOOSE_APART_CLASS = re.compile(
    r"(?<![a-z])(?:teasers?|sidebar|aside|cards?)(?![a-z])(?![\w-]*__)", re.I
)
BYLINE_CLASS = re.compile(r"meta|byline|author|date|info|time", re.I)  # of no other story
# Addresses of what stands beside a date and is no other story.
OTHER_LINK = re.compile(
    r"^(?:#|javascript:|mailto:|tel:)|share|facebook\.com|twitter\.com|//x\.com|whatsapp|linkedin|"
    r"reddit\.com|pinterest|flipboard|//t\.me|telegram|getpocket|news\.google|"
    r"comment|print|/(?:authors?|by|autor\w*|auteurs?|people|person|profile|users?|member|"
    r"staff|category|"
    r"categories|tags?|topics?|thema|sections?|contributors?|reporters?|journalists?|team)/",
    re.I,
)
WORD = re.compile(r"[^\W\d_]+")
# Texts of links beside a date that are no titles.
NO_TITLE = re.compile(
    r"(?:by|written by|von|par|por|share|teilen|partager|compartir|follow|subscribe|sign|log|print|"
    r"view|see|join|add|save)\s",
    re.I,
)
HEADINGS = ("h2", "h3", "h4", "h5", "h6")
MAX_LEVELS = 15
TEASER_LEVELS = 3  # elements around a date that can be its teaser
MAX_TEASER_LENGTH = 300  # characters
MAX_DATE_BOX = 60  # characters of a box that holds only the date of the story
MIN_TITLE_WORDS, MIN_TITLE_LENGTH = 4, 20  # of the title of another story
MAX_LINKS = 8  # of a possible teaser that are read


def is_set_apart(element: HtmlElement, around_headline: Collection[HtmlElement] = ()) -> bool:
    """Tell whether an element is set apart from the story.

    Args:
        element: One that holds a date.
        around_headline: The headline and all elements around it. What holds the headline is no box
            beside the story.
    """
    is_byline = False
    is_short = True
    for level, node in enumerate(_levels(element)):
        if node in around_headline:
            return False
        names = _class_names(node)
        if node.tag in APART_TAGS or APART_CLASS.search(names):
            return True
        is_byline = is_byline or BYLINE_CLASS.search(names) is not None
        is_loose = node.tag == "aside" or LOOSE_APART_CLASS.search(names) is not None
        if is_loose and not is_byline and not _is_only_a_date(node):
            return True
        if is_short and level <= TEASER_LEVELS and not BYLINE_CLASS.search(names):
            is_short = len(node.text_content()) <= MAX_TEASER_LENGTH
            if is_short and _holds_other_story(node, element, is_loose or node.tag == "li"):
                return True
    return False


def is_in_page_footer(element: HtmlElement) -> bool:
    """Tell whether an element is in the footer of the page, and not in that of a story."""
    footer = next(element.iterancestors("footer"), element)
    return footer.tag == "footer" and next(footer.iterancestors("article", "main"), None) is None


def _is_only_a_date(element: HtmlElement) -> bool:
    if next(element.iter(*HEADINGS), None) is not None:
        return False
    return len(element.text_content().strip()) <= MAX_DATE_BOX


def is_masthead(element: HtmlElement, around_headline: Collection[HtmlElement]) -> bool:
    """Tell whether an element before the headline belongs to the head of the site.

    It stands in a header without the headline, or outside the main part of the page.
    """
    has_main = any(node.tag == "main" for node in around_headline)
    for node in _levels(element):
        if node in around_headline:
            is_in_main = node.tag == "main" or next(node.iterancestors("main"), None) is not None
            return has_main and not is_in_main
        if node.tag in ("header", "nav"):
            return True
    return has_main


def _levels(element: HtmlElement) -> Iterator[HtmlElement]:
    node: HtmlElement | None = element
    for _ in range(MAX_LEVELS):
        if node is None or node.tag in ("body", "html"):
            return
        yield node
        node = node.getparent()


def _class_names(element: HtmlElement) -> str:
    return f"{element.get('class') or ''} {element.get('id') or ''}"


def _holds_other_story(box: HtmlElement, element: HtmlElement, is_loose: bool) -> bool:
    """Tell whether a box holds a heading or a link that is the title of a story.

    Args:
        box: The box.
        element: The element in it that holds the date.
        is_loose: Whether two words are enough for a title.
    """
    if any(_is_title(heading, is_loose) for heading in box.iter(*HEADINGS)):
        return True
    around_date = {element, *islice(element.iterancestors(), TEASER_LEVELS)}
    for link in islice(box.iter("a"), MAX_LINKS):
        address = link.get("href") or ""
        if not address or OTHER_LINK.search(address) or link in around_date:
            continue
        if link.get("rel") != "author" and _is_title(link, is_loose):
            return True
    return False


def _is_title(element: HtmlElement, is_loose: bool) -> bool:
    text = element.text_content().strip()
    words, length = (2, 8) if is_loose else (MIN_TITLE_WORDS, MIN_TITLE_LENGTH)
    if len(text) < length or NO_TITLE.match(text):
        return False
    return len(WORD.findall(text)) >= words and not find_dates(text)
