"""pathological: pages, feeds, sitemaps, URLs, patterns and queries that try to be slow for us.

Each runs at sizes that double. CPU time may grow only a little faster than the size. Seconds and
megabytes have a limit. If a limit of ours ends the work, the line shows the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

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
ADDRESS = tuple(250 * 2**n for n in range(4))  # letters; longer URLs are refused
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
        measurements = measure_growth(case)
        last, wrong = slowest(measurements), issues(case, measurements)
        growth = (
            f"n^{exponent(measurements):.1f}" if exponent(measurements) else "too fast to measure"
        )
        cost = f"{last.seconds:.2f} s and {max(0, last.megabytes):.0f} MB for {last.size}"
        figures.check(case.name, f"{growth}, {cost}; {measurements[-1].result}", not wrong, wrong)
        steepest, longest = max(steepest, exponent(measurements)), max(longest, last.seconds)
    figures.note("cases", len(cases))
    figures.note("steepest growth, and the longest time", f"n^{steepest:.1f}, {longest:.1f} s")


# pages


def pages() -> Iterator[Case]:
    """Yield pages: markup after the story, in its head, or instead of it."""
    for name, piece in AFTER_TEXT.items():
        make = lambda n, piece=piece: story("x", after=_times(piece, n))  # noqa: E731
        yield Case(
            f"page, {name}",
            make,
            _page,
            DOUBLED,
            seconds=12,
            megabytes=400,
            is_in_library=name in LIBRARIES,
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
        else "".join(piece.replace("{n}", str(number)) for number in range(n))
    )


def _page(markup: str) -> str:
    extracted = extract.extract(RawPage(1, markup.encode("utf8", "surrogateescape")))
    line_stats = {
        boilerplate_keys.line_key(block.text): LineStats(3, is_headline=True)
        for block in extracted.blocks[::2]
    }
    cleaned = apply_rules.clean_document(
        extracted,
        line_stats=line_stats,
        announced=AnnouncedMetadata(title="Story x"),
        cleaning=CleaningOptions(remove=("Advert.*",)),
        language_hint="",
        timezone="UTC",
        fetched_at=NOW,
    )
    return f"{cleaned.outcome} {cleaned.reason}, {len(extracted.blocks)} blocks".replace(" ,", ",")


def _front(markup: str) -> str:
    return (
        f"{len(parse_front_page(markup.encode(), BASE, 'text/html', 200).menu)} links in its menu"
    )


def texts() -> Iterator[Case]:
    """Yield inputs of rules: many lines, and one long line. No time limit ends them."""
    for name, line in LINES.items():
        make = partial(_repeated_blocks, line)
        yield Case(f"rules, {name}", make, _clean_blocks, DOUBLED)
    for name, make_text in LONG_LINES.items():
        make = partial(_block_between_good_ones, make_text)
        yield Case(f"rules, a line of {name}", make, _clean_blocks, LETTERS)


def _repeated_blocks(line: str, count: int) -> tuple[Block, ...]:
    blocks = [Block(BlockKind.PARAGRAPH, line.replace("{n}", str(n))) for n in range(count)]
    return tuple(blocks)


def _block_between_good_ones(make_text: Callable[[int], str], size: int) -> tuple[Block, ...]:
    return (*GOOD, Block(BlockKind.PARAGRAPH, make_text(size)), *GOOD)


GOOD = tuple(
    Block(BlockKind.PARAGRAPH, f"The ferry of quay {n} left the harbour on time, as on every day.")
    for n in range(9)
)


def _clean_blocks(blocks: tuple[Block, ...]) -> str:
    extracted = ExtractedPage(
        extractors="x", blocks=blocks, metadata=Metadata(title="Story x", site_name="The Courier")
    )
    line_stats = {
        boilerplate_keys.line_key(block.text): LineStats(3, is_headline=True)
        for block in blocks[::2]
    }
    cleaned = apply_rules.clean_document(
        extracted,
        line_stats=line_stats,
        announced=AnnouncedMetadata(title="Story x"),
        cleaning=CleaningOptions(remove=("Advert.*",)),
        language_hint="",
        timezone="UTC",
        fetched_at=NOW,
    )
    boilerplate_keys.line_keys(extracted, "Story x")
    boilerplate_keys.container_signals(extracted)
    return f"{cleaned.outcome} {cleaned.reason}, {len(cleaned.removed)} removed"


# sources


def _reader(kind: UrlKind, media: str = "text/xml") -> Callable[[str], str]:
    def read(text: str) -> str:
        listing = read_links(kind, text.encode("utf8", "surrogateescape"), BASE, media, SITE)
        return f"{len(listing.links)} links {listing.reason}"

    return read


def feeds() -> Iterator[Case]:
    """Yield feeds with many entries, and with one large entry."""
    read = _reader(UrlKind.FEED)
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
            _reader(UrlKind.FEED, "application/feed+json"),
            LETTERS,
            seconds=10,
        )


def sitemaps() -> Iterator[Case]:
    """Yield sitemaps with many entries, and with one large entry."""
    read = _reader(UrlKind.SITEMAP)
    for name, piece in URLS.items():
        make = lambda n, piece=piece: f"<urlset>{_times(piece, n)}</urlset>"  # noqa: E731
        yield Case(f"sitemap, {name}", make, read, DOUBLED, seconds=10)
    yield Case(
        "sitemap, lines", lambda n: _times("https://courier.example/{n}\n", n), read, DOUBLED
    )
    yield Case("sitemap, empty lines", lambda n: "\n \n" * n, read, LETTERS)
    yield Case("sitemap, spaces before URLs", lambda n: "x\n" + " " * n + "x", read, LETTERS)


def sections() -> Iterator[Case]:
    """Yield section pages."""
    read = _reader(UrlKind.SECTION, "text/html")
    for name, piece in ANCHORS.items():
        yield Case(
            f"section, {name}", lambda n, piece=piece: "<body>" + _times(piece, n), read, DOUBLED
        )


# URLs, lines, patterns, queries


def addresses() -> Iterator[Case]:
    """Yield URLs, a hundred of one kind, for all functions that get URLs."""
    for name, piece in URL_PARTS.items():
        make = lambda n, piece=piece: BASE + (piece * n)[:n]  # noqa: E731
        yield Case(f"a hundred URLs, {name}", make, _check_urls, ADDRESS)


def _check_urls(url: str) -> str:
    return ", ".join({_check_url(f"{url}{number}") for number in range(100)})


def _check_url(url: str) -> str:
    resolved = urls.resolve_href(BASE, url)
    if resolved is None:
        return "none"
    for function in (
        urls.url_key,
        urls.story_key,
        link_rules.looks_like_story_url,
        link_rules.has_repeating_path,
        link_rules.is_too_deep,
        link_rules.is_calendar_url,
    ):
        function(resolved)
    urls.may_be_same_story(resolved, BASE)
    return str(SITE.decide(Link(resolved), UrlKind.SECTION).reason)


def lines() -> Iterator[Case]:
    """Yield texts as they are compared."""
    yield Case(
        "near-duplicates, words",
        lambda n: " ".join(f"word{m}" for m in range(n // 6)),
        _sketch,
        LETTERS,
    )
    yield Case("near-duplicates, one word", lambda n: "ferry " * (n // 6), _sketch, LETTERS)
    yield Case("near-duplicates, ideographs", lambda n: "渡" * n, _sketch, LETTERS)
    yield Case(
        "near-duplicates, numbers", lambda n: " ".join(map(str, range(n // 6))), _sketch, LETTERS
    )
    yield Case(
        "the key of a line, punctuation at its end",
        lambda n: "." * n + "a" + "!" * n,
        lambda t: boilerplate_keys.line_key(t) > 0,
        LETTERS,
    )
    yield Case(
        "a title without its site name",
        lambda n: " - " * n,
        lambda text: list(boilerplate_keys.titles_without_site_name(text, "x")),
        LETTERS,
    )


def _sketch(text: str) -> str:
    sketch = near_duplicates.make_sketch(text)
    return "no sketch" if sketch is None else f"{sketch.shingle_count} shingles"


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


def _pattern(input_value: tuple[str, int]) -> str:
    pattern, size = input_value
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
        extracted = extract.extract(
            RawPage(1, story("x", after=f"<p>{piece * size * 10}!</p>").encode())
        )
        apply_rules.clean_document(
            extracted,
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
