"""From a probe to a site file, and from a site file and a new probe to differences."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.config import site as sites
from pipeline.core.models import CleanResult, Link, Metadata, Outcome, Reason, Recipe, UrlKind
from pipeline.onboarding.check_site import Severity, compare_with_probe
from pipeline.onboarding.proposal import CleanedSample, ExplainedValue, Proposal
from pipeline.onboarding.proposal_builder import propose_site
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


def absolute(path: str) -> str:
    return path if "://" in path else HOME + path


def probed_source(
    path: str,
    kind: UrlKind,
    discovered_by: DiscoveryMethod,
    links: Sequence[str] = (),
    **more: object,
) -> ProbedSource:
    remembered = []
    for link in links:
        title = f"A headline of some length {link}"
        remembered.append(RememberedLink(url=absolute(link), title=title))
    values = {
        "url": absolute(path),
        "kind": kind,
        "discovered_by": discovered_by,
        "links": tuple(remembered),
        "outcome": Outcome.FETCHED,
        "link_count": len(remembered),
        "newest": NOW if kind is UrlKind.FEED else None,
    }
    return ProbedSource.model_validate(values | more)


def feed(path: str, discovered_by: DiscoveryMethod, links: Sequence[str]) -> ProbedSource:
    return probed_source(path, UrlKind.FEED, discovered_by, links)


def cleaned_sample(
    path: str,
    *,
    is_story: bool = True,
    language: str = "en",
    reason: Reason = Reason.LISTING,
) -> CleanedSample:
    result = CleanResult(
        recipe=Recipe("a", "b"),
        profile_digest="",
        removed=(),
        metadata=Metadata(title=path, published_at=NOW, language=language),
        text="text",
        outcome=Outcome.ARCHIVED if is_story else Outcome.NOT_ARTICLE,
        reason=Reason.NONE if is_story else reason,
    )
    url = absolute(path)
    page = SamplePage(url=url, found_on=UrlKind.FEED, outcome=Outcome.FETCHED, final_url=url)
    return CleanedSample(page, result)


def rejected_samples(
    paths: Sequence[str], reason: Reason = Reason.LISTING
) -> tuple[CleanedSample, ...]:
    return tuple(cleaned_sample(path, is_story=False, reason=reason) for path in paths)


def probe_result(*sources: ProbedSource, **front: object) -> ProbeResult:
    values = {"url": HOME + "/", "outcome": Outcome.FETCHED, "title": "Courier", "language": "en"}
    front_page = FrontPage.model_validate(values | front)
    return ProbeResult(front=front_page, sources=sources, requests=20)


FEED = feed("/feed.xml", DiscoveryMethod.DECLARED, STORIES)
FRONT = probed_source(
    "/", UrlKind.SECTION, DiscoveryMethod.FRONT, (*STORIES[:5], "/city/", "/about/")
)
SAMPLES = tuple(cleaned_sample(path) for path in STORIES[:10])


def propose(probe: ProbeResult, samples: Sequence[CleanedSample] = SAMPLES) -> Proposal:
    proposal = propose_site(probe, samples)
    assert proposal is not None
    return proposal


def values(explained: Sequence[ExplainedValue]) -> list[str]:
    return [item.value for item in explained]


def test_file_loads_to_the_proposed_site() -> None:
    probe = probe_result(FEED, FRONT, generator='Word"Press\n# not a comment')
    proposal = propose(probe)
    options = SiteFileOptions(2.0, allow_private=True, probed_on="2026-11-03")
    text = site_file_text(proposal, probe, SAMPLES, options)
    site = sites.parse_site("courier", text, "the file")
    assert site == proposal.site("courier", politeness=site.politeness, safety=site.safety)
    assert (site.politeness.delay, site.safety.allow_private) == (2.0, True)
    assert site.allow == (r"/city/\d{4}/\d{2}/\d{2}/[^/]+/$",)
    assert (site.feeds, site.sections) == ((HOME + "/feed.xml",), (HOME + "/",))


def test_file_is_valid_toml_for_any_name() -> None:
    probe = probe_result(FEED, title='x"]\\ \' = """ \u007f é \u2028', language="en")
    proposal = propose(probe)
    text = site_file_text(proposal, probe, SAMPLES, SiteFileOptions())
    assert tomllib.loads(text)["name"] == proposal.name


