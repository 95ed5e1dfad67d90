"""Checks of foreign suites: each function passes the inputs of one suite to our code and compares.

They use the same functions as a night: the readers of sources, the guard for robots.txt, URL
normalization, extraction and cleaning of pages.
"""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.http import TextResponse
from scrapy.settings import Settings
from twisted.internet.defer import Deferred
from w3lib.html import remove_tags, replace_entities

from crawler.discovery.feeds import read_feed
from crawler.discovery.links import LinkListing, plain_text
from crawler.discovery.sitemaps import read_sitemap
from crawler.http.robots import RobotsGuard, product_token
from crawler.scrapy_settings import settings_for
from pipeline import extract
from pipeline.cleaning import apply_rules
from pipeline.config.site import CleaningOptions, Site
from pipeline.core import link_rules, urls
from pipeline.core.dates.date_text import find_dates
from pipeline.core.dates.date_values import parse_date as read_date
from pipeline.core.models import AnnouncedMetadata, CleanResult, ExtractedPage, RawPage, Reason
from pipeline.extract import charset
from pipeline.process_messages import CrawlJob
from tests.stress.source_packages import Call, Suite

if TYPE_CHECKING:
    from tests.stress.foreign import SuiteResult

BASE = "https://example.org/"
NOW = datetime(2035, 1, 1, tzinfo=UTC)  # no date in their tests is later
FORBIDDEN = "&#1;&#xFFFE;\x01"  # forbidden in XML, as references and as a character
MARKUP = re.compile(
    r"<(?:!doctype|html|head|body|div|p|article|span|table|h1|a|script|meta|ul|br|img)\b", re.I
)
ADDRESS = re.compile(r"[a-z][\w+.-]*:/?/|^//|^/\w|^\?", re.I)
EXPECT = re.compile(rb"Expect:\s*(.*)")
CONTENT_TYPE = re.compile(rb"Content-type:\s*(\S.*?)\s*(?:-->|\r|\n)", re.I)
ENTRY = re.compile(rb"(<(item|entry)\b[^>]*[^/>]>|<(item|entry)>)(.*?)(</(?:item|entry)>)", re.S)
TITLE = re.compile(r"<title\b[^>]*[^/]>|<title>")


# pages


def pages(result: SuiteResult, suite: Suite) -> None:
    """Check files and texts that are pages, and files that are lists of links."""
    for name, body in suite.files(".html", ".htm", ".testcase", ".xhtml"):
        _page(result, name, body)
    for name, body in suite.files(".xml", ".atom", ".rss", ".json", ".txt"):
        result.call(name, read_feed, body, BASE, "")
        result.call(name, read_sitemap, body, BASE, "UTC")
    for text in suite.texts():
        if MARKUP.search(text if isinstance(text, str) else text.decode("latin-1")):
            _page(
                result,
                str(text)[:80],
                text if isinstance(text, bytes) else text.encode("utf8", "surrogatepass"),
            )


def _page(result: SuiteResult, what: str, body: bytes) -> tuple[ExtractedPage, CleanResult] | None:
    """Clean a page, and then the same page with characters that XML forbids."""
    cleaned = result.call(what, _cleaned, body)
    if cleaned is None:
        return None
    if cleaned[0].reason in (Reason.EXTRACTOR_ERROR, Reason.EXTRACTOR_MEMORY):
        result.errors.append(f"{what}: {cleaned[0].reason}: {cleaned[0].detail}")
    changed = re.sub(rb"(<(?:p|body|h1|title)\b[^<>]*>)", rb"\1" + FORBIDDEN.encode(), body)
    if b"\0" not in body and changed != body:  # not UTF-16 or UTF-32
        second = result.call(f"{what}, with control characters", _cleaned, changed)
        if second is not None and (gone := _words(cleaned[0]) - _words(second[0])):
            result.lost.append(f"{what}: {len(gone)} words are lost, such as {sorted(gone)[:5]}")
    return cleaned  # type: ignore[no-any-return]


def _cleaned(body: bytes) -> tuple[ExtractedPage, CleanResult]:
    extracted = extract.extract(RawPage(1, body))
    clean_result = apply_rules.clean_document(
        extracted,
        line_stats={},
        announced=AnnouncedMetadata(),
        cleaning=CleaningOptions(),
        language_hint="",
        timezone="UTC",
        fetched_at=NOW,
    )
    return extracted, clean_result


def _words(extracted: ExtractedPage) -> set[str]:
    return {word for block in extracted.blocks for word in block.text.split()}


# feeds


def feeds(result: SuiteResult, suite: Suite) -> None:
    """Check the first entry of each feed: title, URL and time, if the file names them."""
    for name, body in suite.files(".xml"):
        match = CONTENT_TYPE.search(body[:2000])
        kind = match[1].decode("latin-1") if match else "text/xml"
        whole = ENTRY.sub(_with_address, body)
        listing = result.call(name, read_feed, whole, BASE, kind)
        result.call(name, read_feed, body, BASE, kind)
        result.call(name, read_sitemap, body, BASE, "UTC")
        if listing is None:
            continue
        _check_forbidden_characters(result, name, whole, kind, listing)
        for key, wanted in _expected_values(body):
            _compare_entry(result, name, listing, key, wanted)


