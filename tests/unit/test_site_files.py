"""A site file gives a valid site, or one sentence with the file, the key and the nearest key."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.config.site import Site, load_sites, parse_site
from pipeline.core.errors import ConfigError
from pipeline.core.models import Link, Outcome, Reason, UrlKind
from pipeline.demo_site import SITES, site_file
from pipeline.process_messages import CrawlJob

HEAD = 'name = "Courier"\nurl = "https://www.courier.example/"\n'
FEEDS = 'feeds = ["https://courier.example/feed.xml"]\n'


def site(more: str = "", head: str = HEAD + FEEDS) -> Site:
    return parse_site("courier", head + more, "courier.toml")


def reason(
    site: Site, url: str, found_on: UrlKind = UrlKind.FEED, kind: UrlKind = UrlKind.STORY
) -> Reason:
    decision = site.decide(Link(url, kind), found_on)
    assert (decision.outcome is Outcome.PENDING) == (decision.reason is Reason.NONE)
    return decision.reason


def test_a_site_of_a_few_lines_has_polite_defaults() -> None:
    courier = site()
    assert (courier.id, courier.enabled, courier.timezone) == ("courier", True, "UTC")
    assert courier.politeness.delay >= 1
    assert not courier.safety.allow_private
    assert not hasattr(courier.politeness, "robots")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HEAD + "feds = []", "courier.toml: unknown key 'feds'; did you mean 'feeds'?"),
        (
            HEAD + FEEDS + "[politeness]\ndelai = 1",
            "courier.toml: unknown key 'politeness.delai'; did you mean 'delay'?",
        ),
        (
            HEAD + FEEDS + "[cleaning]\nremve = []",
            "courier.toml: unknown key 'cleaning.remve'; did you mean 'remove'?",
        ),
        (
            HEAD + FEEDS + "[politeness]\ndelay = -1",
            "'politeness.delay': input should be greater than or equal to 0",
        ),
        (FEEDS, "courier.toml: the key 'name' is missing; the key 'url' is missing"),
        (HEAD, "courier.toml: a site needs at least one of feeds, sitemaps or sections"),
        (
            HEAD + FEEDS + "id = 'x'",
            "courier.toml: 'id' is not a key; the file's name is the site's id",
        ),
        (
            HEAD + "feeds = ['ftp://x/y']",
            "courier.toml: 'feeds': 'ftp://x/y' is not an http or https URL",
        ),
        (
            HEAD + FEEDS + "archives = ['https://x.example/{yaer}/']",
            "braces around something else than {year}, {month:02}",
        ),
        (
            HEAD + FEEDS + "archives = ['https://x.example/{year}/{day}/']",
            "names no year, month or day",
        ),
        (HEAD + FEEDS + "archives = ['/{year}/']", "'/{year}/' is not an http or https URL"),
        (
            HEAD + FEEDS + "timezone = 'Dushanbe'",
            "'Dushanbe' is no time zone; write one like 'Asia/Dushanbe'",
        ),
        (HEAD + FEEDS + "timezone = '../etc/passwd'", "is no time zone"),
        (HEAD + FEEDS + "allow = ['(']", "courier.toml: 'allow': '(' is no regular expression"),
        (
            HEAD + FEEDS + "[cleaning]\nwithout = ['repeatd']",
            "no rule 'repeatd' can be left out; did you mean 'repeated'?",
        ),
        (
            HEAD + FEEDS + "[cleaning]\nwithout = ['redaction']",
            "courier.toml: 'cleaning.without': no rule 'redaction' can be left out",
        ),
        (
            HEAD + FEEDS + "[cleaning]\nremove = ['[']",
            "courier.toml: 'cleaning.remove': '[' is no regular expression",
        ),
        (HEAD + FEEDS + "cron = '30 2 * *'", "'30 2 * *' is no cron line; write five fields"),
        (HEAD + FEEDS + "name = 'again'", "courier.toml: not valid TOML"),
        (
            HEAD + FEEDS + "[politeness]\nconcurrency = 'many'",
            "'politeness.concurrency': input should be a valid integer",
        ),
    ],
)
def test_a_wrong_file_is_reported_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_site("courier", text, "courier.toml")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["Courier", "", "a b", "../x", "-x", "x" * 64, "ё"])
def test_a_site_id_is_short_and_plain(name: str) -> None:
    with pytest.raises(ConfigError, match="is no site id"):
        parse_site(name, HEAD + FEEDS, "x.toml")


def test_a_wrong_file_does_not_stop_the_other_sites(tmp_path: Path) -> None:
    (tmp_path / "good.toml").write_text(HEAD + FEEDS, encoding="utf8")
    (tmp_path / "bad.toml").write_bytes(b"name = \xff")
    (tmp_path / "notes.txt").write_text("no site", encoding="utf8")
    (tmp_path / "folder.toml").mkdir()
    loaded, errors = load_sites(tmp_path)
    assert [site.id for site in loaded] == ["good"]
    assert [
        str(error).startswith(f"{tmp_path / 'bad.toml'}: cannot be read") for error in errors
    ] == [True]


def test_a_missing_folder_has_no_sites(tmp_path: Path) -> None:
    assert load_sites(tmp_path / "nowhere") == ((), ())


def test_sources_are_unique_and_feeds_come_first() -> None:
    courier = site(
        'sections = ["https://courier.example/news/", "https://courier.example/feed.xml#top"]\n'
        'sitemaps = ["https://courier.example/sitemap.xml"]\n'
    )
    assert [source.kind for source in courier.sources] == [
        UrlKind.FEED,
        UrlKind.SITEMAP,
        UrlKind.SECTION,
    ]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://courier.example/2026/02/03/story", Reason.NONE),
        ("http://WWW.courier.example/2026/02/03/story", Reason.NONE),
        ("https://other.example/2026/02/03/story", Reason.OFF_SITE),
        ("https://courier.example:8443/2026/02/03/story", Reason.OFF_SITE),
        ("https://courier.example.evil.example/2026/02/03/story", Reason.OFF_SITE),
        ("https://evilcourier.example/2026/02/03/story", Reason.OFF_SITE),
        ("https://courier.example@evil.example/2026/02/03/story", Reason.OFF_SITE),
        ("mailto:editor@courier.example", Reason.BAD_URL),
        ("https://courier.example:port/", Reason.BAD_URL),
        ("https://[courier.example/", Reason.BAD_URL),
        ("https://courier.example/" + "x" * 2000, Reason.URL_TOO_LONG),
    ],
)
def test_only_urls_on_its_own_hosts_belong_to_a_site(url: str, expected: Reason) -> None:
    assert reason(site(), url) == expected


def test_hosts_that_the_file_names_belong_to_the_site() -> None:
    assert (
        reason(site('hosts = ["WWW.Amp.example"]\n'), "https://amp.example/2026/02/03/a")
        is Reason.NONE
    )


@pytest.mark.parametrize(
    "host", ["газета.example", "www.xn--80aahjj1e.example", "вести.example", "xn--b1agj9af.example"]
)
def test_a_host_in_another_script_is_the_same_as_in_ascii(host: str) -> None:
    gazette = Site(
        id="g",
        name="G",
        url="https://газета.example/",
        hosts=("www.вести.example",),
        feeds=("https://x.example/",),
    )
    assert gazette.owns(f"https://{host}/2026/02/03/a")
    assert reason(gazette, f"https://{host}/2026/02/03/a") is Reason.NONE


def test_deny_overrides_allow_and_allow_overrides_guessing() -> None:
    courier = site("allow = ['/news/']\ndeny = ['/news/sport/']\n")
    assert reason(courier, "https://courier.example/news/a") is Reason.NONE
    assert reason(courier, "https://courier.example/news/sport/a") is Reason.DENIED
    assert reason(courier, "https://courier.example/2026/02/03/a") is Reason.NOT_ALLOWED


def test_without_patterns_sections_yield_urls_like_stories_and_feeds_yield_all() -> None:
    assert reason(site(), "https://courier.example/about", UrlKind.SECTION) is Reason.NOT_ALLOWED
    assert reason(site(), "https://courier.example/about", UrlKind.FEED) is Reason.NONE
    assert reason(site(), "https://courier.example/2026/02/03/a", UrlKind.SECTION) is Reason.NONE


def test_patterns_apply_to_stories_and_not_to_sitemaps() -> None:
    courier = site("allow = ['/news/']\n")
    assert (
        reason(courier, "https://courier.example/sitemap-2.xml", UrlKind.SITEMAP, UrlKind.SITEMAP)
        is Reason.NONE
    )
    assert (
        reason(courier, "https://other.example/sitemap-2.xml", UrlKind.SITEMAP, UrlKind.SITEMAP)
        is Reason.OFF_SITE
    )


def test_an_internal_address_of_another_host_is_refused_as_blocked() -> None:
    assert reason(site(), "http://127.1:8000/2026/02/03/a") is Reason.BLOCKED_ADDRESS
    assert (
        reason(site('hosts = ["127.1:8000"]\n'), "http://127.1:8000/2026/02/03/a") is Reason.NONE
    ), "judged when it is resolved"


def test_private_addresses_are_allowed_by_host_and_port() -> None:
    assert not site().allows_private("https://courier.example/")
    named = site("[safety]\nallow_private = true\n")
    assert named.allows_private("https://www.courier.example/2026/02/03/a")
    assert not any(
        map(
            named.allows_private,
            ("https://courier.example:8443/", "http://127.0.0.1/", "https://other.example/"),
        )
    )
    listed = site('[safety]\nallow_private = ["127.0.0.2:8000"]\n')
    assert listed.allows_private("http://127.0.0.2:8000/a")
    assert not any(
        map(
            listed.allows_private,
            ("http://127.0.0.1:8000/", "http://127.0.0.2/", "https://courier.example/"),
        )
    )


def test_a_site_is_frozen_and_goes_to_the_crawler_as_one_line() -> None:
    courier = site('headers = { "X-Reader" = "yes" }\n[revisit]\nafter_hours = 3\n')
    job = CrawlJob(
        site=courier, database_url="sqlite:///x.db", user_agent="Nightdesk/0 (+me@example.org)"
    )
    line = job.model_dump_json()
    assert "\n" not in line
    assert CrawlJob.model_validate_json(line) == job
    with pytest.raises(ValidationError):
        courier.name = "other"


@pytest.mark.parametrize("bundled", SITES, ids=lambda bundled: bundled.id)
def test_the_site_files_of_the_demo_are_valid(bundled: object) -> None:
    name = str(getattr(bundled, "id"))  # noqa: B009 - the type belongs to the demo site
    assert parse_site(name, site_file(name, "http://127.0.0.1:8000"), f"{name}.toml").sources


def test_the_site_files_of_this_checkout_are_valid() -> None:
    _, errors = load_sites(Path(__file__).parents[2] / "config" / "sites")
    assert errors == ()
