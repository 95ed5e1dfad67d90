"""Which further URLs a visit leads to: the target of a redirect, the children of a sitemap index. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from pipeline.model import Kind, Link, Verdict
from pipeline.sites import Site

NEVER = datetime.min.replace(tzinfo=UTC)


def judge_target(site: Site, location: str) -> Verdict:
    """The verdict on where a story redirects to. Dead stories often lead to the front page, which is no story: a bare host is
    held to what holds for links of a section."""
    bare = urlsplit(location).path in ("", "/")
    return site.judge(Link(location), Kind.SECTION if bare else Kind.STORY)


def newest_children(links: Sequence[Link], room: int) -> tuple[Link, ...]:
    """All Links, but of child sitemaps only as many as there is room for: those that changed last."""
    children = [link for link in links if link.kind is not Kind.STORY]
    if len(children) <= room:
        return tuple(links)
    by_change = sorted(children, key=lambda link: link.modified_at or NEVER, reverse=True)
    kept = {link.url for link in by_change[:room]}
    return tuple(link for link in links if link.kind is Kind.STORY or link.url in kept)
