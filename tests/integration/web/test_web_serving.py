"""Tests of the command `nightdesk serve`: its messages, its errors and its end."""

from __future__ import annotations

import gzip
import signal
import socket
import urllib.request
from pathlib import Path

from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.web.server import listen
from tests.support.cli import nightdesk, nightdesk_process, running_command


def make_archive(home: Path) -> None:
    (home / "var").mkdir()
    store = Database(f"sqlite:///{home / 'var' / 'nightdesk.db'}")
    migrate.ensure(store, create=True)
    store.close()


def read_page(url: str, encoding: str) -> tuple[bytes, str | None]:
    request = urllib.request.Request(url, headers={"Accept-Encoding": encoding})
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.read(), response.headers["Content-Encoding"]


def test_the_socket_names_its_protocol_so_that_asyncio_sets_nodelay() -> None:
    with listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_serve_prints_its_url_answers_and_ends_on_sigint(home: Path) -> None:
    make_archive(home)
    with running_command(home, "serve", "--port", "0") as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        url = next(word for word in line.split() if word.startswith("http://127.0.0.1:"))
        with urllib.request.urlopen(url, timeout=10) as response:
            assert b"Nightdesk" in response.read()
        plain, encoding = read_page(url, "identity")
        packed, packed_encoding = read_page(url, "gzip")
        assert (encoding, packed_encoding) == (None, "gzip")
        assert gzip.decompress(packed) == plain
        port = url.rstrip("/").rsplit(":", 1)[1]
        second = nightdesk_process(home, "serve", "--port", port)
        assert (second.code, second.out) == (3, "")
        assert second.error_line.startswith(
            f"nightdesk: --port {port}: another program uses this port"
        )
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=10)
        assert (server.returncode, out, err) == (0, "", "")


def test_serve_rejects_a_missing_token_and_an_invalid_origin(home: Path) -> None:
    for arguments, message in (
        (
            ["--token-env", "READERS_TOKEN"],
            "--token-env: the variable READERS_TOKEN of the environment is not set",
        ),
        (["--token-env", "se same"], "--token-env se same: is not the name of a variable"),
        (["--token-env", ""], "--token-env : is not the name of a variable"),
        (["--cors", "*"], "--cors *: is not an origin"),
    ):
        result = nightdesk(home, "serve", *arguments)
        assert (result.code, message in result.error_line) == (3, True), arguments


def test_serve_rejects_a_missing_archive_and_a_foreign_address(home: Path) -> None:
    assert nightdesk_process(home, "serve").code == 4
    make_archive(home)
    result = nightdesk_process(home, "serve", "--host", "192.0.2.1")
    assert (result.code, "--host 192.0.2.1: " in result.error_line) == (3, True)