def test_feed_without_links_of_its_own_is_left_out() -> None:
    redundant = feed("/rss", DiscoveryMethod.LINKED, STORIES[:4])
    assert values(propose(probe_result(FEED, redundant)).feeds) == [HOME + "/feed.xml"]


def test_feed_of_a_sister_host_adds_its_host() -> None:
    sister = tuple(f"https://sport.example.org/2026/11/02/match-{n}-is-over/" for n in range(6))
    samples = (*SAMPLES, *(cleaned_sample(url) for url in sister[:3]))
    sport = feed("/sport.xml", DiscoveryMethod.LINKED, sister)
    proposal = propose(probe_result(FEED, sport), samples)
    assert values(proposal.hosts) == ["sport.example.org"]
    assert values(proposal.feeds) == [HOME + "/feed.xml", HOME + "/sport.xml"]


def test_index_of_the_whole_past_is_left_out_and_its_news_sitemap_selected() -> None:
    children = tuple(f"{HOME}/sitemap-{n}.xml" for n in range(120))
    index = probed_source(
        "/sitemap.xml", UrlKind.SITEMAP, DiscoveryMethod.ROBOTS, children=children
    )
    news = probed_source(
        "/sitemap-news.xml", UrlKind.SITEMAP, DiscoveryMethod.INDEX, STORIES, is_news=True
    )
    proposal = propose(probe_result(FEED, index, news))
    assert values(proposal.sitemaps) == [HOME + "/sitemap-news.xml"]
    assert values(proposal.omitted_sitemaps) == [HOME + "/sitemap.xml"]


def test_sitemap_of_the_whole_past_is_selected_where_there_is_nothing_else() -> None:
    sitemap = probed_source(
        "/all.xml", UrlKind.SITEMAP, DiscoveryMethod.ROBOTS, STORIES, link_count=40_000
    )
    assert values(propose(probe_result(sitemap)).sitemaps) == [HOME + "/all.xml"]


def section_of_two_pages(discovered_by: DiscoveryMethod) -> tuple[ProbedSource, ProbedSource]:
    second = "/city/page/2/"
    section = probed_source(
        "/city/", UrlKind.SECTION, discovered_by, STORIES[:6], next_page=absolute(second)
    )
    return section, probed_source(second, UrlKind.SECTION, DiscoveryMethod.NEXT, STORIES[4:])


def test_next_page_of_a_section_is_proposed_with_what_it_adds() -> None:
    section, second = section_of_two_pages(DiscoveryMethod.MENU)
    probe = probe_result(feed("/feed.xml", DiscoveryMethod.DECLARED, STORIES[:3]), section, second)
    proposal = propose(probe)
    assert values(proposal.sections) == [HOME + "/city/"], "the next page is no section of its own"
    assert proposal.section_pages.value == "5"
    assert "/city/page/2/: 6 further stories" in proposal.section_pages.reason
    text = site_file_text(proposal, probe, SAMPLES, SiteFileOptions())
    assert sites.parse_site("courier", text, "the file").section_pages == 5
    assert propose(probe_result(section, second)).section_pages.value == "10", "no feed helps"


def test_section_without_a_next_page_or_with_the_same_stories_there_proposes_none() -> None:
    alone = probed_source("/city/", UrlKind.SECTION, DiscoveryMethod.MENU, STORIES[:6])
    section, _ = section_of_two_pages(DiscoveryMethod.MENU)
    same = probed_source("/city/page/2/", UrlKind.SECTION, DiscoveryMethod.NEXT, STORIES[:6])
    for probe in (probe_result(alone), probe_result(section, same), probe_result(section)):
        proposal = propose(probe)
        assert proposal.section_pages.value == ""
        text = site_file_text(proposal, probe, SAMPLES, SiteFileOptions())
        assert "# section_pages: no section shows" in text


