"""Take one payload through all steps of extraction.

The steps are charset, repairs, tree, metadata, blocks, language.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from lxml.etree import XPathEvalError
from lxml.html import HtmlElement

from pipeline.core.markup_limits import (
    MAX_TEXT_LENGTH,
    complexity_problem,
    drop_excess_attributes,
)
from pipeline.core.models import STORY_THRESHOLD, Block, ExtractedPage, RawPage, Reason
from pipeline.extract.charset import decode
from pipeline.extract.decision_trees import DecisionTrees
from pipeline.extract.html import parse_html
from pipeline.extract.javascript_shells import needs_javascript
from pipeline.extract.languages.detection import declared_language, detect_language_with_source
from pipeline.extract.line_classifier import PageReading, read_blocks
from pipeline.extract.metadata.metadata import read_metadata
from pipeline.extract.readings.declared_text import find_article_body
from pipeline.extract.readings.hidden_story import find_hidden_story
from pipeline.extract.sanitize import repair_markup
from pipeline.extract.version import EXTRACTORS

MAX_DETAIL_LENGTH = 300
MAX_BASE_LENGTH = 2000
SURE_LIST, MIN_LIST_MODULES = 0.9, 8  # of a page that is a list, whatever its scripts hold
WARM_UP_PAGE = b"""<html lang="en"><head><title>A page for the first run</title></head><body>
<article><h1>A page for the first run</h1><p>Posted on 3 March 2021.</p><p>A worker extracts
this page first, so that all libraries are loaded when the first real page comes.</p></article>
</body></html>"""

# These libraries log each page that they find odd.
for library in ("trafilatura", "htmldate", "charset_normalizer", "justext"):
    logging.getLogger(library).setLevel(logging.CRITICAL)


def extract_page(
    raw_page: RawPage, trees: DecisionTrees | None = None, max_text: int = MAX_TEXT_LENGTH
) -> ExtractedPage:
    """Extract one payload.

    Args:
        raw_page: The bytes of the payload, and what the server declared about them.
        trees: Other decision trees than the bundled ones, for measurements.
        max_text: Letters of text, above which a page is too complex.

    Returns:
        The page. What goes wrong becomes its reason code and its detail, a sentence for people.
    """
    try:
        return _extract_page(raw_page, trees, max_text)
    except (MemoryError, XPathEvalError):
        # The process has a limit of memory, and lxml reports it as an error of a path; our paths
        # are correct.
        detail = "the page needs more memory than the extractor is given"
        return _page_without_text(Reason.EXTRACTOR_MEMORY, detail)
    except Exception as error:  # noqa: BLE001  hostile pages find the gaps of three libraries
        detail = f"{type(error).__name__}: {error}"[:MAX_DETAIL_LENGTH]
        return _page_without_text(Reason.EXTRACTOR_ERROR, detail)


def _extract_page(raw_page: RawPage, trees: DecisionTrees | None, max_text: int) -> ExtractedPage:
    if not raw_page.body.strip():
        return _page_without_text(Reason.NO_TEXT, "the body is empty")
    markup = drop_excess_attributes(repair_markup(decode(raw_page.body, raw_page.charset)))
    if sentence := complexity_problem(markup):
        return _page_without_text(Reason.TOO_COMPLEX, f"the page has {sentence}")
    tree = parse_html(markup)
    if tree is None:
        return _page_without_text(Reason.NO_TEXT, "the body holds no markup and no text")
    # All that follows takes a hundred times the memory of the text.
    if len(markup) > max_text and _text_length(tree) > max_text:
        detail = f"the page has more than {max_text} letters of text"
        return _page_without_text(Reason.TOO_COMPLEX, detail)
    metadata = read_metadata(tree)
    declared_text = find_article_body(tree)
    reading = read_blocks(tree, metadata, declared_text, trees)
    hidden = find_hidden_story(tree, metadata, reading.blocks, declared_text)
    if hidden is not None and not _shows_list(reading):
        reading = PageReading(hidden.blocks, (), hidden.sentence, is_recovered=True)
    blocks = reading.blocks
    text = _text_for_language(blocks)
    language, language_source = detect_language_with_source(text, declared_language(tree))
    sources = metadata.sources
    if language:
        sources = (*sources, ("language", language_source))
    metadata = replace(metadata, language=language, sources=sources)
    if needs_javascript(tree, len(text.split())):
        detail = "the page is built by JavaScript: the server sends scripts and no text"
        return replace(_page_without_text(Reason.SCRIPT_SHELL, detail), metadata=metadata)
    if not blocks:
        page = _page_without_text(Reason.NO_TEXT, _describe_empty_page(tree))
        return replace(page, metadata=metadata)
    return ExtractedPage(
        extractors=EXTRACTORS,
        blocks=blocks,
        metadata=metadata,
        figures=reading.figures,
        base=_declared_base(tree),
        list_evidence=reading.list_evidence,
        readings=reading.sentence,
        recovered=reading.is_recovered,
    )


def _shows_list(reading: PageReading) -> bool:
    """Tell whether a page shows a list, which the data of its scripts only describes."""
    evidence = reading.list_evidence
    if evidence is None:
        return False
    return evidence.probability >= SURE_LIST and evidence.modules >= MIN_LIST_MODULES


def _text_for_language(blocks: tuple[Block, ...]) -> str:
    """Join the lines of the story, or all lines of a page that has none."""
    story = [block.text for block in blocks if block.story_probability >= STORY_THRESHOLD]
    return "\n".join(story) or "\n".join(block.text for block in blocks)


def _declared_base(tree: HtmlElement) -> str:
    base = tree.find(".//base[@href]")
    return "" if base is None else (base.get("href") or "").strip()[:MAX_BASE_LENGTH]


def _page_without_text(reason: Reason, detail: str) -> ExtractedPage:
    detail = detail.encode("utf-8", "replace").decode()
    return ExtractedPage(extractors=EXTRACTORS, reason=reason, detail=detail)


def _text_length(tree: HtmlElement) -> int:
    """Count the letters of a page outside scripts and styles."""
    length = 0
    for element in tree.iter():
        if element.text and element.tag not in ("script", "style"):
            length += len(element.text.strip())
        if element.tail:
            length += len(element.tail.strip())
    return length


def _describe_empty_page(tree: HtmlElement) -> str:
    scripts, paragraphs = len(tree.findall(".//script")), len(tree.findall(".//p"))
    return f"no article text was found; the page has {scripts} scripts and {paragraphs} paragraphs"


def warm_up() -> None:
    """Take one page through all steps, so that libraries, models and date parsers are loaded."""
    extract_page(RawPage(0, WARM_UP_PAGE))
