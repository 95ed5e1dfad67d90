"""Forget, hide or redact a story, on an order of a court or of its author.

The plan says what would be touched, and changes nothing. All steps hold the locks of the site, so
no crawl and no clean is at work meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.cleaning import redaction
from pipeline.config.regex_safety import check_patterns
from pipeline.core.errors import AlreadyRunning, ConfigError
from pipeline.core.models import RawPage
from pipeline.extract import extract
from pipeline.store.db import locks, run_log, site_counts
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import forget, forget_plan, scrub
from pipeline.store.maintenance.forget import ForgetOrder, NewBody
from pipeline.store.maintenance.forget_plan import ForgetPlan, StoredVersion

LOG_ENDINGS: Final = ("*.log", "*.log.*")
Seal = Callable[[str, bytes], None]
"""Keeps the original bytes of a payload for the operator, by their SHA-256."""


@dataclass(frozen=True, slots=True)
class ForgetPreview:
    """What would be touched.

    Attributes:
        plan: The story.
        sources: Versions of sources that name it.
        matches: How many matches of the pattern its bytes have; 0 without a pattern.
    """

    plan: ForgetPlan
    sources: tuple[StoredVersion, ...] = ()
    matches: int = 0


@dataclass(frozen=True, slots=True)
class ForgetResult:
    """What was done: the leaf of the event, and sentences about what could not be reached."""

    leaf: int
    log_lines: int = 0
    notes: tuple[str, ...] = ()


def preview_forget(database: Database, page_id: int) -> ForgetPreview:
    """Return what `forget` would touch."""
    plan = forget_plan.plan_forget(database, page_id)
    versions = [version for version, _ in _naming_versions(database, plan)]
    return ForgetPreview(plan, tuple(versions))


def preview_hide(database: Database, page_id: int) -> ForgetPreview:
    """Return what hiding would touch."""
    return ForgetPreview(forget_plan.plan_forget(database, page_id))


def preview_redact(database: Database, page_id: int, pattern: str) -> ForgetPreview:
    """Return what redacting would touch.

    Raises:
        ConfigError: The pattern is wrong, matches nothing, or misses text that it matches.
    """
    plan = forget_plan.plan_forget(database, page_id)
    bodies = _redacted_bodies(database, plan, pattern)
    return ForgetPreview(plan, matches=sum(count for _, count in bodies))


def forget_page(
    database: Database, page_id: int, order: ForgetOrder, log_folder: Path | None = None
) -> ForgetResult:
    """Delete a story and all that names it.

    Args:
        database: The archive.
        page_id: A page of the story.
        order: Why.
        log_folder: The folder of the log files, which lose the lines that name it.

    Raises:
        AlreadyRunning: Another command crawls or cleans the site.
        StoreError: The log has a key that is not here.
    """
    with _locked(database, forget_plan.plan_forget(database, page_id)) as plan:
        needles = redaction.needles_of(plan.urls, plan.titles)
        sources: list[NewBody] = []
        for version, body in _naming_versions(database, plan):
            successor = redaction.redact_source(body, needles)
            sources.append(NewBody(version.payload_id, successor))
        leaf = forget.forget_story(database, plan, sources, order)
        site_counts.refresh(database, plan.site)
        notes = scrub.scrub(database)
    lines = _clean_logs(log_folder, needles) if log_folder is not None else 0
    return ForgetResult(leaf, lines, tuple(notes))


def hide_page(database: Database, page_id: int, order: ForgetOrder) -> ForgetResult:
    """Hide a story from readers. `show_page` takes that back."""
    with _locked(database, forget_plan.plan_forget(database, page_id)) as plan:
        leaf = forget.hide_pages(database, plan, order)
        site_counts.refresh(database, plan.site)
    return ForgetResult(leaf)


def show_page(database: Database, page_id: int, order: ForgetOrder) -> ForgetResult:
    """Take back that a story is hidden. The next clean of its site makes its article again."""
    with _locked(database, forget_plan.plan_forget(database, page_id)) as plan:
        return ForgetResult(forget.show_pages(database, plan, order))


def redact_page(
    database: Database, page_id: int, pattern: str, order: ForgetOrder, seal: Seal | None = None
) -> ForgetResult:
    """Put a mark in place of what a pattern matches, in all versions of a story.

    Args:
        database: The archive.
        page_id: A page of the story.
        pattern: A regular expression.
        order: Why.
        seal: Keeps the original bytes; without it they are deleted.

    Raises:
        AlreadyRunning: Another command crawls or cleans the site.
        ConfigError: See `preview_redact`.
    """
    with _locked(database, forget_plan.plan_forget(database, page_id)) as plan:
        bodies = _redacted_bodies(database, plan, pattern)
        if seal is not None:
            for new, _ in bodies:
                original = forget_plan.payload_body(database, new.payload_id)
                seal(forget_plan.payload_digest(database, new.payload_id), original)
        leaf = forget.redact_story(database, plan, [new for new, _ in bodies], order)
        site_counts.refresh(database, plan.site)
        notes = scrub.scrub(database)
    return ForgetResult(leaf, notes=tuple(notes))


@contextmanager
def _locked(database: Database, plan: ForgetPlan) -> Iterator[ForgetPlan]:
    """Hold the locks of the sites of a story, and plan again."""
    with ExitStack() as held:
        for site in sorted({page.site for page in plan.pages}):
            for kind in ("crawl", "clean"):
                try:
                    lock = locks.acquire(database, f"{kind}:{site}")
                except AlreadyRunning:
                    message = run_log.running_message(database, site, kind)
                    raise AlreadyRunning(message) from None
                held.callback(lock.release)
        yield forget_plan.plan_forget(database, plan.pages[0].id)


def _naming_versions(database: Database, plan: ForgetPlan) -> Iterator[tuple[StoredVersion, bytes]]:
    """Yield the versions of sources that name a story, with their bytes."""
    needles = redaction.needles_of(plan.urls, plan.titles)
    for site in sorted({page.site for page in plan.pages}):
        for version in forget_plan.source_versions(database, site):
            try:
                body = forget_plan.payload_body(database, version.payload_id)
            except ValueError:  # damaged bytes cannot be read by anybody
                continue
            if redaction.names_story(body, needles):
                yield version, body


def _redacted_bodies(
    database: Database, plan: ForgetPlan, pattern: str
) -> list[tuple[NewBody, int]]:
    """Return the redacted bytes of all versions of a story that the pattern matches."""
    compiled = _compile(pattern)
    bodies: list[tuple[NewBody, int]] = []
    with database.read() as db:
        charsets = forget_plan.charsets_of(db, plan.payloads)
    for payload_id, charset in charsets.items():
        body = forget_plan.payload_body(database, payload_id)
        redacted, count = redaction.redact_matches(body, charset, compiled)
        if not count:
            redacted = body
        _check_text(redacted, charset, compiled, pattern)
        if count:
            bodies.append((NewBody(payload_id, redacted), count))
    if not bodies:
        raise ConfigError(f"--redact {pattern!r}: matches nothing in the stored bytes of the page")
    return bodies


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        check_patterns([pattern])
        compiled = re.compile(pattern)
    except (ValueError, re.error) as error:
        raise ConfigError(f"--redact: {error}") from None
    if compiled.search(""):
        raise ConfigError(f"--redact {pattern!r}: matches an empty text; write what has to go")
    return compiled


def _check_text(body: bytes, charset: str, compiled: re.Pattern[str], pattern: str) -> None:
    """Refuse a pattern that misses what readers see: markup may stand inside of a name."""
    page = extract(RawPage(0, body, charset, "text/html"))
    texts = [block.text for block in page.blocks]
    texts += [page.metadata.title, page.metadata.description, *page.metadata.authors]
    if any(compiled.search(text) for text in texts):
        raise ConfigError(
            f"--redact {pattern!r}: the text of the page has matches that its bytes do not have in"
            " one piece, because markup or character references stand in between; write a pattern"
            " that also allows for these, or forget the page"
        )


def _clean_logs(folder: Path, needles: Sequence[bytes]) -> int:
    """Delete the lines of log files that name a story, and return how many there were."""
    deleted = 0
    paths = {path for ending in LOG_ENDINGS for path in folder.glob(ending)}
    for path in sorted(paths):
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not redaction.names_story(line, needles)]
        if len(kept) < len(lines):
            deleted += len(lines) - len(kept)
            with path.open("r+b") as stream:  # a process that writes the file keeps it open
                stream.writelines(kept)
                stream.truncate()
    return deleted
