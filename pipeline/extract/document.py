"""One Payload through all steps: charset, repairs, tree, Blocks, metadata, language.

Promises a Draft whatever happens on the way: trouble with a page becomes a reason code and a sentence.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from lxml.etree import XPathEvalError
from lxml.html import HtmlElement

from pipeline.core.markup_limits import MAX_TEXT_LENGTH, complexity_problem
from pipeline.core.models import STORY_THRESHOLD, ExtractedPage, RawPage, Reason
from pipeline.extract.charset import decode
from pipeline.extract.decision_trees import DecisionTrees
from pipeline.extract.html import parse_html
from pipeline.extract.javascript_shells import needs_javascript
from pipeline.extract.language import declared_language, detect_language_with_source
from pipeline.extract.line_classifier import extract_blocks
from pipeline.extract.metadata.metadata import read_metadata
from pipeline.extract.sanitize import repair_markup
from pipeline.extract.version import EXTRACTORS

for chatty in (
    "trafilatura",
    "htmldate",
    "charset_normalizer",
    "justext",
):  # they log each page that they find odd
    logging.getLogger(chatty).setLevel(logging.CRITICAL)

SPECIMEN = b"""<html lang="en"><head><title>A rehearsal before the first page</title></head><body><article>
<h1>A rehearsal before the first page</h1><p>Posted on 3 March 2021.</p><p>The curtain stays down, the lamps are lit one
after another, and nobody in the stalls is there to see it yet.</p></article></body></html>"""


def extract_page(source: RawPage, trees: DecisionTrees | None = None) -> ExtractedPage:
    """The Draft of one Payload; what went wrong is in its reason and detail. `trees` as for `blocks_of`."""
    try:
        return _extract_page(source, trees)
    except (
        MemoryError,
        XPathEvalError,
    ):  # the process has a limit, and this page met it; our paths are right, so so did lxml
        return _without_text(
            Reason.EXTRACTOR_MEMORY, "the page needs more memory than the extractor is given"
        )
    except Exception as error:  # noqa: BLE001  hostile pages find every gap of three libraries
        return _without_text(Reason.EXTRACTOR_ERROR, f"{type(error).__name__}: {error}"[:300])


def _extract_page(source: RawPage, trees: DecisionTrees | None) -> ExtractedPage:
    if not source.body.strip():
        return _without_text(Reason.NO_TEXT, "the body is empty")
    markup = repair_markup(decode(source.body, source.charset))
    if sentence := complexity_problem(markup):
        return _without_text(Reason.TOO_COMPLEX, f"the page has {sentence}")
    tree = parse_html(markup)
    if tree is None:
        return _without_text(Reason.NO_TEXT, "the body holds no markup and no text")
    if (
        len(markup) > MAX_TEXT_LENGTH and _letters(tree) > MAX_TEXT_LENGTH
    ):  # whatever is done with it takes a hundred times its size
        return _without_text(
            Reason.TOO_COMPLEX, f"the page has more than {MAX_TEXT_LENGTH} letters of text"
        )
    metadata = read_metadata(tree)
    blocks = extract_blocks(tree, metadata, trees)
    text = "\n".join(
        block.text for block in blocks if block.story_probability >= STORY_THRESHOLD
    ) or "\n".join(block.text for block in blocks)
    language, known_from = detect_language_with_source(text, declared_language(tree))
    sources = (*metadata.sources, ("language", known_from)) if language else metadata.sources
    metadata = replace(metadata, language=language, sources=sources)
    if needs_javascript(tree, len(text.split())):
        shell = _without_text(
            Reason.SCRIPT_SHELL,
            "the page is built by JavaScript: the server sends scripts and no text",
        )
        return replace(shell, metadata=metadata)
    if not blocks:
        return replace(_without_text(Reason.NO_TEXT, _emptiness(tree)), metadata=metadata)
    return ExtractedPage(extractors=EXTRACTORS, blocks=blocks, metadata=metadata)


def _without_text(reason: Reason, detail: str) -> ExtractedPage:
    return ExtractedPage(
        extractors=EXTRACTORS, reason=reason, detail=detail.encode("utf-8", "replace").decode()
    )


def _letters(tree: HtmlElement) -> int:
    """How much text there is beside scripts and styles."""
    texts = (
        text
        for each in tree.iter()
        for text in ("" if each.tag in ("script", "style") else each.text, each.tail)
    )
    return sum(len(text.strip()) for text in texts if text)


def _emptiness(tree: HtmlElement) -> str:
    scripts = sum(1 for _ in tree.iter("script"))
    return f"no article text was found; the page has {scripts} scripts and {sum(1 for _ in tree.iter('p'))} paragraphs"


def warm_up() -> None:
    """One page through all steps, so that libraries, models and date parsers are loaded."""
    extract_page(RawPage(0, SPECIMEN))
