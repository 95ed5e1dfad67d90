"""What a perfect archive of the newsroom would hold.

Promises: `truth` follows from the same data as the pages, so the two cannot
disagree; `site_file` is a complete Nightdesk site file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pipeline.demo_site.data import load
from pipeline.demo_site.edition import Edition


@dataclass(frozen=True)
class Truth:
    """A story as a perfect archive would hold it; ``text`` has one block to a line."""

    path: str
    title: str
    authors: tuple[str, ...]
    published: datetime
    modified: datetime | None
    language: str
    section: str
    tags: tuple[str, ...]
    text: str


def truth(site_id: str, night: int) -> tuple[Truth, ...]:
    """Every story alive on that night, newest first."""
    edition = Edition(load(site_id), night, base="")
    return tuple(
        Truth(
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
        for story in edition.stories
    )


def site_file(site_id: str, base_url: str) -> str:
    """The text of a Nightdesk site file for the site at this address."""
    site = load(site_id).site
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
