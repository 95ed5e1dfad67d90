"""The command `evidence`: it writes a bundle that its own verifier accepts, or says why not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.core.errors import ExitCode
from pipeline.evidence.bundle_verifier import verify
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from tests.support.archive_factory import SITE, clean, night, url
from tests.support.cli import nightdesk

STORY = url("ferry")
pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def archived(archive: CrawlSession, store: Database, home: Path) -> Path:
    night(archive, {STORY: b"The ferry\nIt sails"})
    clean(store)
    archive.close()
    store.close()
    (home / "var").mkdir()
    shutil.copy(str(store.url.database), home / "var" / "nightdesk.db")
    return home


def test_a_bundle_is_written_and_verified(archived: Path, tmp_path: Path) -> None:
    done = nightdesk(archived, "evidence", STORY, "--out", str(tmp_path / "ferry.wacz"))
    assert done.code == 0
    assert "1 capture" in done.out
    assert any(STORY in sentence for sentence in verify(tmp_path / "ferry.wacz"))


def test_an_absence_is_proven_for_a_site(archived: Path, tmp_path: Path) -> None:
    words = ("evidence", url("never"), "--site", SITE, "--out", str(tmp_path / "never.wacz"))
    assert nightdesk(archived, *words).code == 0
    assert any("not listed" in sentence for sentence in verify(tmp_path / "never.wacz"))


def test_an_unknown_url_needs_a_site(archived: Path) -> None:
    done = nightdesk(archived, "evidence", url("never"))
    assert done.code == ExitCode.CONFIG
    assert "--site" in done.error_line
