"""Pieces of HTML that the three sites share the need for, not the look of.

Promises: everything put into a page is escaped here; the same story always
gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from html import escape
from itertools import groupby
from string import Template
from typing import Any

from pipeline.demo_site.data import package_files
from pipeline.demo_site.edition import Edition
from pipeline.demo_site.model import Block, Story

SHAPES = {"p": "<p>{}</p>", "h2": "<h2>{}</h2>", "quote": "<blockquote><p>{}</p></blockquote>"}


def text(value: str) -> str:
    """A value as the text of an element."""
    return escape(value, quote=False)


def attr(value: str) -> str:
    """A value as an attribute, without its quotation marks."""
    return escape(value, quote=True)


def link(href: str, label: str) -> str:
    """A plain link."""
    return f'<a href="{attr(href)}">{text(label)}</a>'


@cache
def template(site_id: str, name: str) -> Template:
    """One of a site's own page templates."""
    source = package_files() / "templates" / site_id / name
    return Template(source.read_text(encoding="utf-8"))


def fill(edition: Edition, name: str, values: Mapping[str, str]) -> str:
    """A template of the edition's site with every place filled."""
    return template(edition.content.site.id, name).substitute(values)


def story_blocks(blocks: Iterable[Block], figure: Callable[[str], str]) -> list[str]:
    """The story's text as elements, with list items gathered into lists.

    ``figure`` gives the site's own form of a picture inside the text, from
    its caption.
    """
    parts: list[str] = []
    for kind, run in groupby(blocks, key=lambda block: block.kind):
        rows = [block.text for block in run]
        if kind == "item":
            items = "\n".join(f"<li>{text(row)}</li>" for row in rows)
            parts.append(f"<ul>\n{items}\n</ul>")
        elif kind == "photo":
            parts.extend(figure(row) for row in rows)
        else:
            parts.extend(SHAPES[kind].format(text(row)) for row in rows)
    return parts


def open_graph(edition: Edition, story: Story) -> str:
    """The OpenGraph and article tags of a story."""
    content = edition.content
    pairs = [
        ("og:type", "article"),
        ("og:site_name", content.site.name),
        ("og:locale", content.locale),
        ("og:title", story.title),
        ("og:description", story.summary),
        ("og:url", edition.url(story.path)),
        ("og:image", edition.url(edition.image(story))),
        ("article:published_time", story.published.isoformat()),
        ("article:modified_time", story.changed.isoformat()),
        ("article:section", story.section_name),
        *(("article:tag", tag) for tag in story.tags),
    ]
    return "\n".join(f'<meta property="{name}" content="{attr(value)}">' for name, value in pairs)


def news_article(edition: Edition, story: Story) -> dict[str, Any]:
    """The story's schema.org description."""
    site = edition.content.site
    return {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "mainEntityOfPage": {"@type": "WebPage", "@id": edition.url(story.path)},
        "headline": story.title,
        "description": story.summary,
        "image": [edition.url(edition.image(story))],
        "datePublished": story.published.isoformat(),
        "dateModified": story.changed.isoformat(),
        "articleSection": story.section_name,
        "keywords": list(story.tags),
        "author": [{"@type": "Person", "name": name} for name in story.authors],
        "publisher": {"@type": "NewsMediaOrganization", "name": site.name, "url": edition.base},
        "isAccessibleForFree": True,
    }


def breadcrumbs(edition: Edition, story: Story) -> dict[str, Any]:
    """The way from the front page to the story, as schema.org says it."""
    steps = [(edition.content.site.name, "/"), (story.section_name, f"/{story.section}/")]
    items = [
        {"@type": "ListItem", "position": place, "name": name, "item": edition.url(path)}
        for place, (name, path) in enumerate(steps, start=1)
    ]
    return {
        "@context": "https://schema.org",
        "@type": "BreadcrumbList",
        "itemListElement": items,
    }


def json_ld(*things: Mapping[str, Any]) -> str:
    """Script elements that describe the page to machines."""
    bodies = (json.dumps(thing, ensure_ascii=False, indent=1) for thing in things)
    safe = (body.replace("</", "<\\/") for body in bodies)
    return "\n".join(f'<script type="application/ld+json">\n{body}\n</script>' for body in safe)


def moment(value: datetime, months: tuple[str, ...], pattern: str) -> str:
    """A date in the words of a language; ``{month}`` takes its name."""
    clock = value.strftime("%H:%M")
    return pattern.format(day=value.day, month=months[value.month - 1], year=value.year, time=clock)
