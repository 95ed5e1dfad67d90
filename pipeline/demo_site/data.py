"""Reads the bundled stories.

Promises: each site's content is read once from the package's own TOML files,
checked as it is read, and always comes out the same; a mistake in a file is
reported with the story it stands in.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from pipeline.demo_site.model import (
    NIGHTS,
    Block,
    Edit,
    Kind,
    NewsroomSite,
    SiteContent,
    Special,
    Story,
)

SITE_IDS = ("harbour-courier", "stepnoy-vestnik", "chashma")
HEADLINES_SHOWN = 10
MARKS: dict[str, Kind] = {"## ": "h2", "> ": "quote", "* ": "item", "! ": "photo"}

Table = dict[str, Any]


class ContentError(ValueError):
    """A bundled file says something that cannot be shown."""


def package_files() -> Traversable:
    """The folder of this package, wherever it is installed."""
    return files(__package__ or __name__.rpartition(".")[0])


@cache
def load(site_id: str) -> SiteContent:
    """The content of one site."""
    if site_id not in SITE_IDS:
        raise KeyError(f"no such site in the newsroom: {site_id}")
    source = package_files() / "stories" / f"{site_id}.toml"
    table = tomllib.loads(source.read_text(encoding="utf-8"))
    stories = tuple(_story(row, table) for row in table["story"])
    _check_unique(site_id, stories)
    head = table["site"]
    return SiteContent(
        site=_site(table),
        description=head["description"],
        locale=head["locale"],
        gone=head.get("gone", 404),
        nights=tuple(head["nights"]),
        sections=table["sections"],
        headlines=_headlines(table),
        bios=table.get("bios", {}),
        stories=stories,
        specials=tuple(_special(row) for row in table.get("special", [])),
    )


def _site(table: Table) -> NewsroomSite:
    head = table["site"]
    return NewsroomSite(
        id=head["id"],
        name=head["name"],
        language=head["language"],
        timezone=head["timezone"],
        feeds=("/feed.xml",),
        sitemaps=("/sitemap.xml",),
        sections=("/", *(f"/{section}/" for section in table["sections"])),
        allow=tuple(head["allow"]),
        deny=tuple(head["deny"]),
    )


def _story(row: Table, table: Table) -> Story:
    blocks = _blocks(row["body"])
    return Story(
        slug=row["slug"],
        path=_path(row, table),
        title=row["title"],
        authors=tuple(row["authors"]),
        section=row["section"],
        section_name=table["sections"][row["section"]],
        tags=tuple(row["tags"]),
        language=row.get("language", table["site"]["language"]),
        published=row["published"],
        modified=row.get("modified"),
        night=row["night"],
        summary=row["summary"],
        photo=row["photo"],
        blocks=blocks,
        tail=row.get("tail", table["site"]["tail"]),
        edited=_edit(row, blocks),
        deleted_on=row.get("deleted_on"),
    )


def _path(row: Table, table: Table) -> str:
    pattern: str = table["site"]["path"]
    return pattern.format(
        section=row["section"],
        date=row["published"].strftime("%Y/%m/%d"),
        slug=row["slug"],
    )


def _blocks(body: str) -> tuple[Block, ...]:
    return tuple(_block(line) for line in body.strip().splitlines())


def _block(line: str) -> Block:
    for mark, kind in MARKS.items():
        if line.startswith(mark):
            return Block(kind, line.removeprefix(mark))
    return Block("p", line)


def _edit(row: Table, blocks: tuple[Block, ...]) -> Edit | None:
    if "edited" not in row:
        return None
    for old, new in row["edited"]["changes"]:
        if sum(block.text.count(old) for block in blocks) != 1:
            raise ContentError(f"{row['slug']}: not exactly one {old!r}")
        blocks = tuple(Block(block.kind, block.text.replace(old, new)) for block in blocks)
    return Edit(at=row["edited"]["at"], blocks=blocks)


def _headlines(table: Table) -> dict[int, tuple[str, ...]]:
    shown = {int(night): tuple(titles) for night, titles in table.get("headlines", {}).items()}
    for night, titles in shown.items():
        if night not in NIGHTS or len(set(titles)) != HEADLINES_SHOWN:
            raise ContentError(f"headlines of night {night}: want {HEADLINES_SHOWN} different ones")
    return shown


def _special(row: Table) -> Special:
    return Special(
        kind=row["kind"],
        path=row["path"],
        title=row["title"],
        published=row["published"],
        listed=tuple(row.get("listed", ())),
        paragraphs=tuple(row.get("paragraphs", ())),
        target=row.get("target"),
    )


def _check_unique(site_id: str, stories: tuple[Story, ...]) -> None:
    for field in ("slug", "title"):
        values = [getattr(story, field) for story in stories]
        if len(set(values)) != len(values):
            raise ContentError(f"{site_id}: a {field} is used twice")
