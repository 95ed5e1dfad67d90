"""What publishers declare about the use of their articles, in each place that declares it."""

from __future__ import annotations

import json
import time

import pytest
from lxml.html import document_fromstring

from pipeline.core.models import Metadata
from pipeline.core.rights.page_rights import page_statements
from pipeline.core.rights.path_patterns import matches, path_of
from pipeline.core.rights.robots_groups import known_agents, parse_robots
from pipeline.core.rights.statements import (
    RightsStatement,
    Use,
    flags_of,
    from_json,
    is_reserved,
    to_json,
)
from pipeline.core.rights.tdmrep import parse_tdmrep
from pipeline.extract.metadata.metadata import read_metadata
from pipeline.fulltext.query_language import parse_query

FIRST_RULE_COUNTS = json.dumps(
    [{"location": "/news/", "tdm-reservation": 0}, {"location": "/", "tdm-reservation": 1}]
)
URL = "https://courier.example/news/ferry"


def json_ld(license_value: str) -> str:
    story = f'{{"@type": "NewsArticle", "license": {license_value}}}'
    return f'<script type="application/ld+json">{story}</script>'


def robots_says(text: str, url: str = URL) -> list[tuple[str, str, str]]:
    return [(one.use, one.value, one.source) for one in parse_robots(text.encode()).statements(url)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("User-agent: GPTBot\nDisallow: /", [("train", "no", "robots.txt: GPTBot")]),
        (
            "User-agent: gptbot\nUser-agent: CCBot\nDisallow: /",
            [("train", "no", "robots.txt: CCBot, GPTBot")],
        ),
        (
            "User-agent: PerplexityBot\nDisallow: /",
            [("ai-input", "no", "robots.txt: PerplexityBot")],
        ),
        ("User-agent: GPTBot\nDisallow: /video/", []),
        ("User-agent: GPTBot\nDisallow: /\nAllow: /news/", []),
        ("User-agent: GPTBot\nDisallow:", []),
        ("User-agent: *\nDisallow: /", []),
        ("User-agent: Googlebot\nDisallow: /", []),
        (
            "User-agent: GPTBot\nDisallow: /a\n\nUser-agent: GPTBot\nDisallow: /news",
            [("train", "no", "robots.txt: GPTBot")],
        ),
        (
            "User-agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /",
            [
                ("search", "yes", "robots.txt: content-signal: search"),
                ("train", "no", "robots.txt: content-signal: ai-train"),
            ],
        ),
        ("User-agent: Foo\nContent-Signal: ai-train=no", []),
        ("User-agent: *\nContent-Usage: /video/ train-ai=n", []),
        (
            "User-agent: *\nContent-Usage: /news/ train-ai=n",
            [("train", "no", "robots.txt: content-usage: train-ai")],
        ),
        ("Content-Signal: ai-train=maybe, nonsense", []),
    ],
)
def test_robots_txt_declares_uses(text: str, says: list[tuple[str, str, str]]) -> None:
    assert robots_says(text) == says


def test_the_data_file_names_the_robots_of_the_large_firms() -> None:
    assert {"gptbot", "ccbot", "google-extended", "claudebot"} <= known_agents().keys()


@pytest.mark.parametrize(
    ("pattern", "path", "is_match"),
    [
        ("/", "/news", True),
        ("/news", "/newspaper", True),
        ("/news$", "/newspaper", False),
        ("/*.pdf$", "/a/b.pdf", True),
        ("/*.pdf$", "/a/b.pdf?x", False),
        ("/*/print", "/a/b/print/1", True),
        ("/a%20b", "/a b", True),
        ("/ab*ba$", "/aba", False),
        ("news", "/news", False),
    ],
)
def test_patterns_of_paths(pattern: str, path: str, is_match: bool) -> None:
    assert matches(pattern, path_of(f"https://courier.example{path}")) is is_match


