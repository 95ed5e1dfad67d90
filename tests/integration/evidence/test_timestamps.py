"""Checkpoints are stamped by a local timestamp authority (openssl ts), and checked later."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import update

from pipeline.evidence import keys
from pipeline.jobs.evidence.timestamps import stamp_checkpoints, stamped_views
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import stamps
from pipeline.store.db.log_schema import TimestampRow
from pipeline.store.maintenance.verify_log import verify_log
from tests.support.archive_factory import night, url
from tests.support.sealed_archive import checkpoint

CONFIG = """
[req]
distinguished_name = name
prompt = no
x509_extensions = authority
[name]
CN = Timestamps of a test
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, digitalSignature, keyCertSign
[stamping]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = stamp
[stamp]
serial = {folder}/serial
signer_cert = {folder}/signer.pem
signer_key = {folder}/signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ordering = yes
"""


class Authority:
    """A timestamp authority at an address, with its certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root.pem"
        self.is_up = True
        self.url = ""

    def openssl(self, *words: str) -> None:
        """Run openssl."""
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=self.folder)

    def make_certificates(self) -> None:
        """Make the root, and the certificate that signs timestamps."""
        config = self.folder / "openssl.cnf"
        config.write_text(CONFIG.format(folder=self.folder))
        (self.folder / "serial").write_text("01\n")
        common = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        self.openssl("req", "-x509", *common, "-keyout", "root.key", "-out", "root.pem",
                     "-config", "openssl.cnf")  # fmt: skip
        self.openssl("req", *common, "-keyout", "signer.key", "-out", "signer.csr",
                     "-subj", "/CN=Signer of a test", "-config", "openssl.cnf")  # fmt: skip
        self.openssl("x509", "-req", "-in", "signer.csr", "-CA", "root.pem", "-CAkey", "root.key",
                     "-CAcreateserial", "-out", "signer.pem", "-days", "9",
                     "-extfile", "openssl.cnf", "-extensions", "stamping")  # fmt: skip

    def reply(self, request: bytes) -> bytes:
        """Return a timestamp."""
        (self.folder / "request").write_bytes(request)
        self.openssl("ts", "-reply", "-queryfile", "request", "-out", "reply",
                     "-config", "openssl.cnf")  # fmt: skip
        return (self.folder / "reply").read_bytes()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """A local authority."""
    authority = Authority(tmp_path_factory.mktemp("tsa"))
    authority.make_certificates()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            body = authority.reply(query) if authority.is_up else b""
            self.send_response(200 if authority.is_up else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    authority.url = f"http://127.0.0.1:{server.server_port}/"
    yield authority
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_checkpoint_is_stamped_and_covers_the_log(
    archive: CrawlSession, store: Database, authority: Authority
) -> None:
    night(archive, {url("a"): b"One"}, datetime.now(UTC))
    view = checkpoint(store, keys.new_key())
    assert stamp_checkpoints(store, [authority.url]) == []
    assert stamp_checkpoints(store, [authority.url]) == []
    (stamped,), problems = stamped_views(store, [authority.root])
    assert not problems
    assert (stamped.size, stamped.root) == (view.size, view.root)
    assert verify_log(store, [stamped]).covered == stamped
    views, unchecked = stamped_views(store, [])
    assert not views
    assert "were not checked" in unchecked[0]


def test_a_token_of_another_authority_or_of_another_checkpoint_is_refused(
    archive: CrawlSession, store: Database, authority: Authority, tmp_path: Path
) -> None:
    night(archive, {url("a"): b"One"}, datetime.now(UTC))
    checkpoint(store, keys.new_key())
    stamp_checkpoints(store, [authority.url])
    other = Authority(tmp_path)
    other.make_certificates()
    views, problems = stamped_views(store, [other.root])
    assert not views
    assert "none of the certificates that you trust" in problems[0]
    with store.read() as db:
        (token,) = stamps.tokens(db)
    night(archive, {url("b"): b"Two"}, datetime.now(UTC))
    checkpoint(store, keys.new_key())
    with store.write() as db:
        db.execute(update(TimestampRow).values(checkpoint_id=2, token=token.token))
    views, problems = stamped_views(store, [authority.root])
    assert not views
    assert "is of something else" in problems[0]


def test_an_authority_that_does_not_answer_is_asked_again_the_next_night(
    archive: CrawlSession, store: Database, authority: Authority
) -> None:
    night(archive, {url("a"): b"One"}, datetime.now(UTC))
    checkpoint(store, keys.new_key())
    authority.is_up = False
    (problem,) = stamp_checkpoints(store, [authority.url])
    assert "the next night tries again" in problem
    authority.is_up = True
    night(archive, {url("b"): b"Two"}, datetime.now(UTC))
    checkpoint(store, keys.new_key())
    assert stamp_checkpoints(store, [authority.url]) == []
    views, _ = stamped_views(store, [authority.root])
    assert len(views) == 2
