"""Findings and samples → a proposal and its file; a file and new findings → what is different."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.config import site as sites
from pipeline.core.models import CleanResult, Link, Metadata, Outcome, Reason, Recipe, UrlKind
from pipeline.onboarding.check_site import Severity, compare_with_probe
from pipeline.onboarding.proposal import CleanedSample, propose_site
from pipeline.onboarding.rejections import (
    REASON_ADVICE,
    is_built_by_scripts,
    rejection_message,
    unreachable_message,
)
from pipeline.onboarding.site_file_writer import SiteFileOptions, site_file_text
from pipeline.process_messages import (
    DiscoveryMethod,
    FrontPage,
    ProbedSource,
    ProbeResult,
    RememberedLink,
    SamplePage,
)

HOME = "https://news.example.org"
NOW = datetime(2026, 11, 3, tzinfo=UTC)
STORIES = tuple(f"/city/2026/11/02/story-number-{n}/" for n in range(12))


def place(
    path: str, kind: UrlKind, way: DiscoveryMethod, links: tuple[str, ...] = (), **more: object
) -> ProbedSource:
    seen = tuple(
        RememberedLink(
            url=link if "://" in link else HOME + link, title=f"A headline of some length {link}"
        )
        for link in links
    )
    values = {
        "outcome": Outcome.FETCHED,
        "total": len(seen),
        "newest": NOW if kind is UrlKind.FEED else None,
    } | more
    return ProbedSource.model_validate(
        {"url": path if "://" in path else HOME + path, "kind": kind, "way": way, "links": seen}
        | values
    )


def judged(
    path: str, *, story: bool = True, language: str = "en", reason: Reason = Reason.LISTING
) -> CleanedSample:
    made = CleanResult(
        Recipe("a", "b"), "", (), Metadata(title=path, published_at=NOW, language=language), "text",
        Outcome.ARCHIVED if story else Outcome.NOT_ARTICLE, Reason.NONE if story else reason,
    )  # fmt: skip
    url = path if "://" in path else HOME + path
    return CleanedSample(
        SamplePage(url=url, found_on=UrlKind.FEED, outcome=Outcome.FETCHED, landed=url), made
    )


def findings(*places: ProbedSource, **front: object) -> ProbeResult:
    values = {
        "url": HOME + "/",
        "outcome": Outcome.FETCHED,
        "title": "Courier",
        "language": "en",
    } | front
    return ProbeResult(front=FrontPage.model_validate(values), places=places, requests=20)


FEED = place("/feed.xml", UrlKind.FEED, DiscoveryMethod.DECLARED, STORIES)
FRONT = place("/", UrlKind.SECTION, DiscoveryMethod.FRONT, (*STORIES[:5], "/city/", "/about/"))
SAMPLES = tuple(judged(path) for path in STORIES[:10])


def test_the_file_loads_to_the_site_that_was_proposed() -> None:
    found = findings(FEED, FRONT, generator='Word"Press\n# not a comment')
    proposal = propose_site(found, SAMPLES)
    assert proposal is not None
    text = site_file_text(
        proposal, found, SAMPLES, SiteFileOptions(2.0, allow_private=True, probed_on="2026-11-03")
    )
    site = sites.parse_site("courier", text, "the file")
    assert site == proposal.site("courier", politeness=site.politeness, safety=site.safety)
    assert (site.politeness.delay, site.safety.allow_private) == (2.0, True)
    assert site.allow == (r"/city/\d{4}/\d{2}/\d{2}/[^/]+/$",)
    assert (site.feeds, site.sections) == ((HOME + "/feed.xml",), (HOME + "/",))


def test_names_that_would_break_a_toml_file_do_not() -> None:
    found = findings(FEED, title='x"]\\ \' = """ \u007f é \u2028', language="en")
    proposal = propose_site(found, SAMPLES)
    assert proposal is not None
    assert (
        tomllib.loads(site_file_text(proposal, found, SAMPLES, SiteFileOptions()))["name"]
        == proposal.name
    )


def test_a_feed_that_shows_nothing_of_its_own_is_left_out_and_one_of_a_sister_host_brings_its_host() -> (
    None
):
    sister = tuple(f"https://sport.example.org/2026/11/02/match-{n}-is-over/" for n in range(6))
    all_samples = (*SAMPLES, *(judged(url) for url in sister[:3]))
    same, other = (
        place("/rss", UrlKind.FEED, DiscoveryMethod.LINKED, STORIES[:4]),
        place("/sport.xml", UrlKind.FEED, DiscoveryMethod.LINKED, sister),
    )
    proposal = propose_site(findings(FEED, same, other), all_samples)
    assert proposal is not None
    assert [each.value for each in proposal.hosts] == ["sport.example.org"]
    assert [each.value for each in proposal.feeds] == [HOME + "/feed.xml", HOME + "/sport.xml"]


