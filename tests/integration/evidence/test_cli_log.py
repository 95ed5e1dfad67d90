"""`keys`, `log`, `prove`, `witness` and `verify --log` on one archive."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text

from pipeline.config.settings import load_settings
from pipeline.core.errors import ExitCode
from pipeline.jobs.evidence.checkpoints import bundle, finish_with_checkpoint
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from tests.support.archive_factory import Reply, clean, night, url
from tests.support.cli import nightdesk


@pytest.fixture
def archive_home(home: Path) -> Path:
    """A home with one night in its archive, and a key."""
    add_night(home, {"a": "Story a", "b": "Story b"})
    assert nightdesk(home, "keys").code == 0
    return home


def database_of(home: Path) -> Database:
    store = Database(load_settings(home).database_url)
    migrate.ensure(store)
    return store


def add_night(home: Path, stories: dict[str, str]) -> None:
    store = database_of(home)
    replies: dict[str, bytes | Reply] = {}
    for name, body in stories.items():
        replies[url(name)] = body.encode()
    night(CrawlSession(store), replies, datetime.now(UTC))
    clean(store)
    store.close()


def checkpoint(home: Path) -> str:
    store = database_of(home)
    result = finish_with_checkpoint(load_settings(home), store)
    store.close()
    assert not result.errors
    return result.line


@contextmanager
def served(home: Path) -> Iterator[str]:
    """Serve `/api/checkpoints` of the archive."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            after = int(parse_qs(urlsplit(self.path).query)["after"][0])
            store = database_of(home)
            body = json.dumps(bundle(store, after)).encode()
            store.close()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_key_is_a_private_file_that_the_log_names(archive_home: Path) -> None:
    file = archive_home / "var" / "signing-key.pem"
    assert file.stat().st_mode & 0o777 == 0o600
    shown = nightdesk(archive_home, "keys", "--json").json
    state = nightdesk(archive_home, "log", "--json").json
    assert state["fingerprint"] == shown["fingerprint"]
    assert state["checkpoint"].count("— nightdesk/") == 1
    assert [event["kind"] for event in state["events"]] == ["adopt", "key"]


def test_a_rotated_key_is_signed_by_the_old_one_and_a_lost_one_has_to_be_trusted(
    archive_home: Path,
) -> None:
    assert nightdesk(archive_home, "keys", "--rotate").code == 0
    line = checkpoint(archive_home)
    assert nightdesk(archive_home, "verify", "--log", "--against", line).code == 0
    (archive_home / "var" / "signing-key.pem").unlink()
    refused = nightdesk(archive_home, "keys")
    assert refused.code == ExitCode.CONFIG
    assert "--lost" in refused.err
    new = nightdesk(archive_home, "keys", "--lost", "--reason", "a broken disk", "--json").json
    untrusted = nightdesk(archive_home, "verify", "--log")
    assert untrusted.code == ExitCode.PARTLY
    assert "the old key did not sign that (a broken disk)" in untrusted.err
    trusted = nightdesk(archive_home, "verify", "--log", "--trust-key", new["fingerprint"])
    assert trusted.code == 0, trusted.err


def test_verify_names_what_was_changed_and_until_when_the_log_is_covered(
    archive_home: Path,
) -> None:
    line = checkpoint(archive_home)
    add_night(archive_home, {"c": "Story c"})
    whole = nightdesk(archive_home, "verify", "--log", "--bytes", "--against", line)
    assert whole.code == 0, whole.err
    assert "Covered from outside up to leaf" in whole.out
    assert "All of it fits." in whole.out
    store = database_of(archive_home)
    with store.write() as db:
        db.execute(text("UPDATE capture SET status = 203 WHERE id = 1"))
    store.close()
    changed = nightdesk(archive_home, "verify", "--log", "--against", line)
    assert changed.code == ExitCode.PARTLY
    assert (
        f"the capture of {url('b')}" in changed.err or f"the capture of {url('a')}" in changed.err
    )


@pytest.mark.parametrize(
    "words",
    [
        ("--against", "9:x"),
        ("--log", "--against", "no-such-file"),
        ("--log", "--repair"),
        ("--bytes",),
    ],
)
def test_verify_refuses_options_that_say_nothing(
    archive_home: Path, words: tuple[str, ...]
) -> None:
    assert nightdesk(archive_home, "verify", *words).code == ExitCode.CONFIG


