"""Free a story that stands in a menu or a footer by mistake.

Some pages put the text of an article into `<footer>` or `<nav>`. Where the main part of the page
has no other text, that text is its story.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pipeline.extract.page_lines import PageLine, PageLines

MIN_LINE_LENGTH: Final = 60  # characters of a line that may be a paragraph
MIN_STORY_LENGTH: Final = 200  # characters of the paragraphs in the menu or the footer
MAX_OTHER_LENGTH: Final = 120  # of the other paragraphs of the page


def free_misplaced_story(page_lines: PageLines, wrong: int, main: int) -> None:
    """Take the mark of a menu or footer from elements in the main part, if they hold its story.

    Args:
        page_lines: The lines and elements of a page.
        wrong: The bits of regions in which no story stands.
        main: The bits of the main part.
    """
    misplaced = other = 0
    for line in page_lines.lines:
        length = _prose_length(line)
        regions = line.element.regions
        if not regions & wrong:
            other += length
            if other > MAX_OTHER_LENGTH:
                return
        elif regions & main:
            misplaced += length
    if misplaced < MIN_STORY_LENGTH:
        return
    for element in page_lines.elements:
        if element.regions & main:
            element.regions &= ~wrong


def _prose_length(line: PageLine) -> int:
    length = len(line.text)
    return length if length >= MIN_LINE_LENGTH and line.linked * 2 < length else 0
