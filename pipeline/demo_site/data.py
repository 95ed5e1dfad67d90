"""Reader of the bundled stories.

It reads and checks each site's TOML file once. An error in a file names the story that it is in.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from pipeline.demo_site.model import (
    NIGHTS,
    DemoBlock,
    DemoBlockKind,
    DemoSite,
    DemoSiteContent,
    SpecialPage,
    Story,
    StoryEdit,
)

SITE_IDS = ("harbour-courier", "stepnoy-vestnik", "chashma")
HEADLINES_SHOWN = 10
BLOCK_PREFIXES: dict[str, DemoBlockKind] = {"## ": "h2", "> ": "quote", "* ": "item", "! ": "photo"}

TomlTable = dict[str, Any]


class ContentError(ValueError):
    """A bundled file has content that no page can show."""


def package_files() -> Traversable:
    """Return the folder of this package, wherever it is installed."""
    return files(__package__ or __name__.rpartition(".")[0])


@cache
def load_site(site_id: str) -> DemoSiteContent:
    """Return the content of one site.

    Raises:
        ContentError: The bundled file has an error.
        KeyError: There is no demo site with this id.
    """
    if site_id not in SITE_IDS:
        raise KeyError(f"no such demo site: {site_id}")
    source = package_files() / "stories" / f"{site_id}.toml"
    table = tomllib.loads(source.read_text(encoding="utf-8"))
    stories = _stories(table)
    _check_unique(site_id, stories)
    head = table["site"]
    return DemoSiteContent(
        site=_site(table),
        description=head["description"],
        locale=head["locale"],
        gone_status=head.get("gone", 404),
        nights=tuple(head["nights"]),
        sections=table["sections"],
        headlines=_headlines(table),
        bios=table.get("bios", {}),
        stories=stories,
        specials=tuple(map(_special, table.get("special", []))),
    )


def _site(table: TomlTable) -> DemoSite:
    head = table["site"]
    return DemoSite(
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


def _stories(table: TomlTable) -> tuple[Story, ...]:
    return tuple(_story(row, table) for row in table["story"])


def _story(row: TomlTable, table: TomlTable) -> Story:
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
        ending=row.get("tail", table["site"]["tail"]),
        edit=_edit(row, blocks),
        deleted_on=row.get("deleted_on"),
    )


def _path(row: TomlTable, table: TomlTable) -> str:
    pattern: str = table["site"]["path"]
    return pattern.format(
        section=row["section"],
        date=row["published"].strftime("%Y/%m/%d"),
        slug=row["slug"],
    )


def _blocks(body: str) -> tuple[DemoBlock, ...]:
    return tuple(map(_block, body.strip().splitlines()))


def _block(line: str) -> DemoBlock:
    for mark, kind in BLOCK_PREFIXES.items():
        if line.startswith(mark):
            return DemoBlock(kind, line.removeprefix(mark))
    return DemoBlock("p", line)


def _edit(row: TomlTable, blocks: tuple[DemoBlock, ...]) -> StoryEdit | None:
    if "edited" not in row:
        return None
    for old, new in row["edited"]["changes"]:
        if sum(block.text.count(old) for block in blocks) != 1:
            raise ContentError(f"{row['slug']}: expected exactly one {old!r}")
        blocks = tuple(DemoBlock(block.kind, block.text.replace(old, new)) for block in blocks)
    return StoryEdit(at=row["edited"]["at"], blocks=blocks)


def _headlines(table: TomlTable) -> dict[int, tuple[str, ...]]:
    shown = {int(night): tuple(titles) for night, titles in table.get("headlines", {}).items()}
    for night, titles in shown.items():
        if night not in NIGHTS or len(set(titles)) != HEADLINES_SHOWN:
            raise ContentError(
                f"headlines of night {night}: expected {HEADLINES_SHOWN} different ones"
            )
    return shown


def _special(row: TomlTable) -> SpecialPage:
    return SpecialPage(
        kind=row["kind"],
        path=row["path"],
        title=row["title"],
        published=row["published"],
        linked_from=tuple(row.get("listed", ())),
        paragraphs=tuple(row.get("paragraphs", ())),
        target=row.get("target"),
    )


def _check_unique(site_id: str, stories: tuple[Story, ...]) -> None:
    for field in ("slug", "title"):
        values = [getattr(story, field) for story in stories]
        if len(set(values)) != len(values):
            raise ContentError(f"{site_id}: a {field} is used twice")