def test_kind_of_page_that_is_never_a_story_is_denied() -> None:
    videos = tuple(f"/video/2026/11/02/clip-number-{n}/" for n in range(4))
    match = "/sport/2026/11/01/a-match/"
    mixed_feed = feed("/feed.xml", DiscoveryMethod.DECLARED, (*STORIES, *videos, match))
    samples = (*SAMPLES, cleaned_sample(match), *rejected_samples(videos[:2]))
    site = propose(probe_result(mixed_feed), samples).site("courier")
    assert not site.decide(Link(HOME + STORIES[0]), UrlKind.FEED).reason
    assert site.decide(Link(HOME + videos[0]), UrlKind.FEED).reason is Reason.DENIED


def test_without_a_story_there_is_no_proposal_and_a_message_says_why() -> None:
    probe, samples = probe_result(FEED), rejected_samples(STORIES[:3])
    assert propose_site(probe, samples) is None
    assert "does not look like a news site" in rejection_message(probe, samples)
    stubs = rejected_samples(STORIES[:3], Reason.PAYWALL_STUB)
    assert "paywall" in rejection_message(probe, stubs)
    no_samples = rejection_message(probe_result(FRONT), ())
    assert "give the address of its feed" in no_samples


def test_rejection_says_why_no_sample_could_be_fetched() -> None:
    probe = probe_result(FEED)
    page = SamplePage(
        url=HOME + STORIES[0], found_on=UrlKind.FEED, outcome=Outcome.REFUSED, reason=Reason.ROBOTS
    )
    message = rejection_message(probe, (CleanedSample(page),))
    assert "robots.txt does not allow its stories" in message
    late_page = page.model_copy(update={"reason": Reason.TIMEOUT})
    assert "try later" in rejection_message(probe, (CleanedSample(late_page),))


def test_rejection_of_pages_that_scripts_build_advises_a_browser_once() -> None:
    probe = probe_result(FEED)
    shells = rejected_samples(STORIES[:3], Reason.SCRIPT_SHELL)
    assert is_built_by_scripts(probe, shells)
    assert not is_built_by_scripts(probe, (*shells, *SAMPLES))
    assert "will then say render = true" in rejection_message(probe, shells)
    rendered = rejection_message(probe, shells, rendered=True)
    assert "a browser got no text out of them either" in rendered


def test_rejection_of_a_front_page_that_scripts_build_advises_a_browser_once() -> None:
    front = probed_source("/", UrlKind.SECTION, DiscoveryMethod.FRONT)
    probe = probe_result(front, words=5, anchors=0, scripts=7)
    assert is_built_by_scripts(probe, ())
    assert "will then say render = true" in rejection_message(probe, ())
    assert "render" not in rejection_message(probe, (), rendered=True)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason])
def test_every_reason_for_an_unreachable_site_has_a_message(reason: Reason) -> None:
    front = FrontPage(url=HOME, outcome=Outcome.FAILED, reason=reason, detail="the detail")
    message = unreachable_message(front)
    assert message
    assert "\n" not in message
    assert message != "the detail"
    assert reason not in REASON_ADVICE or message == REASON_ADVICE[reason]


def test_message_distinguishes_a_refusal_from_a_server_error() -> None:
    def front(status: int) -> FrontPage:
        return FrontPage(url=HOME, outcome=Outcome.FAILED, reason=Reason.HTTP_STATUS, status=status)

    assert "refuses programs" in unreachable_message(front(403))
    assert "an error of the server" in unreachable_message(front(500))


# Checks of a known site

KNOWN_SITE = sites.parse_site(
    "courier",
    f"""
    name = "C"
    url = "{HOME}/"
    language = "en"
    feeds = ["{HOME}/feed.xml"]
    sections = ["{HOME}/city/"]
    allow = ['/city/\\d{{4}}/']
    """,
    "x",
)
KNOWN_FEED = feed("/feed.xml", DiscoveryMethod.GIVEN, STORIES)
CITY = probed_source("/city/", UrlKind.SECTION, DiscoveryMethod.GIVEN, STORIES[:6])


def differences(
    *sources: ProbedSource, samples: Sequence[CleanedSample] = SAMPLES, **front: object
) -> list[tuple[str, str]]:
    probe = probe_result(*sources, **front)
    found = compare_with_probe(KNOWN_SITE, probe, samples, NOW)
    return [(difference.severity, difference.key) for difference in found]


def test_site_that_is_as_its_file_says_has_no_difference() -> None:
    assert differences(KNOWN_FEED, CITY) == []


