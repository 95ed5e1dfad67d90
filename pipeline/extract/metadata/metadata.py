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
from itertools import islice
from typing import Any

from lxml.html import HtmlElement

from pipeline.core import local_times
from pipeline.core.dates.date_values import ParsedDate
from pipeline.core.models import Metadata
from pipeline.core.page_head import PICTURE_META
from pipeline.extract.metadata import author_choice, date_selection, jsonld, titles
from pipeline.extract.metadata.jsonld import text_value, text_values
from pipeline.extract.metadata.site_names import Site
from pipeline.extract.metadata.visible_bylines import find_headline, lines_near_headline
from pipeline.extract.sanitize import single_line

TITLE_META = (
    "og:title", "twitter:title", "dc.title", "sailthru.title", "parsely-title", "citation_title",
    "title",
)  # fmt: skip
TAG_META = ("article:tag", "keywords", "news_keywords", "parsely-tags")
DESCRIPTION_META = ("og:description", "description", "twitter:description", "dc.description")
SECTION_META = (
    "article:section", "section", "articlesection", "parsely-section", "sailthru.section",
    "cxenseparse:recs:category",
)  # fmt: skip
SITE_NAME_META = (
    "og:site_name", "application-name", "twitter:app:name:iphone", "publisher", "dc.publisher",
)  # fmt: skip
URL_META = ("og:url", "twitter:url")
LICENSE_META = ("dcterms.license", "dc.rights.license", "cc:license")
PAYWALL_META = ("article:content_tier", "isaccessibleforfree")
# Whether a value means that there is a paywall.
IS_PAYWALLED = {"free": False, "metered": True, "locked": True, "true": False, "false": True}
TAG_SEPARATOR = re.compile(r"[,;]")
MAX_META, MAX_TAGS, MAX_H1 = 500, 40, 5
MAX_VALUE_LENGTH, MAX_TAG_LENGTH, MAX_LICENSE_LENGTH = 2000, 100, 500
JSON_LD = "json-ld"
PAGE_LINKS = ("shortlink", "alternate", "amphtml", "edituri", "pingback")  # on the page's own host

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
    meta = _read_meta(tree)
    canonical_url = _canonical_url(tree, meta)
    page_url = _page_url(tree, meta, canonical_url)
    declared = _declared_titles(tree, meta)
    story = jsonld.find_story(tree, _page_titles(tree, declared), page_url)
    site_name = _site_name(meta, story)
    section, section_source = _section(meta, story, site_name)
    site = Site(
        names=(*_values(meta, SITE_NAME_META), site_name, text_value(story.get("publisher"))),
        sections=(section, *text_values(story.get("articleSection"))),
        url=page_url or text_value(story.get("url")),
    )
    title, title_source = titles.choose_title(
        tree, declared, text_value(story.get("headline")), site
    )
    headline = find_headline(tree, title)
    around = () if headline is None else tuple(headline.iterancestors())
    lines = lines_near_headline(headline)
    published, modified = date_selection.select_dates(
        tree, meta, story, lines, headline, canonical_url
    )
    author_meta = _all_sourced(meta, author_choice.AUTHOR_META)
    names, names_source = author_choice.choose_authors(
        tree, author_meta, story, site_name, lines, around, page_url
    )
    tags, tags_source = _tags(meta, story)
    description, description_source = _description(meta, story)
    license_name, license_source = _license(tree, meta, story, around)
    metadata = Metadata(
        title=title,
        authors=names,
        agency=author_choice.choose_agency(author_meta, story, lines, around),
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
        image=_first_value(meta, PICTURE_META) or _image(story),
        canonical_url=canonical_url,
        site_name=site_name,
        description=description,
        license=license_name,
    )
    metadata = _with_moments(metadata, published.parsed, modified.parsed)
    sources = {
        "title": title_source,
        "authors": names_source,
        "section": section_source,
        "tags": tags_source,
        "description": description_source,
        "license": license_source,
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
        metadata = replace(
            metadata,
            modified_at=modified.moment,
            modified_precision=modified.precision,
            modified_offset=modified.offset,
        )
    return metadata


def _read_meta(tree: HtmlElement) -> MetaValues:
    """Return the values of the meta elements by name, property or itemprop, in lower case."""
    values: dict[str, list[str]] = {}
    for count, element in enumerate(tree.iter("meta")):
        if count >= MAX_META:
            break
        name = element.get("property") or element.get("name") or element.get("itemprop") or ""
        content = titles.unescape_text((element.get("content") or "")[:MAX_VALUE_LENGTH])
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


def _values(meta: MetaValues, names: Iterable[str]) -> list[str]:
    return [value for value, _ in _all_sourced(meta, names)]


def _declared_titles(tree: HtmlElement, meta: MetaValues) -> list[SourcedValue]:
    """Return the titles that a page declares, the best first."""
    declared = _all_sourced(meta, TITLE_META)
    element = tree.find(".//title")
    title = "" if element is None else element.text_content()[:MAX_VALUE_LENGTH]
    if title := single_line(title):
        declared.append((title, "title"))
    return declared


def _page_titles(tree: HtmlElement, declared: Iterable[SourcedValue]) -> list[str]:
    """Return the declared titles and the first headings of a page."""
    page_titles = [title for title, _ in declared]
    for element in islice(tree.iter("h1"), MAX_H1):
        page_titles.append(single_line(element.text_content()[:MAX_VALUE_LENGTH]))
    return page_titles


def _page_url(tree: HtmlElement, meta: MetaValues, canonical_url: str) -> str:
    """Return the page's own address as far as the page says it, or ""."""
    for url in (canonical_url, *_values(meta, URL_META)):
        if "://" in url:
            return url
    for element in tree.iter("link"):
        url = element.get("href") or ""
        if (element.get("rel") or "").lower() in PAGE_LINKS and "://" in url:
            return single_line(url[:MAX_VALUE_LENGTH])
    return ""


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


def _license(
    tree: HtmlElement, meta: MetaValues, story: jsonld.Node, around: Sequence[HtmlElement]
) -> SourcedValue:
    """Return the licence of the story: of JSON-LD, a meta element, the head or the article.

    A link with rel=license elsewhere in the page may be about its software or a picture.
    """
    if name := _license_value(story.get("license")):
        return name, JSON_LD
    name, source = _first_sourced(meta, LICENSE_META, "")
    if name:
        return name[:MAX_LICENSE_LENGTH], source
    for element in tree.iter("link"):
        if _is_license(element):
            return _href(element), "link rel=license"
    for container in around:
        if container.tag == "article":
            for element in container.iter("a"):
                if _is_license(element):
                    return _href(element), "a rel=license"
    return "", ""


def _license_value(value: Any) -> str:
    for item in jsonld.as_list(value)[:MAX_TAGS]:
        if isinstance(item, dict):
            item = item.get("url") or item.get("@id") or item.get("name")
        if isinstance(item, str) and item.strip():
            return single_line(item)[:MAX_LICENSE_LENGTH]
    return ""


def _is_license(element: HtmlElement) -> bool:
    return "license" in (element.get("rel") or "").lower().split() and bool(element.get("href"))


def _href(element: HtmlElement) -> str:
    return single_line(element.get("href") or "")[:MAX_LICENSE_LENGTH]


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