def _with_address(match: re.Match[bytes]) -> bytes:
    """Return an entry with a URL. Most entries in tests of something else have none."""
    opening, name, inside, end = match[1], match[2] or match[3], match[4], match[5]
    if re.search(rb"<(?:link|id|guid|feedburner:origlink)\b", inside, re.I):
        return match[0]
    link = (
        b"<link>https://example.org/story</link>"
        if name == b"item"
        else b'<link href="https://example.org/story"/>'
    )
    return opening + link + inside + end


def _expected_values(body: bytes) -> Iterator[tuple[str, Any]]:
    """Yield what the comment of a file expects of its first entry, if it is a literal."""
    match = EXPECT.search(body[:4000])
    if match is None:
        return
    try:
        tree = ast.parse(match[1].decode("utf8").strip(), mode="eval")
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        match node:
            case ast.Compare(
                ast.Subscript(
                    ast.Subscript(ast.Name("entries"), ast.Constant(0)), ast.Constant(str(key))
                ),
                [ast.Eq()],
                [value],
            ):
                try:
                    yield key, ast.literal_eval(value)
                except ValueError:
                    continue


def _compare_entry(
    result: SuiteResult, name: str, listing: LinkListing, key: str, wanted: Any
) -> None:
    link = listing.links[0] if listing.links else None
    if key == "title":
        title, plain = link and link.title, plain_text(replace_entities(remove_tags(str(wanted))))
        result.compare("titles", name, title, title if title == plain_text(str(wanted)) else plain)
    elif key == "link" and str(wanted).startswith("http"):
        result.compare("URLs", name, link and link.url, wanted)
    elif key in ("published_parsed", "updated_parsed") and isinstance(wanted, tuple):
        moment = datetime(*wanted[:6], tzinfo=UTC)  # type: ignore[misc]
        result.compare(
            "times",
            name,
            link and (link.published_at if key[0] == "p" else link.modified_at),
            moment,
        )
    elif key in ("published", "updated") and (stamp := read_date(str(wanted))):
        result.compare(
            "times",
            name,
            link and (link.published_at if key[0] == "p" else link.modified_at),
            stamp.moment,
        )


def _check_forbidden_characters(
    result: SuiteResult, name: str, body: bytes, kind: str, listing: LinkListing
) -> None:
    if b"\0" in body[:100] or b"base64" in body or b"ENTITY" in body:
        return
    changed = re.sub(
        TITLE.pattern.encode(), lambda match: match[0] + FORBIDDEN.encode("ascii"), body
    )
    second = result.call(f"{name}, with control characters", read_feed, changed, BASE, kind)
    if second is None or changed == body:
        return
    before, after = (
        [(link.url, link.title) for link in listing.links],
        [(link.url, link.title) for link in second.links],
    )
    if before != after:
        result.lost.append(
            f"{name}: {before[:2]} became {after[:2]} {second.reason} {second.detail}"
        )


# robots.txt


def robots(result: SuiteResult, suite: Suite) -> None:
    """Check real robots.txt files, and what the tests expect of short ones."""
    for name, body in suite.files(""):
        if "/test_data/" in name:
            result.call(name, may_fetch, body, "Nightdesk", f"{BASE}news/1.html")
    for function in suite.nodes():
        if isinstance(function, ast.FunctionDef):
            for content, agent, url, wanted in _assertions(function):
                is_allowed = result.call(content, may_fetch, content.encode("utf8"), agent, url)
                result.compare(
                    "what may be fetched", f"{content!r} {agent} {url}", is_allowed, wanted
                )


def _assertions(function: ast.FunctionDef) -> Iterator[tuple[str, str, str, bool]]:
    """Yield `content = …` with each later `assert [not] rp.can_fetch(url, agent)`."""
    content: Any = None
    for node in function.body:
        match node:
            case ast.Assign([ast.Name("content")], value):
                try:
                    content = ast.literal_eval(value)
                except ValueError:
                    content = None
            case ast.Assert(test) if isinstance(content, str):
                wanted = not isinstance(test, ast.UnaryOp)
                call = test.operand if isinstance(test, ast.UnaryOp) else test
                match call:
                    case ast.Call(
                        ast.Attribute(_, "can_fetch"),
                        [ast.Constant(str(url)), ast.Constant(str(agent))],
                    ):
                        yield content, agent, url, wanted


