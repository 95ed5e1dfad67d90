"""Parse markup to one tree, which everything that reads the page shares.

A tree that is deeper than libxml2 allows comes out empty without an error. So a page that has text
and an empty tree is flattened and parsed once more.
"""

from __future__ import annotations

import re

from lxml.etree import ElementDefaultClassLookup, HTMLParser, LxmlError
from lxml.html import HtmlElement, document_fromstring

WRAPPERS = re.compile(
    rb"</?(?:div|section|span|font|center|main|article|b|i|em|strong|u|blockquote|ul|ol|li"
    rb"|table|tbody|tr|td)\b[^<>]*>",
    re.I,
)
# One class for all elements: lxml.html else calls a Python function for each, a tenth of the time
# of the extraction.
ELEMENT_CLASSES = ElementDefaultClassLookup(element=HtmlElement)
# Newer elements than libxml2 knows: it does not end the head before them.
CONTENT_TAGS = frozenset(
    ("article", "aside", "figure", "footer", "header", "hgroup", "main", "nav", "section")
)
METADATA_TAGS = frozenset(
    ("base", "link", "meta", "noscript", "script", "style", "template", "title")
)
MIN_TEXT_GAIN = 200  # characters that a flattened tree must add to be used
MIN_WRAPPERS = 200  # elements of one kind, below which a tree is not too deep
WRAPPER_TAGS = (b"<div", b"<span", b"<table", b"<b")
TEXT_TAGS = (
    "p", "div", "span", "td", "li", "h1", "h2", "a", "body", "br", "b", "font", "strong", "em",
)  # fmt: skip


def parse_html(markup: bytes) -> HtmlElement | None:
    """Parse a page.

    Args:
        markup: The page in UTF-8.

    Returns:
        The tree, or None for an empty page.
    """
    tree = _parse(markup)
    if tree is None or _text_length(tree) >= MIN_TEXT_GAIN:
        return tree
    if max(map(markup.count, WRAPPER_TAGS)) < MIN_WRAPPERS:
        return tree
    flat = _parse(WRAPPERS.sub(b"<br>", markup))
    if flat is not None and _text_length(flat) >= _text_length(tree) + MIN_TEXT_GAIN:
        return flat
    return tree


def _parse(markup: bytes) -> HtmlElement | None:
    # Each page has its own parser: the error log of a shared one would grow and tie pages together.
    parser = HTMLParser(
        encoding="utf-8",
        remove_comments=True,
        remove_pis=True,
        huge_tree=True,
        default_doctype=False,
    )
    parser.set_element_class_lookup(ELEMENT_CLASSES)
    try:
        tree = document_fromstring(markup, parser=parser)
    except (LxmlError, ValueError, AssertionError):  # an empty document has no root
        return None
    _move_content_out_of_head(tree)
    _adopt_siblings(tree)
    return tree


def _move_content_out_of_head(root: HtmlElement) -> None:
    """Put content that stands in the head into the body, as browsers do.

    A page may leave out the tags of head and body. Then libxml2, which does not know the newer
    elements, puts all that follows the title into the head if it begins with one of them.
    """
    head = root.find("head")
    if head is None:
        return
    first = next(head.iterchildren(*CONTENT_TAGS), None)
    if first is None:
        return
    content = [first]
    content += [child for child in first.itersiblings() if child.tag not in METADATA_TAGS]
    body = root.find("body")
    if body is None:
        body = root.makeelement("body")
        head.addnext(body)
    elif body.text and body.text.strip():
        content[-1].tail = (content[-1].tail or "") + body.text
        body.text = None
    body[:0] = content


def _adopt_siblings(root: HtmlElement) -> None:
    """Put elements after an early `</body></html>` into the body, as browsers do.

    libxml2 puts some of them beside the root, where nothing finds them.
    """
    following = root.getnext()
    if following is None:
        return
    body = root.find("body")
    parent = root if body is None else body
    while following is not None:
        parent.append(following)
        following = root.getnext()


def _text_length(tree: HtmlElement) -> int:
    """Count the characters of visible text, as far as the number matters."""
    length = 0
    for element in tree.iter(*TEXT_TAGS):
        length += len((element.text or "").strip()) + len((element.tail or "").strip())
        if length >= MIN_TEXT_GAIN * 2:
            break
    return length
