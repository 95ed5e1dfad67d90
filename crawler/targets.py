"""Which further URLs a visit leads to: the target of a redirect, the children of a sitemap index. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from pipeline.model import Kind, Link, Verdict
from pipeline.sites import Site

PAGE_NUMBER = re.compile(
    r"/(?:page|seite|pagina|p)[/-]?\d{1,4}/?(?:$|\?)|[?&](?:page|paged|p|pg|start|offset)=\d{1,5}(?:&|$)", re.I
)
NEVER = datetime.min.replace(tzinfo=UTC)


def judge_target(site: Site, location: str) -> Verdict:
    """The verdict on where a story redirects to. Dead stories often lead to the front page, which is no story: a bare host is
    held to what holds for links of a section."""
    bare = urlsplit(location).path in ("", "/")
    return site.judge(Link(location), Kind.SECTION if bare else Kind.STORY)


def believed(site: Site, declared: str) -> str:
    """The address that a page calls its own, if it is one of a story of the Site: many call the front page that, or another
    site from which they took the story."""
    if not declared or urlsplit(declared).path in ("", "/"):
        return ""
    return "" if site.judge(Link(declared), Kind.SECTION).reason else declared


def is_next_page(site: Site, url: str) -> bool:
    """Whether what a section calls its next page may be read as one: it is the Site's, and no story."""
    if not site.owns(url):
        return False
    return PAGE_NUMBER.search(url) is not None or bool(site.judge(Link(url), Kind.SECTION).reason)


def newest_children(links: Sequence[Link], room: int) -> tuple[Link, ...]:
    """All Links, but of child sitemaps only as many as there is room for: those that changed last."""
    children = [link for link in links if link.kind is not Kind.STORY]
    if len(children) <= room:
        return tuple(links)
    by_change = sorted(children, key=lambda link: link.modified_at or NEVER, reverse=True)
    kept = {link.url for link in by_change[:room]}
    return tuple(link for link in links if link.kind is Kind.STORY or link.url in kept)
