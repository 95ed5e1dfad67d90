"""`nightdesk serve` as a command: what it says, what it refuses, how it ends."""

from __future__ import annotations

import signal
import socket
import urllib.request
from pathlib import Path

from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from tests.support.cli import nightdesk, nightdesk_process, running_command


def test_it_says_where_it_is_answers_there_and_ends_in_order(home: Path) -> None:
    store = Database(f"sqlite:///{home / 'var' / 'nightdesk.db'}")
    (home / "var").mkdir()
    migrate.ensure(store, create=True)
    store.close()
    with running_command(home, "serve", "--port", "0") as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        address = next(word for word in line.split() if word.startswith("http://127.0.0.1:"))
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert b"Nightdesk" in answer.read()
        port = address.rstrip("/").rsplit(":", 1)[1]
        second = nightdesk_process(home, "serve", "--port", port)
        assert (second.code, second.out) == (3, "")
        assert second.error_line.startswith(
            f"nightdesk: --port {port}: another program listens there already"
        )
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=10)
        assert (server.returncode, out, err) == (0, "", "")


def test_a_token_that_is_not_there_and_an_origin_that_is_none_are_one_sentence(home: Path) -> None:
    for words, sentence in (
        (
            ["--token-env", "READERS_TOKEN"],
            "--token-env: the variable READERS_TOKEN of the environment is not set",
        ),
        (["--token-env", "se same"], "--token-env se same: is not the name of a variable"),
        (["--token-env", ""], "--token-env : is not the name of a variable"),
        (["--cors", "*"], "--cors *: is not an origin"),
    ):
        refused = nightdesk(home, "serve", *words)
        assert (refused.code, sentence in refused.error_line) == (3, True), words


def test_where_there_is_no_archive_or_no_such_address_it_says_so(home: Path) -> None:
    assert nightdesk_process(home, "serve").code == 4
    (home / "var").mkdir()
    migrate.ensure(store := Database(f"sqlite:///{home / 'var' / 'nightdesk.db'}"), create=True)
    store.close()
    with socket.create_server(("127.0.0.1", 0)):
        refused = nightdesk_process(home, "serve", "--host", "192.0.2.1")
    assert (refused.code, "--host 192.0.2.1: " in refused.error_line) == (3, True)
