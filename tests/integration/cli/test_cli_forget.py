"""The command `forget`: it shows what it would touch, asks, and says what it cannot reach."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from pipeline.core.errors import ExitCode
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from tests.support.archive_factory import clean, night, one, url
from tests.support.cli import CommandResult, nightdesk

STORY = url("dray")
REASON = ("--reason", "order 7")
pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def archived(archive: CrawlSession, store: Database, home: Path) -> Path:
    night(
        archive, {STORY: b"Dray is fined\nMartin Dray pays", url("ferry"): b"The ferry\nIt sails"}
    )
    clean(store)
    archive.close()
    store.close()
    (home / "var").mkdir()
    shutil.copy(str(store.url.database), home / "var" / "nightdesk.db")
    return home


def query(home: Path, statement: str) -> object:
    store = Database(f"sqlite:///{home / 'var' / 'nightdesk.db'}")
    try:
        return one(store, statement)
    finally:
        store.close()


def forget(home: Path, *words: str) -> CommandResult:
    return nightdesk(home, "forget", STORY, *REASON, *words)


def test_a_dry_run_names_what_it_would_touch(archived: Path) -> None:
    shown = forget(archived, "--dry-run")
    assert shown.code == 0
    assert STORY in shown.out
    assert "1 captures" in shown.out
    assert "nothing was changed" in shown.out
    assert query(archived, "SELECT count(*) FROM articles") == 2


def test_forget_names_the_copies_that_it_cannot_reach(archived: Path) -> None:
    done = forget(archived, "--yes")
    assert done.code == 0
    assert "Backups" in done.out
    assert query(archived, "SELECT count(*) FROM articles") == 1
    shown = nightdesk(archived, "show", STORY)
    assert shown.code != 0
    assert "taken_down" in shown.err


@pytest.mark.parametrize(
    "words",
    [
        ("--hide", "--show"),
        ("--hide", "--redact", "x"),
        ("--seal-to", "cert.pem"),
        ("--redact", "nobody"),
    ],
)
def test_wrong_options_change_nothing(archived: Path, words: tuple[str, ...]) -> None:
    assert forget(archived, "--yes", *words).code == ExitCode.CONFIG
    assert query(archived, "SELECT count(*) FROM articles") == 2


def test_a_reason_must_not_name_the_story(archived: Path) -> None:
    refused = nightdesk(archived, "forget", STORY, "--reason", "Dray is fined", "--yes")
    assert refused.code == ExitCode.CONFIG
    assert "--reason" in refused.error_line


def test_original_bytes_can_be_encrypted_to_a_certificate(archived: Path, tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    folder = tmp_path / "sealed"
    words = ("--redact", "Martin Dray", "--seal-to", str(certificate), "--seal-folder", str(folder))
    assert forget(archived, "--yes", *words).code == 0
    (sealed,) = folder.iterdir()
    command = ("openssl", "cms", "-decrypt", "-inform", "DER", "-in", sealed, "-inkey", key)
    opened = subprocess.run(command, check=True, capture_output=True).stdout
    assert opened == b"Dray is fined\nMartin Dray pays"


def write_certificate(folder: Path) -> tuple[Path, Path]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "operator")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(1))
    certificate = builder.sign(key, SHA256())
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


def test_redact_makes_the_article_again(archived: Path) -> None:
    site = 'name = "Courier"\nurl = "https://courier.example/"\nfeeds = ["https://courier.example/feed"]\n'
    (archived / "config" / "sites" / "courier.toml").write_text(site)
    done = forget(archived, "--yes", "--redact", "Martin Dray")
    assert done.code == 0, done.err
    assert "makes the article again" not in done.out
    assert query(archived, "SELECT count(*) FROM page WHERE needs_clean") == 0