def test_the_whole_past_is_left_out_and_a_news_sitemap_of_it_taken() -> None:
    children = tuple(f"{HOME}/sitemap-{n}.xml" for n in range(120))
    index = place("/sitemap.xml", UrlKind.SITEMAP, DiscoveryMethod.ROBOTS, children=children)
    news = place("/sitemap-news.xml", UrlKind.SITEMAP, DiscoveryMethod.INDEX, STORIES, is_news=True)
    proposal = propose_site(findings(FEED, index, news), SAMPLES)
    assert proposal is not None
    assert [each.value for each in proposal.sitemaps] == [HOME + "/sitemap-news.xml"]
    assert [each.value for each in proposal.omitted_sitemaps] == [HOME + "/sitemap.xml"]
    alone = propose_site(
        findings(place("/all.xml", UrlKind.SITEMAP, DiscoveryMethod.ROBOTS, STORIES, total=40_000)),
        SAMPLES,
    )
    assert alone is not None
    assert [each.value for each in alone.sitemaps] == [HOME + "/all.xml"], "it is all that there is"


def test_a_kind_of_page_that_is_never_a_story_is_denied() -> None:
    videos = tuple(f"/video/2026/11/02/clip-number-{n}/" for n in range(4))
    feed = place(
        "/feed.xml",
        UrlKind.FEED,
        DiscoveryMethod.DECLARED,
        (*STORIES, *videos, "/sport/2026/11/01/a-match/"),
    )
    mixed = (
        *SAMPLES,
        judged("/sport/2026/11/01/a-match/"),
        *(judged(path, story=False) for path in videos[:2]),
    )
    proposal = propose_site(findings(feed), mixed)
    assert proposal is not None
    site = proposal.site("courier")
    assert not site.decide(Link(HOME + STORIES[0]), UrlKind.FEED).reason
    assert site.decide(Link(HOME + videos[0]), UrlKind.FEED).reason is Reason.DENIED


def test_without_a_story_there_is_no_proposal_and_a_sentence_says_why() -> None:
    none = tuple(judged(path, story=False) for path in STORIES[:3])
    assert propose_site(findings(FEED), none) is None
    assert "no news site" in rejection_message(findings(FEED), none)
    sample = SamplePage(
        url=HOME + STORIES[0], found_on=UrlKind.FEED, outcome=Outcome.REFUSED, reason=Reason.ROBOTS
    )
    assert "robots.txt closes its stories" in rejection_message(
        findings(FEED), (CleanedSample(sample),)
    )
    assert "try later" in rejection_message(
        findings(FEED), (CleanedSample(sample.model_copy(update={"reason": Reason.TIMEOUT})),)
    )
    assert "give the address of its feed" in rejection_message(findings(FRONT), ())
    built = tuple(judged(path, story=False, reason=Reason.SCRIPT_SHELL) for path in STORIES[:3])
    assert "will then say render = true" in rejection_message(findings(FEED), built)
    assert "a browser got no text out of them either" in rejection_message(
        findings(FEED), built, rendered=True
    )
    assert is_built_by_scripts(findings(FEED), built)
    assert not is_built_by_scripts(findings(FEED), (*built, *SAMPLES))
    stubs = tuple(judged(path, story=False, reason=Reason.PAYWALL_STUB) for path in STORIES[:3])
    assert "paywall" in rejection_message(findings(FEED), stubs)
    shell = findings(
        place("/", UrlKind.SECTION, DiscoveryMethod.FRONT), words=5, anchors=0, scripts=7
    )
    assert "will then say render = true" in rejection_message(shell, ())
    assert "render" not in rejection_message(shell, (), rendered=True)
    assert is_built_by_scripts(shell, ())


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason])
def test_every_way_not_to_reach_a_site_has_its_sentence(reason: Reason) -> None:
    said = unreachable_message(
        FrontPage(url=HOME, outcome=Outcome.FAILED, reason=reason, detail="said so")
    )
    assert said
    assert "\n" not in said
    assert said != "said so"
    assert reason not in REASON_ADVICE or said == REASON_ADVICE[reason]