def test_prove_shows_captures_and_absence(archive_home: Path) -> None:
    proofs = nightdesk(archive_home, "prove", url("a"), "--json").json
    (capture,) = proofs["captures"]
    assert capture["fields"]["url"] == url("a")
    assert proofs["checkpoint"].startswith("nightdesk/")
    absent = nightdesk(archive_home, "prove", url("never"), "--run", "1")
    assert "is not in the ledger of this run" in absent.out
    listed = nightdesk(archive_home, "prove", url("a"), "--run", "1")
    assert f"{url('a')}: fetched new" in listed.out
    assert nightdesk(archive_home, "prove", url("never")).code == ExitCode.CONFIG


def test_a_witness_follows_the_log_and_tells_a_fork(archive_home: Path, tmp_path: Path) -> None:
    folder = str(tmp_path / "witness")
    backup = tmp_path / "backup.db"
    file = database_of(archive_home).file
    assert file is not None
    with served(archive_home) as address:
        words = (address, "--folder", folder)
        assert "seen for the first time" in nightdesk(archive_home, "witness", *words).out
        shutil.copy(file, backup)
        add_night(archive_home, {"c": "Story c"})
        checkpoint(archive_home)
        assert "extends the" in nightdesk(archive_home, "witness", *words).out
        assert "nothing new" in nightdesk(archive_home, "witness", *words).out
        seen = nightdesk(archive_home, "verify", "--log", "--against", folder)
        assert seen.code == 0, seen.err
        shutil.copy(backup, file)
        rewound = nightdesk(archive_home, "witness", *words)
        assert rewound.code == ExitCode.PARTLY
        assert "it was rewound" in rewound.err
        declared = nightdesk(archive_home, "log", "restore", "--reason", "the disk failed")
        assert declared.code == 0, declared.err
        shown = nightdesk(archive_home, "witness", *words)
        assert shown.code == 0, shown.err
        assert "as declared on" in shown.out
        assert "the disk failed" in shown.out
        shutil.copy(backup, file)
        for name in ("d", "e", "f"):
            add_night(archive_home, {name: f"Story {name}"})
        checkpoint(archive_home)
        fork = nightdesk(archive_home, "witness", *words)
        assert "it is a fork" in fork.err


def test_a_witness_reads_the_checkpoint_folder(archive_home: Path, tmp_path: Path) -> None:
    settings = archive_home / "config" / "nightdesk.toml"
    folder = tmp_path / "checkpoints"
    settings.write_text(settings.read_text() + f'checkpoint_folder = "{folder}"\n')
    for name in ("c", "d"):
        add_night(archive_home, {name: f"Story {name}"})
        checkpoint(archive_home)
    words = ("witness", str(folder), "--folder", str(tmp_path / "witness"), "--json")
    rows = nightdesk(archive_home, *words).json
    assert [row["is_new"] for row in rows] == [True, True]
    note = json.loads(Path(rows[-1]["file"]).read_text())["checkpoint"]
    assert note.count("\n— ") == 2  # the archive's signature and the witness's


def test_a_copy_has_its_own_id_and_a_handed_over_archive_keeps_it(
    archive_home: Path, tmp_path: Path
) -> None:
    source = load_settings(archive_home).database_url
    line = checkpoint(archive_home)
    before = nightdesk(archive_home, "log", "--json").json["archive"]
    copy = f"sqlite:///{tmp_path / 'copy.db'}"
    moved = f"sqlite:///{tmp_path / 'moved.db'}"
    done = nightdesk(archive_home, "--database-url", copy, "import", "--from", source)
    assert done.code == 0, done.err
    assert (
        nightdesk(archive_home, "--database-url", copy, "log", "--json").json["archive"] != before
    )
    words = ("import", "--from", source, "--hand-over")
    assert nightdesk(archive_home, "--database-url", moved, *words).code == 0
    assert (
        nightdesk(archive_home, "--database-url", moved, "log", "--json").json["archive"] == before
    )
    for address in (copy, moved):
        words = ("--database-url", address, "verify", "--log", "--against", line)
        verified = nightdesk(archive_home, *words)
        assert verified.code == 0, verified.err
    store = Database(source)
    with pytest.raises(Exception, match="handed over to"):
        CrawlSession(store).start_run("courier")
    store.close()
