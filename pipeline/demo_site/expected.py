"""What a perfect archive of the demo sites contains, and the site files to archive them with.

The expected articles come from the same data as the pages, so the two cannot differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pipeline.demo_site.data import load_site
from pipeline.demo_site.state import DemoSiteState


@dataclass(frozen=True)
class ExpectedArticle:
    """A story as a perfect archive contains it; `text` has one block per line."""

    path: str
    title: str
    authors: tuple[str, ...]
    published: datetime
    modified: datetime | None
    language: str
    section: str
    tags: tuple[str, ...]
    text: str


def expected_articles(site_id: str, night: int) -> tuple[ExpectedArticle, ...]:
    """Return all stories that are online on that night, newest first."""
    state = DemoSiteState(load_site(site_id), night, base_url="")
    return tuple(
        ExpectedArticle(
            path=story.path,
            title=story.title,
            authors=story.authors,
            published=story.published,
            modified=story.modified,
            language=story.language,
            section=story.section_name,
            tags=story.tags,
            text=story.text,
        )
        for story in state.stories
    )


def site_file(site_id: str, base_url: str) -> str:
    """Return the TOML site file with which Nightdesk archives the site at this URL."""
    site = load_site(site_id).site
    base = base_url.rstrip("/")
    rows = [
        ("name", _string(site.name)),
        ("url", _string(base + "/")),
        ("language", _string(site.language)),
        ("timezone", _string(site.timezone)),
        ("cron", _string("30 2 * * *")),
        ("feeds", _strings(base + path for path in site.feeds)),
        ("sitemaps", _strings(base + path for path in site.sitemaps)),
        ("sections", _strings(base + path for path in site.sections)),
        ("allow", _strings(site.allow)),
        ("deny", _strings(site.deny)),
    ]
    keys = "\n".join(f"{name} = {value}" for name, value in rows)
    return f"{keys}\n\n[politeness]\ndelay = 0.0\n\n[safety]\nallow_private = true\n"


def _string(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _strings(values: Iterable[str]) -> str:
    return "[" + ", ".join(map(_string, values)) + "]"