def test_a_site_that_turns_programs_away_and_one_with_an_error_are_told_apart() -> None:
    def front(status: int) -> FrontPage:
        return FrontPage(url=HOME, outcome=Outcome.FAILED, reason=Reason.HTTP_STATUS, status=status)

    assert "turns programs away" in unreachable_message(front(403))
    assert "an error of its own" in unreachable_message(front(500))


# check

KNOWN = sites.parse_site(
    "courier", f'name = "C"\nurl = "{HOME}/"\nlanguage = "en"\nfeeds = ["{HOME}/feed.xml"]\nsections = ["{HOME}/city/"]\n'
    "allow = ['/city/\\d{4}/']\n", "x",
)  # fmt: skip
MINE = place("/feed.xml", UrlKind.FEED, DiscoveryMethod.GIVEN, STORIES)
CITY = place("/city/", UrlKind.SECTION, DiscoveryMethod.GIVEN, STORIES[:6])


def notices(
    *places: ProbedSource, samples: tuple[CleanedSample, ...] = SAMPLES, **front: object
) -> list[tuple[str, str]]:
    return [
        (each.severity, each.key)
        for each in compare_with_probe(KNOWN, findings(*places, **front), samples, NOW)
    ]


def test_a_site_that_is_as_its_file_says_has_no_notice() -> None:
    assert notices(MINE, CITY) == []


def test_what_no_longer_answers_or_shows_no_stories_is_broken() -> None:
    gone = place(
        "/feed.xml",
        UrlKind.FEED,
        DiscoveryMethod.GIVEN,
        outcome=Outcome.GONE,
        reason=Reason.NOT_FOUND,
        status=404,
    )
    assert notices(gone, CITY) == [(Severity.BROKEN, "feeds")]
    assert notices(MINE, place("/city/", UrlKind.SECTION, DiscoveryMethod.GIVEN)) == [
        (Severity.BROKEN, "sections")
    ]
    assert notices(MINE, place("/city/", UrlKind.SECTION, DiscoveryMethod.GIVEN, ("/x", "/y"))) == [
        (Severity.BROKEN, "sections")
    ]
    assert (Severity.BROKEN, "cleaning") in notices(
        MINE, CITY, samples=tuple(judged(each, story=False) for each in STORIES[:4])
    )
    shells = tuple(judged(each, story=False, reason=Reason.SCRIPT_SHELL) for each in STORIES[:4])
    assert (Severity.BROKEN, "render") in notices(MINE, CITY, samples=shells)
    assert (Severity.BROKEN, "url") in notices(
        MINE, CITY, outcome=Outcome.FAILED, reason=Reason.DNS
    )


def test_what_has_changed_says_how() -> None:
    new_paths = tuple(f"/stories/{n}-about-it.html" for n in range(1000, 1012))
    moved = place("/feed.xml", UrlKind.FEED, DiscoveryMethod.GIVEN, (*STORIES[:2], *new_paths))
    found = compare_with_probe(
        KNOWN, findings(moved, CITY), tuple(judged(each) for each in new_paths[:6]), NOW
    )
    (allow,) = [each for each in found if each.key == "allow"]
    assert r"'/stories/\d+-[^/]+\.html$'" in allow.sentence
    assert ("changed", "feeds") in [(each.severity, each.key) for each in found]
    silent = place(
        "/feed.xml", UrlKind.FEED, DiscoveryMethod.GIVEN, STORIES, newest=NOW - timedelta(days=90)
    )
    assert notices(silent, CITY) == [(Severity.CHANGED, "feeds")]
    assert notices(MINE, CITY, samples=tuple(judged(each, language="ru") for each in STORIES)) == [
        (Severity.CHANGED, "language")
    ]
    assert notices(MINE, CITY, url="https://courier.example/") == [(Severity.CHANGED, "url")]


def test_a_place_that_was_not_asked_is_not_called_broken() -> None:
    assert notices(MINE) == [(Severity.CHANGED, "sections")]


def test_a_feed_that_shows_more_is_new() -> None:
    more = place(
        "/more.xml",
        UrlKind.FEED,
        DiscoveryMethod.DECLARED,
        (*STORIES, "/city/2026/11/02/one-more/"),
    )
    assert notices(MINE, CITY, more) == [(Severity.NEW, "feeds")]
    assert (
        notices(MINE, CITY, place("/same.xml", UrlKind.FEED, DiscoveryMethod.DECLARED, STORIES))
        == []
    )
