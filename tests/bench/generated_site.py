"""Serve an invented news site of any size: `python -m tests.bench.generated_site STORIES [SET…]`.

Each page is made from its number alone. Its story has sentences in an order that no other page has,
and menus, cards, lists and scripts around it. A page has about 120 kB and 800 elements: the median
of a thousand pages of real news sites. Given sets of labelled pages, the server serves these
instead. A request with the validator of a page gets status 304.

The program prints its address and its number of stories, and ends when its standard input ends. It
serves from memory with little work, so that a benchmark measures the client.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Iterable
from functools import lru_cache
from html import escape
from pathlib import Path

SENTENCES = 4_000  # from which stories are made
PARAGRAPHS = 12
SITEMAP_URLS = 40_000  # in one sitemap
FEED_STORIES = 50
CACHED_PAGES = 4_096  # made before the first request, and kept
SITEMAP_SCHEMA = "http://www.sitemaps.org/schemas/sitemap/0.9"
SYLLABLES = tuple(
    "ba de fi go lu ma ne pi ro su ta ve wi za kel mar nor ris sol tan".split()  # noqa: SIM905
)
COMMON_WORDS = "the of and to in a that was for on with as by at from".split()  # noqa: SIM905
NAMES = ("Anna Marten", "Boris Pell", "Clara Norwin", "Dilnoza Karim", "Emil Sorel")


@lru_cache(maxsize=1)
def sentences() -> list[str]:
    """Return the sentences from which stories are made."""
    generator = random.Random(1)
    words = []
    for _ in range(3_000):
        words.append("".join(generator.choices(SYLLABLES, k=generator.randint(1, 4))))
    made = []
    for _ in range(SENTENCES):
        parts = []
        for _ in range(generator.randint(9, 22)):
            is_common = generator.random() < 0.45
            parts.append(generator.choice(COMMON_WORDS if is_common else words))
        made.append(" ".join(parts).capitalize() + ".")
    return made


def path_of(number: int) -> str:
    """Return the path of a story."""
    return f"/2026/{number % 12 + 1:02}/story-{number}"


def title_of(number: int) -> str:
    """Return the headline of a story; no other story has it."""
    sentence = sentences()[number * 7 % SENTENCES]
    return f"Item {number}: " + sentence.rstrip(".").lower()[:70]


@lru_cache(maxsize=CACHED_PAGES)
def page_of(number: int, stories: int) -> bytes:
    """Return the HTML of a story, with everything around it.

    Args:
        number: The number of the story, from 0.
        stories: How many stories the site has.
    """
    generator = random.Random(number)
    title, author = escape(title_of(number)), NAMES[number % len(NAMES)]
    paragraphs = ""
    for _ in range(PARAGRAPHS):
        chosen = generator.choices(sentences(), k=generator.randint(2, 4))
        paragraphs += f"<p>{' '.join(chosen)}</p>\n"
    links = ""
    for other in generator.sample(range(stories), min(10, stories)):
        links += f'<li><a href="{path_of(other)}">{escape(title_of(other))}</a></li>'
    cards = ""
    for other in generator.sample(range(stories), min(32, stories)):
        cards += _card(title_of(other), path_of(other), NAMES[other % len(NAMES)])
    metadata = json.dumps(
        {
            "@context": "https://schema.org",
            "@type": "NewsArticle",
            "headline": title_of(number),
            "datePublished": f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}T08:00:00+00:00",
            "author": {"@type": "Person", "name": author},
        }
    )
    header, footer = _header_and_footer()
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{title} | The Made-up Times</title>"
        f'<meta property="og:title" content="{title}">'
        f'<script type="application/ld+json">{metadata}</script>'
        f"{header}<article><h1>{title}</h1><p class=byline>By {author}</p>\n{paragraphs}</article>"
        f"{_share_buttons(number)}<aside><h3>More stories</h3><ul>{links}</ul></aside>"
        f"<div class=rail>{cards}</div>{footer}"
    ).encode()


def _card(title: str, path: str, name: str) -> str:
    """Return the teaser of another story."""
    return (
        f'<div class="card card--small"><div class="card__media"><a href="{path}"><picture>'
        f'<source srcset="{path}.webp"><img src="{path}.jpg" alt=""></picture></a></div>'
        '<div class="card__body"><span class="card__label">News</span>'
        f'<h4><a href="{path}">{escape(title)}</a></h4><p class="card__by">{name}</p></div></div>'
    )


def _share_buttons(number: int) -> str:
    items = ""
    for name in ("post", "send", "mail", "print", "save"):
        items += f'<li><a href="/{name}/{number}"><i></i><span>{name}</span></a></li>'
    return f"<ul class=share>{items}</ul>"


@lru_cache(maxsize=1)
def _header_and_footer() -> tuple[str, str]:
    """Return the markup before and after each story."""
    generator = random.Random(2)
    menu = script = style = teasers = ""
    for n in range(60):
        menu += f'<li class="menu-item"><a href="/section-{n}">Section {n}</a></li>'
    for n in range(1000):
        script += f"var v{n}={generator.random()};function f{n}(a,b){{return a*{n}+b}}\n"
    for n in range(700):
        style += f".c{n}{{margin:{n}px;padding:{generator.randint(0, 99)}px}}\n"
    for n in range(80):
        teasers += (
            f'<div class="teaser"><a href="/section-{n}/x">Look at offer {n}</a>'
            f"<span>{n}</span></div>"
        )
    header = (
        f"<style>{style}</style><script>{script}</script></head>"
        f"<body><header><nav><ul>{menu}</ul></nav></header>"
    )
    footer = f"<footer><div>{teasers}</div><p>All rights reserved.</p></footer></body></html>"
    return header, footer


class Site:
    """The answers by path, with counters of requests and sent bytes."""

    def __init__(self, stories: int, pages: tuple[bytes, ...] = ()) -> None:
        """Set the stories.

        Args:
            stories: How many stories are invented.
            pages: Pages to serve instead.
        """
        self.stories = len(pages) or stories
        self.pages = pages
        self.base = ""
        self.numbers = {path_of(number): number for number in range(self.stories)}
        self.requests = self.sent = 0

    def respond(self, path: str, validator: str) -> bytes:
        """Return the whole response to a GET.

        Args:
            path: The path of the request.
            validator: Its If-None-Match.
        """
        self.requests += 1
        body, content_type = self._body(path)
        if body is None:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        tag = f'"{path}"'
        if validator == tag:
            return f"HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n\r\n".encode()
        self.sent += len(body)
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nETag: {tag}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

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
            return self._sitemap_index(), "application/xml"
        if path.startswith("/sitemap-"):
            first = int(path.removeprefix("/sitemap-").removesuffix(".xml"))
            return self._sitemap(first), "application/xml"
        if path == "/count":
            counts = {"asked": self.requests, "sent": self.sent}
            return json.dumps(counts).encode(), "text/plain"
        return None, ""

    def _sitemap_index(self) -> bytes:
        items = ""
        for first in range(0, self.stories, SITEMAP_URLS):
            items += f"<sitemap><loc>{self.base}/sitemap-{first}.xml</loc></sitemap>"
        return f'<sitemapindex xmlns="{SITEMAP_SCHEMA}">{items}</sitemapindex>'.encode()

    def _sitemap(self, first: int) -> bytes:
        items = []
        for number in range(first, min(first + SITEMAP_URLS, self.stories)):
            items.append(f"<url><loc>{self.base}{path_of(number)}</loc></url>")
        return f'<urlset xmlns="{SITEMAP_SCHEMA}">{"".join(items)}</urlset>'.encode()

    def _feed(self) -> bytes:
        items = ""
        for number in range(min(FEED_STORIES, self.stories)):
            link = f"{self.base}{path_of(number)}"
            items += f"<item><title>{escape(title_of(number))}</title><link>{link}</link></item>"
        return f'<rss version="2.0"><channel><title>Made up</title>{items}</channel></rss>'.encode()


async def _serve(site: Site) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                request_line, *header_lines = head.decode("latin-1").split("\r\n")
                path = request_line.split(" ")[1]
                writer.write(site.respond(path, _validator(header_lines)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    site.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    sys.stdout.write(f"{site.base} {site.stories}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    server.close()


def _validator(header_lines: Iterable[str]) -> str:
    for line in header_lines:
        name, _, value = line.partition(":")
        if name.lower() == "if-none-match":
            return value.strip()
    return ""


def _load_pages(files: Iterable[str]) -> tuple[bytes, ...]:
    from tests.bench.sets import load_set

    pages = []
    for name in files:
        for page in load_set(Path(name)).pages:
            pages.append(page["html"].encode("utf8", "replace"))
    return tuple(pages)


def main() -> None:
    """Run the command."""
    pages = _load_pages(sys.argv[2:])
    site = Site(int(sys.argv[1]), pages)
    if not pages:
        for number in range(min(site.stories, CACHED_PAGES)):
            page_of(number, site.stories)
    asyncio.run(_serve(site))


if __name__ == "__main__":
    main()
