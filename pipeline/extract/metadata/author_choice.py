"""Choose who wrote a story, and which agency it came from.

Declared people come first. The visible byline counts where no person is declared, and where it
names some of the same people. People who comment, who wrote other stories or whose pictures are
shown wrote nothing of it, and no name is invented.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from lxml.html import HtmlElement

from pipeline.extract.metadata import agencies, authors, jsonld
from pipeline.extract.metadata.jsonld import text_value, text_values
from pipeline.extract.metadata.site_names import compact, host_labels
from pipeline.extract.metadata.visible_bylines import (
    VisibleLine,
    is_beside_story,
    visible_byline,
)
from pipeline.extract.sanitize import single_line

AUTHOR_META = (
    "author", "article:author", "authors", "article:author:name", "article.author", "author_name",
    "author-name", "byl", "dc.creator", "dcterms.creator", "dc.author", "parsely-author",
    "sailthru.author", "cxenseparse:author", "vr:author", "citation_author", "creator",
)  # fmt: skip
CITATION_META = "citation_author"
LAST_NAME_FIRST = re.compile(r"([^,]+),\s*([^,]+)")
SOURCE_KEYS = ("sourceOrganization", "provider", "creditText", "copyrightHolder", "author")
BYLINE_CLASS = re.compile(
    r"(?:^|[\s_-])(?:byline|authors?|author[-_]?name|post-?author|verfasser(?:in)?|"
    r"autor(?:en?|es)?|"
    r"auteurs?|autore|writer|writtenby|journalist|reporter)(?:$|[\s_-])",
    re.I,
)
BYLINE_TAGS = ("a", "span", "p", "div", "address", "cite", "li", "strong", "em")
MAX_BYLINES = 60  # marked elements that are read
MIN_BYLINE_LENGTH, MAX_BYLINE_LENGTH = 3, 100
NO_MARKS = 2  # characters between three attributes that are not there
MAX_AUTHOR_NODES, MAX_PEN_NAME_WORDS = 50, 2
MAX_PARAGRAPHS, MAX_DATELINES = 300, 4
MIN_DATELINE_LENGTH = 80  # of a paragraph that begins with one
JSON_LD = "json-ld"
SourcedValue = tuple[str, str]
SourcedValues = tuple[tuple[str, ...], str]


def choose_authors(
    tree: HtmlElement,
    declared_meta: Sequence[SourcedValue],
    story: jsonld.Node,
    site_name: str,
    lines: Sequence[VisibleLine],
    around: Collection[HtmlElement],
    page_url: str,
) -> SourcedValues:
    """Return who wrote the story, and where that came from.

    Args:
        tree: The parsed page.
        declared_meta: The values of AUTHOR_META, with the source of each.
        story: The story's node of the JSON-LD.
        site_name: The name of the site.
        lines: The lines near the headline.
        around: The elements around the headline.
        page_url: The page's own address, or "".
    """
    publishers = [site_name, text_value(story.get("publisher"))]
    labels = host_labels(page_url)
    names, source = _declared_authors(declared_meta, story, site_name)
    declared = authors.select_authors(names, publishers)
    byline_names, says_by = visible_byline(lines, around)
    if len(byline_names) > 1:  # the last one may be the newspaper, which only its host tells
        publishers += [name for name in byline_names if compact(name) in labels]
    visible = authors.select_authors(byline_names, publishers)
    if visible and not any(map(authors.is_person_name, declared)):
        return visible, "byline"
    if visible and says_by and _is_better(visible, declared):
        return visible, "byline"
    if declared:
        return declared, source
    for texts in _marked_bylines(tree, around):
        marked = authors.select_authors(authors.parse_names(texts, site_name), publishers)
        if marked:
            return marked, "byline"
    # The site itself, where the page says that it is the author.
    names, source = _declared_authors(declared_meta, story, "")
    return authors.select_authors(names), source


def choose_agency(
    declared_meta: Sequence[SourcedValue],
    story: jsonld.Node,
    lines: Sequence[VisibleLine],
    around: Collection[HtmlElement],
) -> str:
    """Return the agencies from which a story came, or "".

    Args:
        declared_meta: The values of AUTHOR_META, with the source of each.
        story: The story's node of the JSON-LD.
        lines: The lines near the headline.
        around: The elements around the headline, the nearest first.
    """
    found: list[str] = []
    for key in SOURCE_KEYS:
        for text in text_values(story.get(key)):
            found += agencies.agencies_of_byline(text)
    for text, _ in declared_meta:
        found += agencies.agencies_of_byline(text)
    for line in lines:
        if (line.is_marked_byline or authors.BY.match(line.text)) and not line.is_aside:
            found += agencies.agencies_of_byline(line.text)
    if not found:
        found = _paragraph_agencies(around)
    return agencies.join_agencies(found)


def _paragraph_agencies(around: Collection[HtmlElement]) -> list[str]:
    """Return the agencies of the dateline or of a credit line of the story."""
    whole: HtmlElement | None = None
    for element in around:
        whole = element
        if element.tag in ("article", "main", "body"):
            break
    if whole is None:
        return []
    number = 0
    for paragraph in islice(whole.iter("p"), MAX_PARAGRAPHS):
        text = " ".join(paragraph.text_content()[: agencies.DATELINE_LENGTH].split())
        is_long = len(text) >= MIN_DATELINE_LENGTH
        number += is_long
        if is_long and number > MAX_DATELINES:
            continue
        if (found := agencies.agencies_of_text(text)) and not is_beside_story(paragraph, around):
            return found
    return []


def _declared_authors(
    declared_meta: Sequence[SourcedValue], story: jsonld.Node, site_name: str
) -> SourcedValues:
    nodes = jsonld.as_list(story.get("author") or story.get("creator"))[:MAX_AUTHOR_NODES]
    people = list(filter(_is_person_node, nodes))
    for candidates in (people, nodes):
        if names := authors.parse_names(text_values(candidates), site_name):
            return names, JSON_LD
    best: SourcedValues = ((), "")
    for source in dict.fromkeys(source for _, source in declared_meta):
        texts = [text for text, other in declared_meta if other == source]
        if source.endswith(CITATION_META):
            texts = [LAST_NAME_FIRST.sub(r"\2 \1", text) for text in texts]
        names = authors.parse_names(texts, site_name)
        if any(map(authors.is_person_name, names)):
            return names, source
        if names and not best[0]:
            best = names, source
    return best


def _is_person_node(node: Any) -> bool:
    return isinstance(node, dict) and "Person" in str(node.get("@type"))


def _is_better(visible: Sequence[str], declared: Sequence[str]) -> bool:
    """Tell whether a byline names the declared people and more, or writes them with more accents.

    A byline that names fewer people proves nothing: the others may stand further down.
    """
    visible_keys = set(map(authors.name_key, visible))
    declared_keys = set(map(authors.name_key, declared))
    if declared_keys != visible_keys:
        return declared_keys < visible_keys
    return authors.count_accents(visible) > authors.count_accents(declared)


def _marked_bylines(tree: HtmlElement, around: Collection[HtmlElement]) -> Iterator[list[str]]:
    """Yield the bylines that are marked by rel=author, itemprop or a class, each as a list.

    Those that name a person come first.
    """
    others: list[list[str]] = []
    for element in islice(_marked_elements(tree), MAX_BYLINES):
        if is_beside_story(element, around):
            continue
        text = single_line(element.text_content()[:300])
        if not MIN_BYLINE_LENGTH <= len(text) < MAX_BYLINE_LENGTH:
            continue
        names = authors.parse_names([text])
        if any(map(authors.is_person_name, names)):
            yield [text]
        elif all(map(_may_be_pen_name, names)):
            others.append([text])
    yield from others


def _may_be_pen_name(name: str) -> bool:
    """Tell whether a text that is no person's name may sign a story: no sentence and no label."""
    if authors.CJK.search(name):
        return False
    return len(name.split()) <= MAX_PEN_NAME_WORDS or authors.ORGANISATION.search(name) is not None


def _marked_elements(tree: HtmlElement) -> Iterable[HtmlElement]:
    known: dict[str, bool] = {}  # pages repeat few values
    for element in tree.iter(*BYLINE_TAGS):
        get = element.get
        marks = f"{get('itemprop') or ''} {get('rel') or ''} {get('class') or ''}"
        if len(marks) == NO_MARKS:
            continue
        is_marked = known.get(marks)
        if is_marked is None:
            is_marked = known[marks] = BYLINE_CLASS.search(marks) is not None
        if is_marked:
            yield element
