"""Read what a page says about its story.

Declarations come first: JSON-LD, then meta elements, then `<time>` and bylines that are marked as
such. The libraries that guess come last, and only for what nobody declared. Nothing is invented.
Whether the page, the feed or the sitemap is right, and whether a date is plausible, is decided
later in `cleaning`, where the time of the capture is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lxml.html import HtmlElement

from pipeline.core import local_times
from pipeline.core.models import Metadata
from pipeline.extract.metadata import authors, date_selection, jsonld
from pipeline.extract.metadata.date_values import ParsedDate
from pipeline.extract.metadata.jsonld import text_value, text_values
from pipeline.extract.metadata.visible_bylines import (
    VisibleLine,
    lines_near_headline,
    visible_byline,
    visible_dates,
)
from pipeline.extract.sanitize import single_line

TITLE_META = (
    "og:title", "twitter:title", "dc.title", "sailthru.title", "parsely-title", "citation_title",
    "title",
)  # fmt: skip
AUTHOR_META = (
    "author", "article:author", "byl", "dc.creator", "parsely-author", "sailthru.author",
    "citation_author", "creator",
)  # fmt: skip
TAG_META = ("article:tag", "keywords", "news_keywords", "parsely-tags")
IMAGE_META = (
    "og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src",
)  # fmt: skip
DESCRIPTION_META = ("og:description", "description", "twitter:description", "dc.description")
SECTION_META = (
    "article:section", "section", "articlesection", "parsely-section", "sailthru.section",
    "cxenseparse:recs:category",
)  # fmt: skip
SITE_NAME_META = (
    "og:site_name", "application-name", "twitter:app:name:iphone", "publisher", "dc.publisher",
)  # fmt: skip
PAYWALL_META = ("article:content_tier", "isaccessibleforfree")
# Whether a value means that there is a paywall.
IS_PAYWALLED = {"free": False, "metered": True, "locked": True, "true": False, "false": True}
BYLINE_CLASS = re.compile(r"(?:^|[\s_-])(?:byline|author(?:s|[-_]?name)?)(?:$|[\s_-])", re.I)
BYLINE_TAGS = ("a", "span", "p", "div", "address", "cite", "li")
TAG_SEPARATOR = re.compile(r"[,;]")
MAX_META, MAX_TAGS, MAX_AUTHOR_NODES = 500, 40, 50
MAX_VALUE_LENGTH, MAX_TAG_LENGTH, MAX_HEADING_LENGTH = 2000, 100, 400
MIN_HEADING_LENGTH = 11  # of a heading that confirms a title
JSON_LD = "json-ld"

MetaValues = Mapping[str, Sequence[str]]  # values by the name of the meta element
SourcedValue = tuple[str, str]  # a value, and where it came from
SourcedValues = tuple[tuple[str, ...], str]


def read_metadata(tree: HtmlElement) -> Metadata:
    """Read what a page declares and shows.

    Args:
        tree: The parsed page.

    Returns:
        The metadata with the source of each field. The language is missing: it takes the text.
    """
    meta, story = _read_meta(tree), jsonld.find_story(tree)
    site_name = _site_name(meta, story)
    section, section_source = _section(meta, story, site_name)
    title, title_source = _title(tree, meta, story, site_name, section)
    lines = lines_near_headline(tree, title)
    canonical_url = _canonical_url(tree, meta)
    published, modified = date_selection.select_dates(
        tree, meta, story, visible_dates(lines), canonical_url
    )
    names, names_source = _authors(tree, meta, story, site_name, lines)
    tags, tags_source = _tags(meta, story)
    description, description_source = _description(meta, story)
    metadata = Metadata(
        title=title,
        authors=names,
        published_source=local_times.mark_naive(
            published.source, _dates_without_zone(published.parsed, modified.parsed)
        ),
        published_confidence=published.confidence,
        published_day=published.day,
        modified_source=modified.source,
        modified_confidence=modified.confidence,
        paywalled=_is_paywalled(meta, story),
        section=section,
        tags=tags,
        image=_first_value(meta, IMAGE_META) or _image(story),
        canonical_url=canonical_url,
        site_name=site_name,
        description=description,
    )
    metadata = _with_moments(metadata, published.parsed, modified.parsed)
    sources = {
        "title": title_source,
        "authors": names_source,
        "section": section_source,
        "tags": tags_source,
        "description": description_source,
    }
    known = tuple((name, source) for name, source in sources.items() if getattr(metadata, name))
    return replace(metadata, sources=known)


def _with_moments(
    metadata: Metadata, published: ParsedDate | None, modified: ParsedDate | None
) -> Metadata:
    if published:
        metadata = replace(
            metadata,
            published_at=published.moment,
            published_precision=published.precision,
            published_offset=published.offset,
        )
    if modified:
        metadata = replace(metadata, modified_at=modified.moment, modified_offset=modified.offset)
    return metadata


def _read_meta(tree: HtmlElement) -> MetaValues:
    """Return the values of the meta elements by name, property or itemprop, in lower case."""
    values: dict[str, list[str]] = {}
    for count, element in enumerate(tree.iter("meta")):
        if count >= MAX_META:
            break
        name = element.get("property") or element.get("name") or element.get("itemprop") or ""
        content = single_line((element.get("content") or "")[:MAX_VALUE_LENGTH])
        if name and content:
            values.setdefault(name.strip().lower(), []).append(content)
    return values


def _first_value(meta: MetaValues, names: Iterable[str]) -> str:
    return _first_sourced(meta, names, "")[0]


def _first_sourced(meta: MetaValues, names: Iterable[str], default_source: str) -> SourcedValue:
    for name in names:
        if name in meta:
            return meta[name][0], f"meta {name}"
    return "", default_source


def _all_sourced(meta: MetaValues, names: Iterable[str]) -> list[SourcedValue]:
    values = []
    for name in names:
        for value in meta.get(name, ()):
            values.append((value, f"meta {name}"))
    return values


def _title(
    tree: HtmlElement, meta: MetaValues, story: jsonld.Node, site_name: str, section: str
) -> SourcedValue:
    headings = []
    for element in tree.iter("h1"):
        heading = single_line(element.text_content())
        if 0 < len(heading) <= MAX_HEADING_LENGTH:
            headings.append(heading)
    declared, source = _first_sourced(meta, TITLE_META, "title")
    title_element, page_title = tree.find(".//title"), ""
    if title_element is not None:
        page_title = single_line(title_element.text_content())
    headline = text_value(story.get("headline"))
    # What readers see comes first, where something that the page declares confirms it.
    for heading in headings:
        if len(heading) >= MIN_HEADING_LENGTH:
            for text in (declared, page_title, headline):
                if _begins_with(text, heading):
                    return heading, "h1"
    if declared or page_title:
        title = strip_site_name(declared or page_title, site_name)
        return strip_site_name(title, section)[:MAX_VALUE_LENGTH], source
    if headline:
        return headline[:MAX_VALUE_LENGTH], JSON_LD
    if len(headings) == 1:
        return headings[0][:MAX_VALUE_LENGTH], "h1"
    return "", "h1"


def _begins_with(text: str, heading: str) -> bool:
    return bool(text) and text.casefold()[: len(heading)] == heading.casefold()


def strip_site_name(title: str, site_name: str) -> str:
    """Return a title without a known name of its site before or after it."""
    if not site_name:
        return title
    name = re.escape(site_name)
    pattern = rf"\s+[-–—|·:»•]+\s+{name}\s*$|^{name}\s+[-–—|·:»•]+\s+"
    return re.sub(pattern, "", title, flags=re.I)


def _authors(
    tree: HtmlElement,
    meta: MetaValues,
    story: jsonld.Node,
    site_name: str,
    lines: Sequence[VisibleLine],
) -> SourcedValues:
    """Return who wrote the story.

    Declared people come first. The visible byline counts where no person is declared, and where it
    names some of the same people.
    """
    publishers = (site_name, text_value(story.get("publisher")))
    names, source = _declared_authors(meta, story, site_name)
    declared = authors.select_authors(names, publishers)
    byline_names, says_by = visible_byline(lines)
    visible = authors.select_authors(byline_names, publishers)
    if not visible:
        if declared:
            return declared, source
        marked = authors.parse_names(_marked_bylines(tree), site_name)
        return authors.select_authors(marked, publishers), "byline"
    if not any(map(authors.is_person_name, declared)):
        return visible, "byline"
    if says_by and _is_better(visible, declared):
        return visible, "byline"
    return declared, source


def _declared_authors(meta: MetaValues, story: jsonld.Node, site_name: str) -> SourcedValues:
    nodes = jsonld.as_list(story.get("author") or story.get("creator"))[:MAX_AUTHOR_NODES]
    people = list(filter(_is_person_node, nodes))
    for candidates in (people, nodes):
        if names := authors.parse_names(text_values(candidates), site_name):
            return names, JSON_LD
    values = _all_sourced(meta, AUTHOR_META)
    if not values:
        return (), ""
    names = authors.parse_names([text for text, _ in values], site_name)
    return names, values[0][1]


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


def _marked_bylines(tree: HtmlElement) -> list[str]:
    """Return the first byline that is marked by rel=author, itemprop or a class, as a list."""
    for element in tree.iter(*BYLINE_TAGS):
        attributes = [element.get(name) or "" for name in ("itemprop", "rel", "class")]
        if BYLINE_CLASS.search(" ".join(attributes)):
            text = single_line(element.text_content()[:300])
            if 3 < len(text) < 100:
                return [text]
    return []


def _dates_without_zone(published: ParsedDate | None, modified: ParsedDate | None) -> list[str]:
    """Return the names of the dates that have a time but no zone."""
    dates = ((local_times.PUBLISHED, published), (local_times.MODIFIED, modified))
    return [name for name, parsed in dates if parsed and not parsed.has_zone]


def _site_name(meta: MetaValues, story: jsonld.Node) -> str:
    names = [name for name, _ in _all_sourced(meta, SITE_NAME_META)]
    names.append(text_value(story.get("publisher")))
    for name in names:
        if name and "://" not in name:
            return name
    return ""


def _section(meta: MetaValues, story: jsonld.Node, site_name: str) -> SourcedValue:
    """Return the first section that is a name, and not the name of the whole site."""
    sections = _all_sourced(meta, SECTION_META)
    sections += [(value, JSON_LD) for value in text_values(story.get("articleSection"))]
    for section, source in sections:
        if "://" not in section and section.casefold() != site_name.casefold():
            return section, source
    return "", ""


def _description(meta: MetaValues, story: jsonld.Node) -> SourcedValue:
    description, source = _first_sourced(meta, DESCRIPTION_META, JSON_LD)
    if not description:
        description = text_value(story.get("description"))[:MAX_VALUE_LENGTH]
    return description, source


def _is_paywalled(meta: MetaValues, story: jsonld.Node) -> bool | None:
    """Tell whether a part of the story needs a payment; None where the page does not say."""
    values = []
    for node in (story, *jsonld.as_list(story.get("hasPart"))):
        if isinstance(node, dict) and "isAccessibleForFree" in node:
            values.append(str(node["isAccessibleForFree"]))
    for name in PAYWALL_META:
        values.append(_first_value(meta, (name,)))
    for value in values:
        is_paywalled = IS_PAYWALLED.get(value.strip().rpartition("/")[2].lower())
        if is_paywalled is not None:
            return is_paywalled
    return None


def _tags(meta: MetaValues, story: jsonld.Node) -> SourcedValues:
    values = [(value, JSON_LD) for value in text_values(story.get("keywords"))]
    values += _all_sourced(meta, TAG_META)
    by_key: dict[str, SourcedValue] = {}
    for value, source in values:
        for part in TAG_SEPARATOR.split(value):
            tag = part.strip()
            if 1 < len(tag) <= MAX_TAG_LENGTH:
                by_key.setdefault(tag.casefold(), (tag, source))
    tags = list(by_key.values())[:MAX_TAGS]
    sources = dict.fromkeys(source for _, source in tags)
    return tuple(tag for tag, _ in tags), ", ".join(sources)


def _image(story: jsonld.Node) -> str:
    image = story.get("image")
    if isinstance(image, list) and image:
        image = image[0]
    if isinstance(image, dict):
        image = image.get("url")
    return image[:MAX_VALUE_LENGTH] if isinstance(image, str) else ""


def _canonical_url(tree: HtmlElement, meta: MetaValues) -> str:
    for element in tree.iter("link"):
        if (element.get("rel") or "").lower() == "canonical" and element.get("href"):
            return single_line(element.get("href"))[:MAX_VALUE_LENGTH]
    return _first_value(meta, ("og:url",))
