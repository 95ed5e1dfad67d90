"""Markup → one parsed tree, shared by everything that reads the page.

Promises a tree or None, never an exception. Trees deeper than libxml2 allows come out empty without an
error, so a page that has text and whose tree has none is flattened and parsed once more.
"""

from __future__ import annotations

import re

from lxml.etree import ElementDefaultClassLookup, HTMLParser, LxmlError
from lxml.html import HtmlElement, document_fromstring

WRAPPERS = re.compile(
    rb"</?(?:div|section|span|font|center|main|article|b|i|em|strong|u|blockquote|ul|ol|li|table|tbody|tr|td)\b[^<>]*>",
    re.I,
)
# One class for all elements: lxml.html asks a Python function for that of each, which costs a tenth of the whole extraction.
CLASSES = ElementDefaultClassLookup(element=HtmlElement)
ENOUGH = 200  # characters that a flattened tree must add to be worth it


def parse_html(markup: bytes) -> HtmlElement | None:
    """The tree of a page in UTF-8; None for an empty one."""
    tree = _parse(markup)
    if tree is None or _text_size(tree) >= ENOUGH:
        return tree
    if max(map(markup.count, (b"<div", b"<span", b"<table", b"<b"))) < 200:
        return tree
    flat = _parse(WRAPPERS.sub(b"<br>", markup))
    return flat if flat is not None and _text_size(flat) >= _text_size(tree) + ENOUGH else tree


def _parse(markup: bytes) -> HtmlElement | None:
    # A parser of its own for each page: its error log would otherwise grow and tie pages together.
    parser = HTMLParser(
        encoding="utf-8",
        remove_comments=True,
        remove_pis=True,
        huge_tree=True,
        default_doctype=False,
    )
    parser.set_element_class_lookup(CLASSES)
    try:
        return document_fromstring(markup, parser=parser)
    except (LxmlError, ValueError, AssertionError):  # an empty document has no root
        return None


def _text_size(tree: HtmlElement) -> int:
    """Characters of visible text, counted only up to what matters."""
    size = 0
    for element in tree.iter(
        "p", "div", "span", "td", "li", "h1", "h2", "a", "body", "br", "b", "font", "strong", "em"
    ):
        size += len((element.text or "").strip()) + len((element.tail or "").strip())
        if size >= ENOUGH * 2:
            break
    return size
