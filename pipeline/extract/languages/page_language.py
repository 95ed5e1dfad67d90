"""Find the language of a page without extracting it, to choose pages of an import."""

from __future__ import annotations

from typing import Final

from pipeline.core.markup_limits import complexity_problem, drop_excess_attributes
from pipeline.extract.charset import decode
from pipeline.extract.html import parse_html
from pipeline.extract.languages.detection import declared_language, detect_language
from pipeline.extract.sanitize import repair_markup, single_line

MAX_READ: Final = 400_000  # bytes of a page
MIN_LINE: Final = 40  # characters of a paragraph; menus and captions are shorter
ENOUGH: Final = 800  # characters of paragraphs


def page_language(body: bytes, charset: str = "") -> str:
    """Return the language of a page as two letters, or "" where nothing tells it.

    Args:
        body: The bytes of the page.
        charset: Its charset by the HTTP header, or "".
    """
    try:
        return _page_language(body, charset)
    except Exception:  # noqa: BLE001  hostile pages find the gaps of libraries
        return ""


def _page_language(body: bytes, charset: str) -> str:
    markup = drop_excess_attributes(repair_markup(decode(body[:MAX_READ], charset)))
    if complexity_problem(markup):
        return ""
    tree = parse_html(markup)
    if tree is None:
        return ""
    lines: list[str] = []
    size = 0
    for element in tree.iter("p", "li", "td", "div"):
        line = single_line(element.text or "")
        if len(line) >= MIN_LINE:
            lines.append(line)
            size += len(line)
            if size >= ENOUGH:
                break
    return detect_language("\n".join(lines), declared_language(tree))