def test_a_hostile_robots_txt_costs_little() -> None:
    rules = "".join(f"Disallow: /{'*a' * 19}{number}\n" for number in range(20_000))
    start = time.process_time()
    parse_robots(f"User-agent: GPTBot\n{rules}".encode()).statements(f"{URL}/{'a' * 2000}")
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ('[{"location": "/", "tdm-reservation": 1}]', ("no-tdm",)),
        ('[{"location": "/news/*", "tdm-reservation": "1"}]', ("no-tdm",)),
        ('[{"location": "/news/", "tdm-reservation": 0}]', ()),
        (FIRST_RULE_COUNTS, ()),
        ('[{"location": "/video/", "tdm-reservation": 1}]', ()),
        ('[{"location": "/", "tdm-reservation": true}]', ()),
        ('{"location": "/", "tdm-reservation": 1}', ()),
        ("<html>not found</html>", ()),
    ],
)
def test_tdmrep_json_declares_a_reservation(text: str, flags: tuple[str, ...]) -> None:
    assert flags_of(parse_tdmrep(text.encode()).statements(URL)) == flags


def test_a_reservation_names_its_policy() -> None:
    text = b'[{"location": "/", "tdm-reservation": 1, "tdm-policy": "https://courier.example/p"}]'
    policy = RightsStatement(Use.POLICY, "https://courier.example/p", "tdmrep.json")
    assert policy in parse_tdmrep(text).statements(URL)


@pytest.mark.parametrize(
    ("opt_outs", "headers", "says"),
    [
        (["noai"], {}, "meta robots: noai"),
        (["noai"], {"x-robots-tag": "noai, noimageai"}, "X-Robots-Tag: noai"),
        (["tdm"], {}, "meta tdm-reservation"),
        (["tdm"], {"tdm-reservation": "1"}, "TDM-Reservation header"),
        ([], {"content-signal": "ai-train=no"}, "header content-signal: ai-train"),
    ],
)
def test_a_page_declares_with_its_source(
    opt_outs: list[str], headers: dict[str, str], says: str
) -> None:
    statements = page_statements(opt_outs, headers, Metadata())
    assert [one.source for one in statements] == [says]
    assert is_reserved(statements, Use.TRAIN)


def test_noarchive_is_no_reservation_of_training() -> None:
    statements = page_statements(["noarchive"], {}, Metadata())
    assert is_reserved(statements, Use.ARCHIVE)
    assert not is_reserved(statements, Use.TRAIN)


@pytest.mark.parametrize(
    ("markup", "license_name"),
    [
        (json_ld('"CC BY 4.0"'), "CC BY 4.0"),
        (json_ld('{"@id": "https://cc.example/by"}'), "https://cc.example/by"),
        ('<link rel="license" href="https://cc.example/by">', "https://cc.example/by"),
        ('<article><h1>The ferry</h1><p><a rel="license" href="/by">free</a></article>', "/by"),
        ('<h1>The ferry</h1><footer><a rel="license" href="/gpl">software</a></footer>', ""),
    ],
)
def test_a_page_declares_its_licence(markup: str, license_name: str) -> None:
    metadata = read_metadata(document_fromstring(f"<html><body>{markup}</body></html>"))
    assert metadata.license == license_name
    assert bool(dict(metadata.sources).get("license")) is bool(license_name)


def test_statements_survive_their_stored_form() -> None:
    statements = page_statements(["tdm"], {}, Metadata(license="CC BY", paywalled=True))
    assert from_json(to_json(statements)) == statements
    assert flags_of(statements) == ("license", "no-tdm", "paywall")


@pytest.mark.parametrize("spelling", ["no-train", "notrain", "NO_TRAIN"])
def test_the_search_knows_spellings_of_a_flag(spelling: str) -> None:
    assert parse_query(f"rights:{spelling}").tree == parse_query("rights:no-train").tree
    assert not parse_query(f"rights:{spelling}").notes


def test_the_search_says_that_a_flag_is_unknown() -> None:
    assert parse_query("rights:nonsense").notes
