"""Parsed tree → what a page says of its story.

Promises Metadata without an invented value. Declarations come first (JSON-LD, then meta elements, then
`<time>` and marked-up bylines); the guessing libraries are asked last and only for what nobody declared.
Which of page, feed and sitemap is believed, and whether a date is plausible, is decided later, by `rules`,
where the time of the visit is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from lxml.html import HtmlElement

from pipeline.core import local_times
from pipeline.core.models import Metadata
from pipeline.extract.metadata import authors, date_selection, date_values, jsonld
from pipeline.extract.metadata.jsonld import text_value, text_values
from pipeline.extract.metadata.visible_bylines import VisibleLine, visible_byline, visible_dates, lines_near_headline
from pipeline.extract.sanitize import single_line

TITLES = (
    "og:title",
    "twitter:title",
    "dc.title",
    "sailthru.title",
    "parsely-title",
    "citation_title",
    "title",
)
AUTHORS = (
    "author",
    "article:author",
    "byl",
    "dc.creator",
    "parsely-author",
    "sailthru.author",
    "citation_author",
    "creator",
)
TAGS = ("article:tag", "keywords", "news_keywords", "parsely-tags")
IMAGES = ("og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src")
DESCRIPTIONS = ("og:description", "description", "twitter:description", "dc.description")
SECTIONS = (
    "article:section",
    "section",
    "articlesection",
    "parsely-section",
    "sailthru.section",
    "cxenseparse:recs:category",
)
TIERS = ("article:content_tier", "isaccessibleforfree")
TIER = {
    "free": False,
    "metered": True,
    "locked": True,
    "true": False,
    "false": True,
}  # whether there is a wall
SITE_NAMES = (
    "og:site_name",
    "application-name",
    "twitter:app:name:iphone",
    "publisher",
    "dc.publisher",
)
BYLINE = re.compile(r"(?:^|[\s_-])(?:byline|author(?:s|[-_]?name)?)(?:$|[\s_-])", re.I)
MAX_META, MAX_TAGS, MAX_TEXT, LONGEST_TAG = 500, 40, 2000, 100
JSON_LD = "json-ld"
Declared = dict[str, list[str]]
From = tuple[str, str]  # a value, and where it came from


def read_metadata(tree: HtmlElement) -> Metadata:
    """What the page declares; its language is set by whoever has seen its text."""
    meta, story = _meta(tree), jsonld.find_story(tree)
    site_name = _site_name(meta, story)
    section, section_from = _section(meta, story, site_name)
    title, title_from = _title(tree, meta, story, site_name, section)
    lines = lines_near_headline(tree, title)
    canonical = _canonical(tree, meta)
    published, modified = date_selection.select_dates(tree, meta, story, visible_dates(lines), canonical)
    at, changed = published.stamp, modified.stamp
    people, people_from = _authors(tree, meta, story, site_name, lines)
    tags, tags_from = _tags(meta, story)
    description, description_from = _said(meta, DESCRIPTIONS) or (
        text_value(story.get("description"))[:MAX_TEXT],
        JSON_LD,
    )
    told = {"title": title_from, "authors": people_from, "section": section_from, "tags": tags_from}
    told["description"] = description_from
    found = Metadata(
        title=title,
        authors=people,
        published_at=at.moment if at else None,
        published_source=local_times.mark_naive(published.source, _lacking(at, changed)),
        published_precision=at.precision if at else "",
        published_confidence=published.certainty,
        published_offset=at.offset if at else None,
        published_day=published.day,
        modified_at=changed.moment if changed else None,
        modified_source=modified.source,
        modified_confidence=modified.certainty,
        modified_offset=changed.offset if changed else None,
        paywalled=_paywalled(meta, story),
        section=section,
        tags=tags,
        image=_first(meta, IMAGES) or _image(story),
        canonical_url=canonical,
        site_name=site_name,
        description=description,
    )
    return replace(
        found,
        sources=tuple((name, source) for name, source in told.items() if getattr(found, name)),
    )


def _meta(tree: HtmlElement) -> Declared:
    """The meta elements by name, property or itemprop, in lower case."""
    found: Declared = {}
    for count, element in enumerate(tree.iter("meta")):
        if count >= MAX_META:
            break
        name = element.get("property") or element.get("name") or element.get("itemprop") or ""
        content = single_line((element.get("content") or "")[:MAX_TEXT])
        if name and content:
            found.setdefault(name.strip().lower(), []).append(content)
    return found


def _first(meta: Declared, names: Iterable[str]) -> str:
    return next((meta[name][0] for name in names if name in meta), "")


def _said(meta: Declared, names: Iterable[str]) -> From | None:
    return next(((meta[name][0], f"meta {name}") for name in names if name in meta), None)


def _title(
    tree: HtmlElement, meta: Declared, story: dict[str, Any], site_name: str, section: str
) -> From:
    headings = [
        text for e in tree.iter("h1") if (text := single_line(e.text_content())) and len(text) <= 400
    ]
    declared, source = _said(meta, TITLES) or ("", "title")
    head = tree.find(".//title")
    page = single_line(head.text_content()) if head is not None else ""
    headline = text_value(story.get("headline"))
    for heading in headings:  # what readers see, when what the page declares confirms it
        if len(heading) > 10 and any(_begins(text, heading) for text in (declared, page, headline)):
            return heading, "h1"
    if declared or page:
        return strip_site_name(strip_site_name(declared or page, site_name), section)[:MAX_TEXT], source
    return (
        (headline[:MAX_TEXT], JSON_LD)
        if headline
        else (headings[0][:MAX_TEXT] if len(headings) == 1 else "", "h1")
    )


def _begins(text: str, heading: str) -> bool:
    return bool(text) and text.casefold()[: len(heading)] == heading.casefold()


def strip_site_name(title: str, site_name: str) -> str:
    """A title without the name of its site before or behind it, where that name is known."""
    if site_name:
        name = re.escape(site_name)
        title = re.sub(
            rf"\s+[-–—|·:»•]+\s+{name}\s*$|^{name}\s+[-–—|·:»•]+\s+", "", title, flags=re.I
        )
    return title


def _authors(
    tree: HtmlElement, meta: Declared, story: dict[str, Any], site_name: str, lines: Sequence[VisibleLine]
) -> tuple[tuple[str, ...], str]:
    """Who wrote it. Declared people come first; the byline that readers see stands where none are declared, and settles who of
    them it was where it names some of the same."""
    publishers = (site_name, text_value(story.get("publisher")))
    given, source = _declared_authors(meta, story, site_name)
    declared = authors.select_authors(given, publishers)
    seen, says_by = visible_byline(lines)
    seen = authors.select_authors(seen, publishers)
    if not seen and not declared:
        return authors.select_authors(authors.parse_names(_bylines(tree), site_name), publishers), "byline"
    if not any(map(authors.is_person_name, declared)) and seen:
        return seen, "byline"
    chosen = _settled(declared, seen) if seen and says_by else declared
    return chosen, source if chosen is declared else "byline"


def _declared_authors(
    meta: Declared, story: dict[str, Any], site_name: str
) -> tuple[tuple[str, ...], str]:
    given = story.get("author") or story.get("creator")
    nodes = given[:50] if isinstance(given, list) else [given]
    people = [
        node for node in nodes if isinstance(node, dict) and "Person" in str(node.get("@type"))
    ]
    for candidates in (people, nodes):
        if found := authors.parse_names(text_values(candidates), site_name):
            return found, JSON_LD
    names = [name for name in AUTHORS if name in meta]
    found = authors.parse_names((value for name in names for value in meta[name]), site_name)
    return found, f"meta {names[0]}" if names else ""


def _settled(declared: tuple[str, ...], seen: tuple[str, ...]) -> tuple[str, ...]:
    """The declared people, or those of the byline where it names them and more, or spells them with more accents. A byline that
    names fewer settles nothing: the others may stand further down."""
    ours, theirs = set(map(authors.name_key, declared)), set(map(authors.name_key, seen))
    if ours < theirs or (ours == theirs and authors.count_accents(seen) > authors.count_accents(declared)):
        return seen
    return declared


def _bylines(tree: HtmlElement) -> Iterator[str]:
    """The first marked-up byline: rel=author, itemprop, or a class that says so."""
    for element in tree.iter("a", "span", "p", "div", "address", "cite", "li"):
        marks = f"{element.get('itemprop') or ''} {element.get('rel') or ''} {element.get('class') or ''}"
        if BYLINE.search(marks):
            text = single_line(element.text_content()[:300])
            if 3 < len(text) < 100:
                yield text
                return


def _lacking(published: date_values.ParsedDate | None, modified: date_values.ParsedDate | None) -> list[str]:
    """Which of the two times lack a zone."""
    times = ((local_times.PUBLISHED, published), (local_times.MODIFIED, modified))
    return [name for name, stamp in times if stamp and not stamp.zoned]


def _site_name(meta: Declared, story: dict[str, Any]) -> str:
    names = (
        *(value for name in SITE_NAMES for value in meta.get(name, ())),
        text_value(story.get("publisher")),
    )
    return next((name for name in names if name and "://" not in name), "")


def _section(meta: Declared, story: dict[str, Any], site_name: str) -> From:
    """The first section that is a name, and not that of the whole site."""
    given = [(value, f"meta {name}") for name in SECTIONS for value in meta.get(name, ())]
    given += [(value, JSON_LD) for value in text_values(story.get("articleSection"))]
    return next(
        (
            each
            for each in given
            if "://" not in each[0] and each[0].casefold() != site_name.casefold()
        ),
        ("", ""),
    )


def _paywalled(meta: Declared, story: dict[str, Any]) -> bool | None:
    """Whether the page says that not everybody may read all of it."""
    parts = story.get("hasPart")
    nodes = [story, *(parts if isinstance(parts, list) else [parts])]
    said = [
        str(node["isAccessibleForFree"])
        for node in nodes
        if isinstance(node, dict) and "isAccessibleForFree" in node
    ]
    said += [_first(meta, (name,)) for name in TIERS]
    known = (TIER.get(value.strip().rpartition("/")[2].lower()) for value in said)
    return next((tier for tier in known if tier is not None), None)


def _tags(meta: Declared, story: dict[str, Any]) -> tuple[tuple[str, ...], str]:
    given = [(value, JSON_LD) for value in text_values(story.get("keywords"))]
    given += [(value, f"meta {name}") for name in TAGS for value in meta.get(name, ())]
    found: dict[str, From] = {}
    for value, source in given:
        for part in (part.strip() for part in re.split(r"[,;]", value)):
            if 1 < len(part) <= LONGEST_TAG:
                found.setdefault(part.casefold(), (part, source))
    chosen = list(found.values())[:MAX_TAGS]
    return tuple(part for part, _ in chosen), ", ".join(
        dict.fromkeys(source for _, source in chosen)
    )


def _image(story: dict[str, Any]) -> str:
    image = story.get("image")
    image = image[0] if isinstance(image, list) and image else image
    image = image.get("url") if isinstance(image, dict) else image
    return image[:MAX_TEXT] if isinstance(image, str) else ""


def _canonical(tree: HtmlElement, meta: Declared) -> str:
    for element in tree.iter("link"):
        if (element.get("rel") or "").lower() == "canonical" and element.get("href"):
            return single_line(element.get("href"))[:MAX_TEXT]
    return _first(meta, ("og:url",))
