"""`python -m tests.bench.generated_site STORIES [SET…]` — a made-up news site on this machine, as large as asked.

Promises that each page is made from its number alone, with a story whose sentences stand in this order on no other page and
with the menus, cards, lists and scripts that stand around it; or, given sets of labelled pages, that these are served instead.
A made-up page has about 120 kB and 800 elements, as the middle one of a thousand pages of real news sites has. A page answers
304 to whoever has it. Prints its address and its number of stories; ends when its standard input does.
It serves from memory with little work, so that what is measured is the client.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from functools import lru_cache
from html import escape
from pathlib import Path

POOL = 4_000  # sentences that stories are made of
PARAGRAPHS = 12
SITEMAP = 40_000  # addresses in one sitemap
NEWEST = 50  # stories in the feed
MADE = 4_096  # pages that are kept, and made before the first is asked for
SYLLABLES = (
    "ba",
    "de",
    "fi",
    "go",
    "lu",
    "ma",
    "ne",
    "pi",
    "ro",
    "su",
    "ta",
    "ve",
    "wi",
    "za",
    "kel",
    "mar",
    "nor",
    "ris",
    "sol",
    "tan",
)
NAMES = ("Anna Marten", "Boris Pell", "Clara Norwin", "Dilnoza Karim", "Emil Sorel")


@lru_cache(maxsize=1)
def _sentences() -> list[str]:
    rng = random.Random(1)
    words = ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(3_000)]
    common = [
        "the",
        "of",
        "and",
        "to",
        "in",
        "a",
        "that",
        "was",
        "for",
        "on",
        "with",
        "as",
        "by",
        "at",
        "from",
    ]
    made = []
    for _ in range(POOL):
        parts = [
            rng.choice(common) if rng.random() < 0.45 else rng.choice(words)
            for _ in range(rng.randint(9, 22))
        ]
        made.append(" ".join(parts).capitalize() + ".")
    return made


def path_of(number: int) -> str:
    """Where a story stands."""
    return f"/2026/{number % 12 + 1:02}/story-{number}"


def title_of(number: int) -> str:
    """Its headline, which no other story has."""
    return f"Item {number}: " + _sentences()[number * 7 % POOL].rstrip(".").lower()[:70]


@lru_cache(maxsize=MADE)
def page_of(number: int, stories: int) -> bytes:
    """One story with all that stands around it."""
    rng = random.Random(number)
    title, author = escape(title_of(number)), NAMES[number % len(NAMES)]
    story = "".join(
        f"<p>{' '.join(rng.choices(_sentences(), k=rng.randint(2, 4)))}</p>\n"
        for _ in range(PARAGRAPHS)
    )
    others = "".join(
        f'<li><a href="{path_of(each)}">{escape(title_of(each))}</a></li>'
        for each in rng.sample(range(stories), min(10, stories))
    )
    cards = "".join(
        _card(title_of(each), path_of(each), NAMES[each % len(NAMES)])
        for each in rng.sample(range(stories), min(32, stories))
    )
    day = f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}T08:00:00+00:00"
    facts = json.dumps(
        {"@context": "https://schema.org", "@type": "NewsArticle", "headline": title_of(number), "datePublished": day,
         "author": {"@type": "Person", "name": author}}
    )  # fmt: skip
    before, after = _around()
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} | The Made-up Times</title>'
        f'<meta property="og:title" content="{title}"><script type="application/ld+json">{facts}</script>'
        f"{before}<article><h1>{title}</h1><p class=byline>By {author}</p>\n{story}</article>"
        f"{_share(number)}<aside><h3>More stories</h3><ul>{others}</ul></aside><div class=rail>{cards}</div>{after}"
    ).encode()


def _card(title: str, path: str, name: str) -> str:
    """Another story, as it stands in a rail."""
    return (
        f'<div class="card card--small"><div class="card__media"><a href="{path}"><picture><source srcset="{path}.webp">'
        f'<img src="{path}.jpg" alt=""></picture></a></div><div class="card__body"><span class="card__label">News</span>'
        f'<h4><a href="{path}">{escape(title)}</a></h4><p class="card__by">{name}</p></div></div>'
    )


def _share(number: int) -> str:
    """Buttons under a story."""
    names = ("post", "send", "mail", "print", "save")
    return (
        "<ul class=share>"
        + "".join(
            f'<li><a href="/{name}/{number}"><i></i><span>{name}</span></a></li>' for name in names
        )
        + "</ul>"
    )


@lru_cache(maxsize=1)
def _around() -> tuple[str, str]:
    """What stands before and behind every story."""
    rng = random.Random(2)
    menu = "".join(
        f'<li class="menu-item"><a href="/section-{n}">Section {n}</a></li>' for n in range(60)
    )
    script = "".join(
        f"var v{n}={rng.random()};function f{n}(a,b){{return a*{n}+b}}\n" for n in range(1000)
    )
    style = "".join(f".c{n}{{margin:{n}px;padding:{rng.randint(0, 99)}px}}\n" for n in range(700))
    teasers = "".join(
        f'<div class="teaser"><a href="/section-{n}/x">Look at offer {n}</a><span>{n}</span></div>'
        for n in range(80)
    )
    before = f"<style>{style}</style><script>{script}</script></head><body><header><nav><ul>{menu}</ul></nav></header>"
    return before, f"<footer><div>{teasers}</div><p>All rights reserved.</p></footer></body></html>"


class Site:
    """Answers by path; counts what it was asked and what it sent."""

    def __init__(self, stories: int, pages: tuple[bytes, ...] = ()) -> None:
        self.stories = len(pages) or stories
        self.pages = pages
        self.base = ""
        self.numbers = {path_of(number): number for number in range(self.stories)}
        self.asked = self.sent = 0

    def answer(self, path: str, validator: str) -> bytes:
        """The whole answer to a GET."""
        self.asked += 1
        body, kind = self._body(path)
        if body is None:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        tag = f'"{path}"'
        if validator == tag:
            return f"HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n\r\n".encode()
        self.sent += len(body)
        return (
            f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nETag: {tag}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )

    def _body(self, path: str) -> tuple[bytes | None, str]:
        number = self.numbers.get(path)
        if number is not None:
            page = self.pages[number] if self.pages else page_of(number, self.stories)
            return page, "text/html; charset=utf-8"
        if path == "/robots.txt":
            return b"User-agent: *\nAllow: /\n", "text/plain"
        if path == "/feed.xml":
            return self._feed(), "application/rss+xml"
        if path == "/sitemap.xml":
            children = range(0, self.stories, SITEMAP)
            locs = "".join(
                f"<sitemap><loc>{self.base}/sitemap-{first}.xml</loc></sitemap>"
                for first in children
            )
            return (
                f'<sitemapindex xmlns="{SCHEMA}">{locs}</sitemapindex>'.encode(),
                "application/xml",
            )
        if path.startswith("/sitemap-"):
            first = int(path.removeprefix("/sitemap-").removesuffix(".xml"))
            numbers = range(first, min(first + SITEMAP, self.stories))
            locs = "".join(
                f"<url><loc>{self.base}{path_of(number)}</loc></url>" for number in numbers
            )
            return f'<urlset xmlns="{SCHEMA}">{locs}</urlset>'.encode(), "application/xml"
        return (
            (json.dumps({"asked": self.asked, "sent": self.sent}).encode(), "text/plain")
            if path == "/count"
            else (None, "")
        )

    def _feed(self) -> bytes:
        items = "".join(
            f"<item><title>{escape(title_of(number))}</title><link>{self.base}{path_of(number)}</link></item>"
            for number in range(min(NEWEST, self.stories))
        )
        return f'<rss version="2.0"><channel><title>Made up</title>{items}</channel></rss>'.encode()


SCHEMA = "http://www.sitemaps.org/schemas/sitemap/0.9"


async def _serve(site: Site) -> None:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *rest = head.decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in rest)
                }
                writer.write(site.answer(first.split(" ")[1], headers.get("if-none-match", "")))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    site.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    sys.stdout.write(f"{site.base} {site.stories}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    server.close()


def main() -> None:
    """The command."""
    pages: tuple[bytes, ...] = ()
    if sys.argv[2:]:
        from tests.bench.sets import load_set

        pages = tuple(
            page["html"].encode("utf8", "replace")
            for name in sys.argv[2:]
            for page in load_set(Path(name)).pages
        )
    site = Site(int(sys.argv[1]), pages)
    for number in range(0 if pages else min(site.stories, MADE)):
        page_of(number, site.stories)
    asyncio.run(_serve(site))


if __name__ == "__main__":
    main()
