"""pathological: pages, feeds, sitemaps, URLs, patterns and queries that try to be slow for us.

Each runs at sizes that double. CPU time may grow only a little faster than the size. Seconds and
megabytes have a limit. If a limit of ours ends the work, the line shows the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from crawler.discovery.discover import read_links
from crawler.probe.front_page import parse_front_page
from pipeline import extract
from pipeline.cleaning import apply_rules, boilerplate_keys, near_duplicates
from pipeline.config.site import CleaningOptions, Site, parse_site
from pipeline.core import link_rules, urls
from pipeline.core.errors import ConfigError
from pipeline.core.models import (
    AnnouncedMetadata,
    Block,
    BlockKind,
    ExtractedPage,
    LineStats,
    Link,
    Metadata,
    RawPage,
    UrlKind,
)
from pipeline.fulltext.query_language import parse_query as parse_query
from tests.stress.figures import Figures
from tests.stress.growth import Case, exponent, issues, measure_growth, slowest
from tests.stress.slow_pages import AFTER_TEXT, HEADS, LIBRARIES, WHOLE_PAGES
from tests.stress.slow_sources import ANCHORS, ENTRIES, JSONS, TITLES, URLS, rss
from tests.stress.slow_stores import cases as stores
from tests.stress.slow_texts import LINES, LONG_LINES, QUERIES, URL_PARTS
from tests.stress.story_pages import story

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BASE = "https://courier.example/news/"
SITE = Site(
    id="courier", name="C", url="https://courier.example/", feeds=("https://courier.example/feed",)
)
DOUBLED = tuple(5_000 * 2**n for n in range(5))  # pieces of markup
LETTERS = tuple(100_000 * 2**n for n in range(5))
ADDRESS = tuple(250 * 2**n for n in range(4))  # letters: longer addresses are refused
SMALL = tuple(500 * 2**n for n in range(6))


def run(figures: Figures) -> None:
    """Run all cases."""
    extract.warm_up()
    cases = [
        *texts(),
        *feeds(),
        *sitemaps(),
        *sections(),
        *addresses(),
        *lines(),
        *patterns(),
        *queries(),
        *stores(),
        *pages(),
    ]
    steepest, longest = 0.0, 0.0
    for case in cases:
        taken = measure_growth(case)
        last, wrong = slowest(taken), issues(case, taken)
        grow_once = f"n^{exponent(taken):.1f}" if exponent(taken) else "too quick to tell"
        said = f"{grow_once}, {last.seconds:.2f} s and {max(0, last.megabytes):.0f} MB for {last.size}; {taken[-1].result}"
        figures.check(case.name, said, not wrong, wrong)
        steepest, longest = max(steepest, exponent(taken)), max(longest, last.seconds)
    figures.note("cases", len(cases))
    figures.note("steepest growth, and the longest time", f"n^{steepest:.1f}, {longest:.1f} s")


# pages


def pages() -> Iterator[Case]:
    """Yield pages: markup after the story, in its head, or instead of it."""
    for name, piece in AFTER_TEXT.items():
        make = lambda n, piece=piece: story("x", behind=_times(piece, n))  # noqa: E731
        yield Case(
            f"page, {name}",
            make,
            _page,
            DOUBLED,
            seconds=12,
            megabytes=400,
            of_a_library=name in LIBRARIES,
        )
    for name, piece in HEADS.items():
        yield Case(
            f"page, {name}",
            lambda n, piece=piece: story("x", head=_times(piece, n)),
            _page,
            DOUBLED,
            seconds=12,
        )
    for name, make in WHOLE_PAGES.items():
        yield Case(f"page, {name}", make, _page, LETTERS, seconds=12)
    yield Case(
        "the front page of a site, links",
        lambda n: _times("<nav><a href='/{n}'>x{n}</a>", n),
        _front,
        DOUBLED,
    )


def _times(piece: str, n: int) -> str:
    return (
        piece * n
        if "{n}" not in piece
        else "".join(piece.replace("{n}", str(each)) for each in range(n))
    )


def _page(markup: str) -> str:
    draft = extract.extract(RawPage(1, markup.encode("utf8", "surrogateescape")))
    facts = {
        boilerplate_keys.line_key(block.text): LineStats(3, is_headline=True)
        for block in draft.blocks[::2]
    }
    made = apply_rules.clean_document(
        draft,
        line_stats=facts,
        announced=AnnouncedMetadata(title="Story x"),
        cleaning=CleaningOptions(remove=("Advert.*",)),
        language_hint="",
        timezone="UTC",
        fetched_at=NOW,
    )
    return f"{made.outcome} {made.reason}, {len(draft.blocks)} blocks".replace(" ,", ",")


def _front(markup: str) -> str:
    return f"{len(parse_front_page(markup.encode(), BASE, 'text/html', 200).menu)} in its menu"


def texts() -> Iterator[Case]:
    """Yield inputs of rules: many lines, and one long line. No time limit ends them."""
    for name, line in LINES.items():
        make = lambda n, line=line: tuple(
            Block(BlockKind.PARAGRAPH, line.replace("{n}", str(m))) for m in range(n)
        )
        yield Case(f"rules, {name}", make, _struck, DOUBLED)
    for name, make_text in LONG_LINES.items():
        make = lambda n, make_text=make_text: (
            *GOOD,
            Block(BlockKind.PARAGRAPH, make_text(n)),
            *GOOD,
        )
        yield Case(f"rules, a line of {name}", make, _struck, LETTERS)


GOOD = tuple(
    Block(BlockKind.PARAGRAPH, f"The ferry of quay {n} left the harbour on time, as on every day.")
    for n in range(9)
)


def _struck(blocks: tuple[Block, ...]) -> str:
    draft = ExtractedPage(
        extractors="x", blocks=blocks, metadata=Metadata(title="Story x", site_name="The Courier")
    )
    facts = {
        boilerplate_keys.line_key(block.text): LineStats(3, is_headline=True)
        for block in blocks[::2]
    }
    made = apply_rules.clean_document(
        draft,
        line_stats=facts,
        announced=AnnouncedMetadata(title="Story x"),
        cleaning=CleaningOptions(remove=("Advert.*",)),
        language_hint="",
        timezone="UTC",
        fetched_at=NOW,
    )
    boilerplate_keys.line_keys(draft, "Story x")
    boilerplate_keys.container_signals(draft)
    return f"{made.outcome} {made.reason}, {len(made.removed)} struck"


# places


def _place(kind: UrlKind, media: str = "text/xml") -> Callable[[str], str]:
    def read(text: str) -> str:
        found = read_links(kind, text.encode("utf8", "surrogateescape"), BASE, media, SITE)
        return f"{len(found.links)} links {found.reason}"

    return read


def feeds() -> Iterator[Case]:
    """Yield feeds with many entries, and with one large entry."""
    read = _place(UrlKind.FEED)
    for name, piece in ENTRIES.items():
        yield Case(
            f"feed, {name}",
            lambda n, piece=piece: rss(_times(piece, n)),
            read,
            DOUBLED,
            seconds=20,
            megabytes=600,
        )
    for name, make in TITLES.items():
        yield Case(f"feed, {name}", make, read, LETTERS, seconds=10)
    for name, make in JSONS.items():
        yield Case(
            f"JSON feed, {name}",
            make,
            _place(UrlKind.FEED, "application/feed+json"),
            LETTERS,
            seconds=10,
        )


def sitemaps() -> Iterator[Case]:
    """Yield sitemaps with many entries, and with one large entry."""
    read = _place(UrlKind.SITEMAP)
    for name, piece in URLS.items():
        make = lambda n, piece=piece: f"<urlset>{_times(piece, n)}</urlset>"  # noqa: E731
        yield Case(f"sitemap, {name}", make, read, DOUBLED, seconds=10)
    yield Case(
        "sitemap, lines", lambda n: _times("https://courier.example/{n}\n", n), read, DOUBLED
    )
    yield Case("sitemap, lines of nothing", lambda n: "\n \n" * n, read, LETTERS)
    yield Case("sitemap, spaces before addresses", lambda n: "x\n" + " " * n + "x", read, LETTERS)


def sections() -> Iterator[Case]:
    """Yield section pages."""
    read = _place(UrlKind.SECTION, "text/html")
    for name, piece in ANCHORS.items():
        yield Case(
            f"section, {name}", lambda n, piece=piece: "<body>" + _times(piece, n), read, DOUBLED
        )


# addresses, lines, patterns, queries


def addresses() -> Iterator[Case]:
    """Yield URLs, a hundred of one kind, for all functions that get URLs."""
    for name, piece in URL_PARTS.items():
        make = lambda n, piece=piece: BASE + (piece * n)[:n]  # noqa: E731
        yield Case(f"a hundred addresses, {name}", make, _asked_often, ADDRESS)


def _asked_often(url: str) -> str:
    return ", ".join({_asked(f"{url}{each}") for each in range(100)})


def _asked(url: str) -> str:
    found = urls.resolve_href(BASE, url)
    if found is None:
        return "none"
    for function in (
        urls.url_key,
        urls.story_key,
        link_rules.looks_like_story_url,
        link_rules.has_repeating_path,
        link_rules.is_too_deep,
        link_rules.is_calendar_url,
    ):
        function(found)
    urls.may_be_same_story(found, BASE)
    return str(SITE.decide(Link(found), UrlKind.SECTION).reason)


def lines() -> Iterator[Case]:
    """Yield texts as they are compared."""
    yield Case(
        "likeness, words", lambda n: " ".join(f"word{m}" for m in range(n // 6)), _sketched, LETTERS
    )
    yield Case("likeness, one word", lambda n: "ferry " * (n // 6), _sketched, LETTERS)
    yield Case("likeness, ideographs", lambda n: "渡" * n, _sketched, LETTERS)
    yield Case("likeness, numbers", lambda n: " ".join(map(str, range(n // 6))), _sketched, LETTERS)
    yield Case(
        "the key of a line, marks at its end",
        lambda n: "." * n + "a" + "!" * n,
        lambda t: boilerplate_keys.line_key(t) > 0,
        LETTERS,
    )
    yield Case(
        "a title without its site",
        lambda n: " - " * n,
        lambda text: list(boilerplate_keys.titles_without_site_name(text, "x")),
        LETTERS,
    )


def _sketched(text: str) -> str:
    made = near_duplicates.make_sketch(text)
    return "no sketch" if made is None else f"{made.shingle_count} runs"


def patterns() -> Iterator[Case]:
    """Yield slow patterns of a site file. They are refused when they are read, or harmless."""
    for pattern in (
        r"(a+)+$",
        r"(\w+\s?)+$",
        r"(a|a)*b",
        r"(.*),(.*),(.*),(.*),(.*)x",
        r"(?:/\w+-?)+/$",
        r"^(\d+|\w+)*\.html",
        r".*a.*b",
    ):
        yield Case(
            f"a site's pattern {pattern}",
            lambda n, pattern=pattern: (pattern, n),
            _pattern,
            (250, 500, 1000, 2000),
        )


def _pattern(given: tuple[str, int]) -> str:
    pattern, size = given
    try:
        site = parse_site(
            "x",
            f'name="x"\nurl="{BASE}"\nfeeds=["{BASE}"]\ndeny=[\'{pattern}\']\n[cleaning]\nremove=[\'{pattern}\']',
            "x",
        )
    except ConfigError as error:
        return "refused: " + str(error)[-40:]
    for piece in ("a", "1", "/a", "a ", ","):
        site.decide(Link(f"{BASE}{piece * (size // len(piece))}!"), UrlKind.FEED)
        draft = extract.extract(
            RawPage(1, story("x", behind=f"<p>{piece * size * 10}!</p>").encode())
        )
        apply_rules.clean_document(
            draft,
            line_stats={},
            announced=AnnouncedMetadata(),
            cleaning=site.cleaning,
            language_hint="",
            timezone="UTC",
            fetched_at=NOW,
        )
    return "applied"


def queries() -> Iterator[Case]:
    """Yield queries to parse. The benchmark `search` measures searches."""
    for name, piece in QUERIES.items():
        make = lambda n, piece=piece: _times(piece, n)  # noqa: E731
        yield Case(f"query, {name}", make, lambda text: len(repr(parse_query(text))), LETTERS)
