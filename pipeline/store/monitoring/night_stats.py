"""Nights in numbers as rows: reckoned from the ledger and from what stands of the stories, once a night is over.

Promises that a row follows from the ledger and can be made again from it, that only nights which are over have one, and that
reading a Site's past costs one query, however long its ledgers are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import Connection, Text, and_, case, cast, func, or_, select

from pipeline.core.models import Outcome, Reason, ResultStatus, UrlKind
from pipeline.monitoring.issues import IssueKind
from pipeline.monitoring.night_stats import NightStats, SourceStats
from pipeline.monitoring.night_stats import Night as Told
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import (
    ArticleRow,
    CaptureRow,
    CleanResultRow,
    ContainerRow,
    IssueRow,
    LedgerEntryRow,
    NightStatsRow,
    PageRow,
    RevisionRow,
    RunRow,
)
from pipeline.store.db.sql import upsert

VERSION = 1  # of what is reckoned
MAX_NIGHTS = 120  # nights that are read, and made again
TURNED_AWAY = (401, 403, 429, 451, 503)
EXTERNAL_DATE_SOURCES = (
    "",
    "feed",
    "sitemap",
    "url",
    "htmldate",
)  # sources of dates that the page does not tell itself
REPLACEMENT_CHARACTER = "\ufffd"
MAX_SOURCES = 60
MAX_VALUES = 12  # reasons, charsets


def compute_night_stats(store: Database, site: str) -> int:
    """Makes the rows of the Site's newest nights that have none, or that a clean has added to. Returns how many it made."""
    made = 0
    with store.read() as db:
        wanted = _wanted(db, site)
    for run, clean, until in wanted:
        with store.write() as db:
            figures = _figures(db, site, run, until)
            row = {
                "run_id": run,
                "clean_run_id": clean,
                "version": VERSION,
                "stats": figures.to_json(),
            }
            db.execute(
                upsert(db, NightStatsRow, ["run_id"], ["clean_run_id", "version", "stats"]), row
            )
        made += 1
    return made


def load_nights(store: Database, site: str, limit: int = MAX_NIGHTS) -> tuple[Told, ...]:
    """The Site's newest nights, oldest first, each with what it was accused of."""
    columns = (
        RunRow.id,
        RunRow.site,
        RunRow.started_at,
        RunRow.status,
        RunRow.detail,
        NightStatsRow.stats,
    )
    query = (
        select(*columns)
        .join(NightStatsRow, NightStatsRow.run_id == RunRow.id)
        .where(RunRow.site == site, RunRow.kind == "crawl")
    )
    with store.read() as db:
        rows = db.execute(query.order_by(RunRow.id.desc()).limit(limit)).all()[::-1]
        accusations = _accusations(db, site, rows[0].started_at) if rows else []
    return tuple(
        Told(
            row.id, row.site, row.started_at, row.status, NightStats.from_json(row.stats), row.detail,
            frozenset(kind for kind, since, until in accusations if since <= row.started_at < until),
        )
        for row in rows
    )  # fmt: skip


def _accusations(
    db: Connection, site: str, since: datetime
) -> list[tuple[IssueKind, datetime, datetime]]:
    """Findings that nobody accepted: (kind, first night, first night without it)."""
    query = select(IssueRow.kind, IssueRow.opened_at, IssueRow.closed_at).where(
        IssueRow.site == site, ~IssueRow.accepted
    )
    rows = db.execute(query.where(or_(IssueRow.closed_at.is_(None), IssueRow.closed_at >= since)))
    never = datetime.max.replace(tzinfo=since.tzinfo)
    return [
        (IssueKind(row.kind), row.opened_at, row.closed_at or never)
        for row in rows
        if row.kind in set(IssueKind)
    ]