def test_source_that_does_not_answer_or_lists_no_stories_is_broken() -> None:
    gone = probed_source(
        "/feed.xml",
        UrlKind.FEED,
        DiscoveryMethod.GIVEN,
        outcome=Outcome.GONE,
        reason=Reason.NOT_FOUND,
        status=404,
    )
    assert differences(gone, CITY) == [(Severity.BROKEN, "feeds")]
    empty = probed_source("/city/", UrlKind.SECTION, DiscoveryMethod.GIVEN)
    assert differences(KNOWN_FEED, empty) == [(Severity.BROKEN, "sections")]
    other = probed_source("/city/", UrlKind.SECTION, DiscoveryMethod.GIVEN, ("/x", "/y"))
    assert differences(KNOWN_FEED, other) == [(Severity.BROKEN, "sections")]


def test_site_whose_samples_have_no_text_is_broken() -> None:
    listings = rejected_samples(STORIES[:4])
    assert (Severity.BROKEN, "cleaning") in differences(KNOWN_FEED, CITY, samples=listings)
    shells = rejected_samples(STORIES[:4], Reason.SCRIPT_SHELL)
    assert (Severity.BROKEN, "render") in differences(KNOWN_FEED, CITY, samples=shells)


def test_unreachable_front_page_is_broken() -> None:
    found = differences(KNOWN_FEED, CITY, outcome=Outcome.FAILED, reason=Reason.DNS)
    assert (Severity.BROKEN, "url") in found


def test_new_story_urls_are_a_change_with_patterns_that_allow_them() -> None:
    paths = tuple(f"/stories/{n}-about-it.html" for n in range(1000, 1012))
    moved = feed("/feed.xml", DiscoveryMethod.GIVEN, (*STORIES[:2], *paths))
    samples = tuple(cleaned_sample(path) for path in paths[:6])
    found = compare_with_probe(KNOWN_SITE, probe_result(moved, CITY), samples, NOW)
    (allow,) = [difference for difference in found if difference.key == "allow"]
    assert r"'/stories/\d+-[^/]+\.html$'" in allow.sentence
    assert (Severity.CHANGED, "feeds") in [(item.severity, item.key) for item in found]


def test_stale_feed_other_language_and_moved_front_page_are_changes() -> None:
    old = NOW - timedelta(days=90)
    stale = probed_source("/feed.xml", UrlKind.FEED, DiscoveryMethod.GIVEN, STORIES, newest=old)
    assert differences(stale, CITY) == [(Severity.CHANGED, "feeds")]
    russian = tuple(cleaned_sample(path, language="ru") for path in STORIES)
    assert differences(KNOWN_FEED, CITY, samples=russian) == [(Severity.CHANGED, "language")]
    moved = differences(KNOWN_FEED, CITY, url="https://courier.example/")
    assert moved == [(Severity.CHANGED, "url")]


def test_source_that_was_not_fetched_is_not_called_broken() -> None:
    assert differences(KNOWN_FEED) == [(Severity.CHANGED, "sections")]


def test_feed_with_further_stories_is_new() -> None:
    further = (*STORIES, "/city/2026/11/02/one-more/")
    more = feed("/more.xml", DiscoveryMethod.DECLARED, further)
    assert differences(KNOWN_FEED, CITY, more) == [(Severity.NEW, "feeds")]
    same = feed("/same.xml", DiscoveryMethod.DECLARED, STORIES)
    assert differences(KNOWN_FEED, CITY, same) == []


def test_next_page_is_new_where_the_file_reads_first_pages_only() -> None:
    section, second = section_of_two_pages(DiscoveryMethod.GIVEN)
    short_feed = feed("/feed.xml", DiscoveryMethod.GIVEN, STORIES[:6])
    assert differences(short_feed, section, second) == [], "five pages are read already"
    site = KNOWN_SITE.model_copy(update={"section_pages": 1})
    (new,) = compare_with_probe(site, probe_result(short_feed, section, second), SAMPLES, NOW)
    assert (new.severity, new.key) == (Severity.NEW, "section_pages")
    assert "/city/page/2/, which lists 6 further stories" in new.sentence
    whole_feed = probe_result(KNOWN_FEED, section, second)
    assert compare_with_probe(site, whole_feed, SAMPLES, NOW) == ()
