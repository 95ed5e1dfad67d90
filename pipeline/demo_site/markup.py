"""HTML helpers that the three demo sites share.

Everything that goes into a page is escaped here. The same story always gives the same bytes.
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
from pipeline.demo_site.model import DemoBlock, Story
from pipeline.demo_site.state import DemoSiteState

BLOCK_TEMPLATES = {
    "p": "<p>{}</p>",
    "h2": "<h2>{}</h2>",
    "quote": "<blockquote><p>{}</p></blockquote>",
}


def escape_text(value: str) -> str:
    """Escape a value for the text of an element."""
    return escape(value, quote=False)


def escape_attribute(value: str) -> str:
    """Escape a value for an attribute, without the quotation marks around it."""
    return escape(value, quote=True)


def link(href: str, label: str) -> str:
    """Return a link."""
    return f'<a href="{escape_attribute(href)}">{escape_text(label)}</a>'


def wrap_each(before: str, values: Iterable[str], after: str) -> list[str]:
    """Put markup before and after each value. The values are markup, too."""
    return [f"{before}{value}{after}" for value in values]


def escape_each(values: Iterable[str]) -> list[str]:
    """Escape each value for the text of an element."""
    return [escape_text(value) for value in values]


def story_links(stories: Iterable[Story]) -> list[str]:
    """Return a link to each story."""
    return [link(story.path, story.title) for story in stories]


def section_links(state: DemoSiteState) -> list[str]:
    """Return a link to each section of the site."""
    return [link(f"/{key}/", name) for key, name in state.content.sections.items()]


@cache
def load_template(site_id: str, name: str) -> Template:
    """Return one of a site's page templates."""
    source = package_files() / "templates" / site_id / name
    return Template(source.read_text(encoding="utf-8"))


def render_template(state: DemoSiteState, name: str, values: Mapping[str, str]) -> str:
    """Fill a page template of the site."""
    return load_template(state.content.site.id, name).substitute(values)


def story_blocks(blocks: Iterable[DemoBlock], figure: Callable[[str], str]) -> list[str]:
    """Return the story's text as HTML elements, with list items grouped into lists.

    Args:
        figure: Makes the site's own markup of a picture in the text from its caption.
    """
    parts: list[str] = []
    for kind, run in groupby(blocks, key=lambda block: block.kind):
        rows = [block.text for block in run]
        if kind == "item":
            items = "\n".join(wrap_each("<li>", escape_each(rows), "</li>"))
            parts.append(f"<ul>\n{items}\n</ul>")
        elif kind == "photo":
            parts.extend(map(figure, rows))
        else:
            parts.extend(map(BLOCK_TEMPLATES[kind].format, escape_each(rows)))
    return parts


def open_graph(state: DemoSiteState, story: Story) -> str:
    """Return the Open Graph and `article:` tags of a story."""
    content = state.content
    pairs = [
        ("og:type", "article"),
        ("og:site_name", content.site.name),
        ("og:locale", content.locale),
        ("og:title", story.title),
        ("og:description", story.summary),
        ("og:url", state.url(story.path)),
        ("og:image", state.url(state.image(story))),
        ("article:published_time", story.published.isoformat()),
        ("article:modified_time", story.changed_at.isoformat()),
        ("article:section", story.section_name),
        *(("article:tag", tag) for tag in story.tags),
    ]
    tags = []
    for name, value in pairs:
        tags.append(f'<meta property="{name}" content="{escape_attribute(value)}">')
    return "\n".join(tags)


def news_article(state: DemoSiteState, story: Story) -> dict[str, Any]:
    """Return the story as a schema.org NewsArticle."""
    site = state.content.site
    return {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "mainEntityOfPage": {"@type": "WebPage", "@id": state.url(story.path)},
        "headline": story.title,
        "description": story.summary,
        "image": [state.url(state.image(story))],
        "datePublished": story.published.isoformat(),
        "dateModified": story.changed_at.isoformat(),
        "articleSection": story.section_name,
        "keywords": list(story.tags),
        "author": [{"@type": "Person", "name": name} for name in story.authors],
        "publisher": {"@type": "NewsMediaOrganization", "name": site.name, "url": state.base_url},
        "isAccessibleForFree": True,
    }


def breadcrumbs(state: DemoSiteState, story: Story) -> dict[str, Any]:
    """Return the path from the front page to the story as a schema.org BreadcrumbList."""
    steps = [(state.content.site.name, "/"), (story.section_name, f"/{story.section}/")]
    items = [
        {"@type": "ListItem", "position": place, "name": name, "item": state.url(path)}
        for place, (name, path) in enumerate(steps, start=1)
    ]
    return {
        "@context": "https://schema.org",
        "@type": "BreadcrumbList",
        "itemListElement": items,
    }


def json_ld(*objects: Mapping[str, Any]) -> str:
    """Return a JSON-LD script element for each object."""
    scripts = []
    for item in objects:
        body = json.dumps(item, ensure_ascii=False, indent=1).replace("</", "<\\/")
        scripts.append(f'<script type="application/ld+json">\n{body}\n</script>')
    return "\n".join(scripts)


def format_date(value: datetime, months: tuple[str, ...], pattern: str) -> str:
    """Format a date in a language.

    Args:
        months: The twelve names of the months.
        pattern: A format string with `{day}`, `{month}`, `{year}` and `{time}`.
    """
    clock = value.strftime("%H:%M")
    return pattern.format(day=value.day, month=months[value.month - 1], year=value.year, time=clock)
