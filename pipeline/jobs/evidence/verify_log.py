"""Verify the log against rows, payloads and texts, and against what others have seen of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.site import Site
from pipeline.core.errors import ConfigError, NightdeskError
from pipeline.evidence import notes
from pipeline.evidence.notes import BadNote
from pipeline.jobs.evidence import derive_again
from pipeline.jobs.progress import ProgressCallback
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import verify_derived, verify_sources
from pipeline.store.maintenance.faults import EVERYTHING, VerifiedCounts
from pipeline.store.maintenance.log_report import LogReport, OutsideView
from pipeline.store.maintenance.verify_log import verify_log


@dataclass(frozen=True, slots=True)
class LogCheck:
    """What to verify of an archive.

    Attributes:
        views: What others have seen of the log.
        check_bytes: Whether to unpack and hash each payload.
        derive: Whether to make texts again and compare them.
        sites: The sites that have a file, for `derive`.
        trusted_keys: Fingerprints of keys that the reader trusts without the old key's signature.
    """

    views: tuple[OutsideView, ...] = ()
    check_bytes: bool = False
    derive: bool = False
    sites: tuple[Site, ...] = ()
    trusted_keys: tuple[str, ...] = ()


def run_log_check(
    database: Database, check: LogCheck, workers: WorkerPool | None, progress: ProgressCallback
) -> LogReport:
    """Verify the log, and more where that is asked for.

    Args:
        database: The archive.
        check: What to verify.
        workers: The processes that extract, for `derive`.
        progress: Receives the progress.
    """
    report = verify_log(database, check.views, progress, trusted_keys=check.trusted_keys)
    counts = VerifiedCounts()
    if check.check_bytes:
        for fault in verify_sources.check_dictionaries(database, counts, progress):
            report.add(None, fault.sentence)
        for fault in verify_sources.check_payloads(database, EVERYTHING, counts, progress):
            report.add(None, fault.sentence)
        report.count("payloads", counts.rows.get("payloads", 0))
    if check.derive:
        for fault in verify_derived.check_results(database, EVERYTHING, counts, progress):
            report.add(None, fault.sentence)
        for fault in verify_derived.check_articles(database, EVERYTHING, counts, progress):
            report.add(None, fault.sentence)
        if workers is not None:
            for sentence in derive_again.extract_again(database, workers, report, progress):
                report.add(None, sentence)
        for sentence in derive_again.apply_rules_again(database, check.sites, report, progress):
            report.add(None, sentence)
    return report


def read_views(sources: Sequence[str]) -> list[OutsideView]:
    """Return what checkpoints say.

    Args:
        sources: Files of checkpoints (notes, or JSON of a witness or of the archive), folders of
            such files, or `SIZE:ROOT` as a night prints it.

    Raises:
        ConfigError: One is none of these.
    """
    views: list[OutsideView] = []
    for source in sources:
        path = Path(source)
        if path.is_dir():
            files = sorted(path.rglob("*.json"))
            if not files:
                raise ConfigError(f"--against {source}: the folder has no checkpoint (*.json)")
            views += [_file_view(file) for file in files]
        elif path.is_file():
            views.append(_file_view(path))
        else:
            views.append(_line_view(source))
    return views


def _file_view(path: Path) -> OutsideView:
    try:
        text = path.read_text(encoding="utf8")
        if text.lstrip().startswith("{"):
            text = str(json.loads(text)["checkpoint"])
        note = notes.parse_note(text)
    except (OSError, ValueError, KeyError, TypeError, NightdeskError) as error:
        raise ConfigError(f"--against {path}: is no checkpoint ({error})") from None
    return OutsideView(str(path), note.size, note.root, note.archive, note.at)


def _line_view(text: str) -> OutsideView:
    size, colon, root = text.removeprefix("Checkpoint").strip().partition(":")
    try:
        if colon and size.isdecimal():
            return OutsideView(text, int(size), notes.from_base64(root))
    except BadNote:
        pass
    raise ConfigError(
        f"--against {text}: names no file, and is no checkpoint like '1234:' and its root"
    )
