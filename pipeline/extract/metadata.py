"""Parsed tree → what a page says of its story.

Promises Metadata without an invented value. Declarations come first (JSON-LD, then meta elements, then
`<time>` and marked-up bylines); the guessing libraries are asked last and only for what nobody declared.
Which of page, feed and sitemap is believed, and whether a date is plausible, is decided later, by `rules`,
where the time of the visit is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from lxml.html import HtmlElement

from pipeline import wallclock
from pipeline.extract import authors, dates, jsonld
from pipeline.extract.jsonld import text_of, texts_of
from pipeline.extract.repairs import line
from pipeline.model import Metadata

TITLES = (
    "og:title",
    "twitter:title",
    "dc.title",
    "sailthru.title",
    "parsely-title",
    "citation_title",
    "title",
)
PUBLISHED = (
    "article:published_time", "article:published", "og:published_time", "datepublished", "date.published", "publication_date",
    "publish-date", "publish_date", "pubdate", "parsely-pub-date", "sailthru.date", "dc.date.issued", "dcterms.created",
    "dc.date.created", "dc.date", "dcterms.date", "citation_publication_date", "citation_date", "article.published",
    "cxenseparse:recs:publishtime", "originalpublicationdate", "displaydate", "ptime", "date",
)  # fmt: skip
MODIFIED = (
    "article:modified_time", "og:updated_time", "article:modified", "datemodified", "dcterms.modified", "dc.date.modified",
    "last-modified", "lastmod", "revision_date",
)  # fmt: skip
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
SITE_NAMES = ("og:site_name", "application-name", "twitter:app:name:iphone", "publisher", "dc.publisher")
BYLINE = re.compile(r"(?:^|[\s_-])(?:byline|author(?:s|[-_]?name)?)(?:$|[\s_-])", re.I)
PUBLISHED_CLASS = re.compile(r"publish|posted|entry-date|pubdate|created|dateline", re.I)
MAX_META, MAX_TAGS, MAX_TEXT = 500, 40, 2000
FUTURE = datetime(9999, 1, 1, tzinfo=UTC)
Declared = dict[str, list[str]]


def metadata_of(tree: HtmlElement) -> Metadata:
    """What the page declares; its language is set by whoever has seen its text."""
    meta, story = _meta(tree), jsonld.story_node(tree)
    site_name = _first(meta, SITE_NAMES) or text_of(story.get("publisher"))
    section = _first(meta, ("article:section", "section")) or text_of(story.get("articleSection"))
    source, published, modified = _dates(tree, meta, story)
    return Metadata(
        title=_title(tree, meta, story, site_name, section),
        authors=_authors(tree, meta, story, site_name),
        published_at=published.moment if published else None,
        published_source=wallclock.marked(source, _lacking(published, modified)),
        published_precision=published.precision if published else "",
        modified_at=modified.moment if modified else None,
        section=section,
        tags=_tags(meta, story),
        image=_first(meta, IMAGES) or _image(story),
        canonical_url=_canonical(tree, meta),
        site_name=site_name,
        description=_first(meta, DESCRIPTIONS) or text_of(story.get("description"))[:MAX_TEXT],
    )


def _meta(tree: HtmlElement) -> Declared:
    """The meta elements by name, property or itemprop, in lower case."""
    found: Declared = {}
    for count, element in enumerate(tree.iter("meta")):
        if count >= MAX_META:
            break
        name = element.get("property") or element.get("name") or element.get("itemprop") or ""
        content = line((element.get("content") or "")[:MAX_TEXT])
        if name and content:
            found.setdefault(name.strip().lower(), []).append(content)
    return found


def _first(meta: Declared, names: Iterable[str]) -> str:
    return next((meta[name][0] for name in names if name in meta), "")


def _title(tree: HtmlElement, meta: Declared, story: dict[str, Any], site_name: str, section: str) -> str:
    headings = [text for e in tree.iter("h1") if (text := line(e.text_content())) and len(text) <= 400]
    declared = _first(meta, TITLES)
    head = tree.find(".//title")
    page = line(head.text_content()) if head is not None else ""
    for heading in headings:  # what readers see, when what the page declares confirms it
        if len(heading) > 10 and any(_begins(text, heading) for text in (declared, page, text_of(story.get("headline")))):
            return heading
    if declared or page:
        return without_site(without_site(declared or page, site_name), section)[:MAX_TEXT]
    return (text_of(story.get("headline")) or (headings[0] if len(headings) == 1 else ""))[:MAX_TEXT]


def _begins(text: str, heading: str) -> bool:
    return bool(text) and text.casefold()[: len(heading)] == heading.casefold()


def without_site(title: str, site_name: str) -> str:
    """A title without the name of its site before or behind it, where that name is known."""
    if site_name:
        name = re.escape(site_name)
        title = re.sub(rf"\s+[-–—|·:»•]+\s+{name}\s*$|^{name}\s+[-–—|·:»•]+\s+", "", title, flags=re.I)
    return title


def _authors(tree: HtmlElement, meta: Declared, story: dict[str, Any], site_name: str) -> tuple[str, ...]:
    declared = authors.names(texts_of(story.get("author") or story.get("creator")), site_name)
    if declared:
        return declared
    written = authors.names((value for name in AUTHORS for value in meta.get(name, ())), site_name)
    return written or authors.names(_bylines(tree), site_name)


def _bylines(tree: HtmlElement) -> Iterator[str]:
    """The first marked-up byline: rel=author, itemprop, or a class that says so."""
    for element in tree.iter("a", "span", "p", "div", "address", "cite", "li"):
        marks = f"{element.get('itemprop') or ''} {element.get('rel') or ''} {element.get('class') or ''}"
        if BYLINE.search(marks):
            text = line(element.text_content()[:300])
            if 3 < len(text) < 100:
                yield text
                return


def _dates(tree: HtmlElement, meta: Declared, story: dict[str, Any]) -> tuple[str, dates.Stamp | None, dates.Stamp | None]:
    """Where the date of publication came from, it, and the date of the last change."""
    modified = dates.read(text_of(story.get("dateModified"))) or _read(meta, MODIFIED)
    if stamp := dates.read(text_of(story.get("datePublished"))) or dates.read(text_of(story.get("dateCreated"))):
        return "json-ld", stamp, modified
    if stamp := _read(meta, PUBLISHED):
        return "meta", stamp, modified
    if stamp := _marked_time(tree):
        return "time", stamp, modified
    stamp = _guessed(tree)
    return ("htmldate" if stamp else ""), stamp, modified


def _read(meta: Declared, names: Iterable[str]) -> dates.Stamp | None:
    stamps = (dates.read(value) for name in names for value in meta.get(name, ()))
    return next((stamp for stamp in stamps if stamp), None)


def _lacking(published: dates.Stamp | None, modified: dates.Stamp | None) -> list[str]:
    """Which of the two times lack a zone."""
    times = ((wallclock.PUBLISHED, published), (wallclock.MODIFIED, modified))
    return [name for name, stamp in times if stamp and not stamp.zoned]


def _marked_time(tree: HtmlElement) -> dates.Stamp | None:
    """A `<time>` that says it is the date of publication, else the only one, else the one nearest to the h1."""
    stamps: list[dates.Stamp] = []
    for element in tree.iter("time", "abbr", "span"):
        stamp = dates.read(element.get("datetime") or element.get("content") or "")
        if not stamp:
            continue
        marks = " ".join(filter(None, (element.get("itemprop"), element.get("class"), element.get("pubdate") and "pubdate")))
        if PUBLISHED_CLASS.search(marks):
            return stamp
        if element.tag == "time":
            stamps.append(stamp)
    return stamps[0] if len({stamp.moment.date() for stamp in stamps}) == 1 else None


def _guessed(tree: HtmlElement) -> dates.Stamp | None:
    """htmldate's guess. Its upper limit is open: it would rewrite a date beyond the limit instead of dropping it."""
    from htmldate import find_date

    try:
        found = find_date(
            tree,
            original_date=True,
            extensive_search=False,
            max_date="2100-01-01",
            deferred_url_extractor=True,
        )
    except Exception:  # noqa: BLE001  a guess is not worth a page, and the library raises many kinds
        return None
    return dates.read(found)


def _tags(meta: Declared, story: dict[str, Any]) -> tuple[str, ...]:
    values = [*texts_of(story.get("keywords")), *(value for name in TAGS for value in meta.get(name, ()))]
    parts = (part.strip() for value in values for part in re.split(r"[,;]", value))
    return tuple(dict.fromkeys(part for part in parts if 1 < len(part) <= 100))[:MAX_TAGS]


def _image(story: dict[str, Any]) -> str:
    image = story.get("image")
    image = image[0] if isinstance(image, list) and image else image
    image = image.get("url") if isinstance(image, dict) else image
    return image[:MAX_TEXT] if isinstance(image, str) else ""


def _canonical(tree: HtmlElement, meta: Declared) -> str:
    for element in tree.iter("link"):
        if (element.get("rel") or "").lower() == "canonical" and element.get("href"):
            return line(element.get("href"))[:MAX_TEXT]
    return _first(meta, ("og:url",))
