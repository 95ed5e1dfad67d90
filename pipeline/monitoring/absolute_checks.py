"""Rules that need no past: what is wrong with a night whatever the nights before were like.

They watch over a site from its first night on, until there are enough nights to compare.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

from pipeline.monitoring.baseline import MIN_NIGHTS
from pipeline.monitoring.issue_texts import share_issue
from pipeline.monitoring.issues import Issue, IssueKind
from pipeline.monitoring.night_stats import Night, NightStats, SourceStats
from pipeline.monitoring.share_checks import SHARE_CHECKS, CountOf, ShareDeviation, is_learnt

MIN_CASES = 3  # stories without an article, or requested in vain
MIN_UNDATED = 5  # articles
MIN_MANY_CASES = 10  # stories from which a low share of articles is an issue, too
MIN_ARTICLE_SHARE = 0.3
USUAL_ARTICLE_SHARE = 0.6  # a site with fewer articles lists many pages that are no stories
MIN_CONSENT_WALLS = 2
CONSENT_WALL_SHARE = 0.5
LOST_SHARE = 0.8  # of the requested stories, when nothing was fetched
LOST_KINDS = frozenset(
    {
        IssueKind.TURNED_AWAY,
        IssueKind.FAILURES,
        IssueKind.STORIES_GONE,
        IssueKind.REDIRECTED,
    }
)
MIN_REFUSED = 5
MIN_TRAPS = 10  # fewer are a slip of the site
MIN_TRAP_SHARE = 0.01  # of the stories that the sources list
CHECK_BY_KIND = {check.kind: check for check in SHARE_CHECKS}


def absolute_issues(history: Sequence[Night], tonight: Night) -> Iterator[Issue]:
    """Iterate over what is wrong with a night by itself.

    Args:
        history: The nights before, oldest first. They say whether a rule is still needed.
        tonight: The night that is evaluated.
    """
    yield from _few_articles(history, tonight)
    yield from _undated(history, tonight)
    yield from _nothing_fetched(history, tonight)
    yield from _empty_sources(history, tonight)
    yield from _all_refused(tonight)
    yield from _traps(tonight)


def _few_articles(history: Sequence[Night], tonight: Night) -> Iterator[Issue]:
    """New stories do not become articles, or half of them are consent walls."""
    kind = IssueKind.FEW_ARTICLES
    if is_learnt(CHECK_BY_KIND[kind], history, tonight):
        return
    nights = [*history[-MIN_NIGHTS:], tonight]
    for row in (_row_without(nights, lambda stats: stats.articles), [tonight], nights):
        articles, cleaned = _totals(row)
        has_none = not articles and cleaned >= MIN_CASES and _had_articles(history)
        is_low = cleaned >= MIN_MANY_CASES and articles < MIN_ARTICLE_SHARE * cleaned
        if has_none or is_low or (row == [tonight] and _has_consent_walls(tonight.stats)):
            deviation = ShareDeviation(len(row), articles, cleaned, 0.0)
            yield share_issue(kind, deviation, tonight, is_learnt=False)
            return


def _has_consent_walls(stats: NightStats) -> bool:
    walls = stats.reasons.get("consent_wall", 0)
    return walls >= MIN_CONSENT_WALLS and walls >= CONSENT_WALL_SHARE * stats.cleaned


def _had_articles(history: Sequence[Night]) -> bool:
    """Whether most new pages became articles, as far as the past says anything."""
    well = [night for night in history if IssueKind.FEW_ARTICLES not in night.issue_kinds]
    articles, cleaned = _totals(well)
    return cleaned < MIN_MANY_CASES or articles >= USUAL_ARTICLE_SHARE * cleaned


def _totals(nights: Sequence[Night]) -> tuple[int, int]:
    """Articles and cleaned stories of some nights."""
    articles = sum(night.stats.articles for night in nights)
    return articles, sum(night.stats.cleaned for night in nights)


def _row_without(nights: Sequence[Night], count: CountOf) -> list[Night]:
    """The last nights in a row in which something did not occur."""
    return list(takewhile(lambda night: not count(night.stats), reversed(nights)))


def _undated(history: Sequence[Night], tonight: Night) -> Iterator[Issue]:
    """No article has a date, not even from a feed."""
    kind = IssueKind.FEW_DATES
    if is_learnt(CHECK_BY_KIND[kind], history, tonight) or not tonight.stats.articles:
        return
    row = _row_without([*history[-MIN_NIGHTS:], tonight], lambda stats: stats.with_date)
    articles, _ = _totals(row)
    if articles >= MIN_UNDATED:
        deviation = ShareDeviation(len(row), 0, articles, 0.0)
        yield share_issue(kind, deviation, tonight, is_learnt=False)


def _nothing_fetched(history: Sequence[Night], tonight: Night) -> Iterator[Issue]:
    """Stories were requested, and none of them came."""
    stats = tonight.stats
    if stats.requested < MIN_CASES or stats.new or stats.changed or stats.unchanged:
        return
    for check in SHARE_CHECKS:
        if check.kind not in LOST_KINDS or is_learnt(check, history, tonight):
            continue
        part = check.count(stats)
        if part >= LOST_SHARE * stats.requested:
            deviation = ShareDeviation(1, part, stats.requested, 0.0)
            yield share_issue(check.kind, deviation, tonight, is_learnt=False)


def _empty_sources(history: Sequence[Night], tonight: Night) -> Iterator[Issue]:
    """No source that works lists any link."""
    working = [source for source in tonight.stats.sources if source.works]
    if not working or any(_last_links(source, history) for source in working):
        return
    if len(working) == 1:
        sentence = f"the {working[0].kind} {working[0].url} lists no link"
    else:
        sentence = f"none of its {len(working)} sources lists a link"
    yield Issue(
        IssueKind.SOURCE_EMPTY,
        sentence,
        "the URLs are those of other pages, or scripts build the lists; render = true may help",
        f"nightdesk check {tonight.site}",
        {"links": 0.0},
        is_learnt=False,
    )


def _last_links(source: SourceStats, history: Sequence[Night]) -> int:
    """How many links a source listed when it was last read; -1 if that is not known."""
    if source.links >= 0:
        return source.links
    for night in reversed(history):
        for past in night.stats.sources:
            if past.url == source.url and past.links >= 0:
                return past.links
    return -1


def _all_refused(tonight: Night) -> Iterator[Issue]:
    """Every link that the sources list is refused, and not as traps only."""
    stats = tonight.stats
    if stats.traps == stats.refused:
        return
    if stats.links <= 0 or stats.seen < MIN_REFUSED or stats.refused < stats.seen:
        return
    yield Issue(
        IssueKind.ALL_REFUSED,
        f"all {stats.seen} links of stories were refused",
        "'allow' and 'deny' in the site file fit no story, or robots.txt forbids them",
        f"nightdesk runs {tonight.run} --outcome refused",
        {"part": float(stats.refused), "whole": float(stats.seen)},
        is_learnt=False,
    )


def _traps(tonight: Night) -> Iterator[Issue]:
    """Many links were refused as traps, and may be stories."""
    stats = tonight.stats
    if stats.traps < MIN_TRAPS or stats.traps < MIN_TRAP_SHARE * stats.seen:
        return
    yield Issue(
        IssueKind.TRAPS,
        f"{stats.traps} of {stats.seen} links were refused as traps that never end",
        "stories have URLs that look like lists of years, or repeat a part of their path;"
        " a pattern of 'allow' that matches up to the end of a URL lets it through",
        f"nightdesk runs {tonight.run} --outcome refused",
        {"part": float(stats.traps), "whole": float(stats.seen)},
        is_learnt=False,
    )