def _wanted(db: Connection, site: str) -> list[tuple[int, int, int]]:
    """Crawls that are over and have no row that holds: (run, its last clean, the next crawl or 0), oldest first. None of them
    went back in time: no night could be compared with such a one."""
    query = select(
        RunRow.id,
        RunRow.kind,
        RunRow.finished_at,
        RunRow.scope,
        RunRow.pruned_at,
        NightStatsRow.clean_run_id,
        NightStatsRow.version,
    )
    query = query.outerjoin(NightStatsRow, NightStatsRow.run_id == RunRow.id).where(
        RunRow.site == site, RunRow.kind.in_(("crawl", "clean"))
    )
    # a crawl has about one clean, a back-filled Site more
    rows = db.execute(query.order_by(RunRow.id.desc()).limit(3 * MAX_NIGHTS)).all()
    wanted, cleaned, following = [], 0, 0
    for row in rows:
        if row.kind == "clean":
            cleaned = max(cleaned, row.id if row.finished_at else 0)
            continue
        counts = (
            row.finished_at and not row.scope and not row.pruned_at
        )  # what a ledger said that was let go of stays said
        if counts and (row.version != VERSION or (row.clean_run_id < cleaned and not following)):
            wanted.append((row.id, cleaned, following))
        cleaned, following = 0, row.id
    return wanted[:MAX_NIGHTS][::-1]


def _figures(db: Connection, site: str, run: int, until: int) -> NightStats:
    crawl = _crawl(db, run)
    stories = _stories(db, run)
    cleans = select(RunRow.counts).where(
        RunRow.site == site, RunRow.kind == "clean", RunRow.id > run
    )
    counts = sum(
        map(Counter, db.scalars(cleans.where(RunRow.id < until) if until else cleans)),
        Counter[str](),
    )
    started, finished = db.execute(
        select(RunRow.started_at, RunRow.finished_at).where(RunRow.id == run)
    ).one()
    seconds = round((finished - started).total_seconds()) if finished else 0
    charsets = Counter({row[0]: row[1] for row in db.execute(_charsets(run))})
    return NightStats(
        **crawl, **stories, revised=counts[Outcome.REVISED], held=counts[Outcome.HELD],
        in_new_layout=min(_unplaced(db, site, started), stories["articles"]), seconds=seconds,
        charsets=dict(charsets.most_common(MAX_VALUES)), sources=tuple(_places(db, run)),
    )  # fmt: skip