def may_fetch(body: bytes, agent: str, url: str) -> bool:
    """Return what our guard says to a URL after this robots.txt."""
    url = urls.resolve_href(BASE, url) or url
    guard = _guard(agent)
    netloc = url.split("/")[2] if "//" in url else ""
    guard._parsers[netloc] = Deferred()
    request = Request(url)
    asyncio.run(guard._parse_robots(TextResponse(f"{BASE}robots.txt", body=body), netloc, request))
    return guard.may_fetch(request.url)


def _guard(agent: str) -> RobotsGuard:
    site = Site(id="x", name="x", url=BASE, feeds=(f"{BASE}feed",))
    job = CrawlJob(
        site=site,
        database_url="sqlite:///x.db",
        user_agent=f"{product_token(agent) or agent}/1.0 (+{BASE})",
    )
    crawler = Crawler(Spider, Settings(settings_for(job)))
    crawler.stats = _NoStats()  # type: ignore[assignment]
    return RobotsGuard(crawler)


class _NoStats:
    """Counts nothing."""

    def inc_value(self, *_: object) -> None:
        """Accept the call of Scrapy's stats collector."""


# URLs, charsets


def web(result: SuiteResult, suite: Suite) -> None:
    """Check texts as URLs, texts with markup as pages, and the expected canonical URLs."""
    for text in suite.texts():
        address = text if isinstance(text, str) else text.decode("latin-1")
        if ADDRESS.search(address) and not MARKUP.search(address):
            result.call(address, _address, address)
    for call in (
        *suite.calls("canonicalize_url"),
        *suite.calls("clean_url"),
        *suite.calls("normalize_url"),
    ):
        _compare_address(result, call)
    for call in suite.calls("html_to_unicode"):
        result.call(str(call.args), charset.decode, call.args[1], str(call.args[0]))
    for call in (*suite.calls("replace_entities"), *suite.calls("remove_tags")):
        result.call(str(call.args), plain_text, str(call.args[0]))
    pages(result, suite)


def _address(text: str) -> None:
    """Call all functions that get the URLs of pages and feeds.

    Raises:
        AssertionError: The normalized URL is not stable.
    """
    resolved = urls.resolve_href(BASE, text)
    if resolved is None:
        return
    spelling = urls.canonicalize(resolved)
    if urls.canonicalize(spelling) != spelling:
        raise AssertionError(
            f"{spelling!r} becomes {urls.canonicalize(spelling)!r} when it is normalized again"
        )
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


def _compare_address(result: SuiteResult, call: Call) -> None:
    if (
        len(call.args) != 1
        or call.keywords
        or not isinstance(call.args[0], str)
        or not isinstance(call.expected, str)
    ):
        return
    try:
        canonical: object = urls.canonicalize(call.args[0])
    except ValueError as error:
        canonical = f"none: {error}"
    result.compare("canonical URLs", call.args[0], canonical, call.expected)


# dates


def dates(result: SuiteResult, suite: Suite) -> None:
    """Check pages whose date must be found."""
    for call in suite.calls("find_date"):
        if not call.args or set(call.keywords) - {
            "original_date",
            "extensive_search",
            "deferred_url_extractor",
        }:
            continue
        cleaned = _page(
            result, str(call.args[0])[:200], str(call.args[0]).encode("utf8", "surrogatepass")
        )
        if cleaned is not None and (call.expected is None or _is_day(call.expected)):
            metadata = cleaned[1].metadata
            days_found = [
                moment.date().isoformat()
                for moment in (metadata.published_local, metadata.modified_local)
                if moment
            ]
            kind = "pages with a date" if call.expected else "pages without one"
            agreed = call.expected if call.expected in days_found else (days_found or [None])[0]
            result.compare(kind, call.args[0], agreed, call.expected)
    pages(result, suite)


def _is_day(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None


def days(result: SuiteResult, suite: Suite) -> None:
    """Check lines with a full date, in many languages.

    Another day is a difference, no day is only counted. We read few languages, and no date of which
    a part is missing.
    """
    for text, day in _lines_with_days(suite):
        dates_found = result.call(text, find_dates, text)
        years = {day_found.year for _, day_found in dates_found or ()}
        if not dates_found:
            result.compare("dates that we do not read", text, None, day)
        else:
            wanted = any(day_found == day for _, day_found in dates_found) or day.year not in years
            result.compare(
                "dates that we read differently", text, day if wanted else dates_found[0][1], day
            )
    for text in suite.texts():
        result.call(
            str(text)[:80], find_dates, text if isinstance(text, str) else text.decode("latin-1")
        )


def _lines_with_days(suite: Suite) -> Iterator[tuple[str, date]]:
    """Yield `param("3 March 2014", datetime(2014, 3, 3))` if the line has the year."""
    for node in suite.nodes():
        match node:
            case ast.Call(
                ast.Name("param"),
                [ast.Constant(str(text)), ast.Call(ast.Name("datetime"), [*numbers])],
            ):
                values = [number.value for number in numbers if isinstance(number, ast.Constant)]
                if len(values) >= 3 and str(values[0]) in text:
                    yield text, date(*values[:3])  # type: ignore[arg-type]