def _crawl(db: Connection, run: int) -> dict[str, Any]:
    entry = (LedgerEntryRow.outcome, LedgerEntryRow.reason, LedgerEntryRow.status)
    query = select(*entry, func.count(), func.sum(LedgerEntryRow.bytes)).where(
        LedgerEntryRow.run_id == run
    )
    query = (
        query.join(PageRow, PageRow.id == LedgerEntryRow.page_id)
        .where(PageRow.kind == UrlKind.STORY)
        .group_by(*entry)
    )
    outcomes, failures = Counter[str](), Counter[str]()
    new, turned_away, size = 0, 0, 0
    for outcome, reason, status, number, weight in db.execute(query):
        outcomes[outcome] += number
        size += int(weight or 0)
        new += number if (outcome, reason) == (Outcome.FETCHED, Reason.NEW) else 0
        if outcome == Outcome.FAILED:
            failures[reason] += number
            turned_away += number if status in TURNED_AWAY else 0
    asked = (Outcome.FETCHED, Outcome.UNCHANGED, Outcome.REDIRECTED, Outcome.GONE, Outcome.FAILED)
    plain = ("known", "refused", "deferred", "unchanged", "redirected", "gone", "failed")
    times = select(LedgerEntryRow.elapsed_ms).where(
        LedgerEntryRow.run_id == run, LedgerEntryRow.elapsed_ms > 0
    )
    answers = db.scalars(times.order_by(LedgerEntryRow.elapsed_ms)).all()
    return {
        **{name: outcomes[name] for name in plain},
        "seen": outcomes.total(),
        "requested": sum(outcomes[each] for each in asked),
        "new": new,
        "changed": outcomes[Outcome.FETCHED] - new,
        "turned_away": turned_away,
        "bytes": size,
        "failures": dict(failures.most_common(MAX_VALUES)),
        "median_ms": answers[len(answers) // 2] if answers else 0,
    }


def _stories(db: Connection, run: int) -> dict[str, Any]:
    """What became of the stories that were new: of the bytes that the Page has now."""
    stands = and_(
        CleanResultRow.page_id == PageRow.id, CleanResultRow.payload_id == PageRow.payload_id
    )
    query = select(
        PageRow.id, CleanResultRow.outcome, CleanResultRow.reason, ArticleRow.page_id.label("article"), ArticleRow.published_at,
        ArticleRow.published_source, cast(ArticleRow.authors, Text).label("authors"), ArticleRow.word_count,
        CleanResultRow.removed.label("struck"), case((RevisionRow.text.contains(REPLACEMENT_CHARACTER), 1), else_=0).label("garbled"),
    )  # fmt: skip
    query = query.join(LedgerEntryRow, LedgerEntryRow.page_id == PageRow.id)
    query = query.join(CleanResultRow, and_(stands, CleanResultRow.status == ResultStatus.ACCEPTED))
    query = query.outerjoin(ArticleRow, ArticleRow.page_id == PageRow.id).outerjoin(
        RevisionRow, RevisionRow.id == ArticleRow.revision_id
    )
    new = and_(LedgerEntryRow.outcome == Outcome.FETCHED, LedgerEntryRow.reason == Reason.NEW)
    rows = db.execute(
        query.where(LedgerEntryRow.run_id == run, PageRow.kind == UrlKind.STORY, new)
    ).all()
    articles = [row for row in rows if row.article is not None]
    reasons = Counter(row.reason or row.outcome for row in rows if row.article is None)
    return {
        "cleaned": len(rows),
        "articles": len(articles),
        "with_own_date": sum(
            row.published_at is not None and row.published_source not in EXTERNAL_DATE_SOURCES
            for row in articles
        ),
        "with_date": sum(row.published_at is not None for row in articles),
        "with_author": sum(row.authors != "[]" for row in articles),
        "garbled": sum(row.garbled for row in articles),
        "median_words": round(median(row.word_count for row in articles)) if articles else 0,
        "removed_blocks": sum(len(row.struck) for row in articles),
        "reasons": dict(reasons.most_common(MAX_VALUES)),
    }


def _unplaced(db: Connection, site: str, since: datetime) -> int:
    """Stories whose text stands, for the most part, in containers that were first seen in this night."""
    query = select(func.sum(ContainerRow.main_pages)).where(
        ContainerRow.site == site, ContainerRow.first_main_at >= since
    )
    return int(db.scalar(query) or 0)


def _charsets(run: int) -> Any:
    query = select(CaptureRow.charset, func.count()).join(PageRow, PageRow.id == CaptureRow.page_id)
    query = query.where(
        CaptureRow.run_id == run, PageRow.kind == UrlKind.STORY, CaptureRow.payload_id.is_not(None)
    )
    return query.group_by(CaptureRow.charset)


def _places(db: Connection, run: int) -> Iterable[SourceStats]:
    columns = (
        PageRow.url,
        PageRow.kind,
        LedgerEntryRow.outcome,
        LedgerEntryRow.reason,
        LedgerEntryRow.status,
        LedgerEntryRow.links,
    )
    query = select(*columns).join(PageRow, PageRow.id == LedgerEntryRow.page_id)
    query = (
        query.where(LedgerEntryRow.run_id == run, PageRow.kind != UrlKind.STORY)
        .order_by(PageRow.id)
        .limit(MAX_SOURCES)
    )
    for row in db.execute(query):
        yield SourceStats(
            row.url,
            row.kind,
            row.outcome,
            row.reason,
            row.status or 0,
            -1 if row.links is None else row.links,
        )
