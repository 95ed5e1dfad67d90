"""A watch tells each match, and twice only where the program ended while it sent a message."""

from __future__ import annotations

import hashlib
import hmac
import json
import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.settings import Settings
from pipeline.config.watch import Watch
from pipeline.core.errors import ConfigError, ExitCode
from pipeline.jobs.watches import deliver, messages
from pipeline.jobs.watches.deliver import tell_watches
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import locks
from pipeline.store.db.engine import Database
from pipeline.store.monitoring import watches as watch_store
from tests.support.archive_factory import DAY, NIGHT, do, night, one, rows, url
from tests.support.cli import nightdesk
from tests.support.reclean_factory import PARAGRAPHS, reclean, site

MAIL = "mailtos://editor:secret@example.org"
NIGHTS = 10


class Mail:
    """Takes messages to people; fails or dies when told to."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []
        self.fails = False
        self.dies_before = self.dies_after = False

    def __call__(self, _address: str, title: str, text: str) -> bool:
        if self.dies_before:
            raise SystemExit
        if self.fails:
            return False
        self.messages.append((title, text))
        if self.dies_after:
            raise SystemExit
        return True

    def told(self) -> Counter[str]:
        """Return how often each URL was told."""
        lines = Counter[str]()
        for _, text in self.messages:
            lines.update(line for line in text.splitlines() if line.startswith("https://"))
        return lines


class Hook(HTTPServer):
    """A webhook that records what it gets."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"webhook+http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.requests.append((dict(self.headers), body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def watching(*to: str, **more: Any) -> Settings:
    values = {"name": "ferries", "query": "ferries", "to": list(to), "secret": "key"} | more
    return Settings(watch=[Watch(**values)])


def at(number: int) -> datetime:
    return NIGHT + number * DAY


def story(number: int) -> str:
    """Return a story of which no other story has a line."""
    lines = [f"{line} That was night {number}." for line in PARAGRAPHS]
    return "\n".join((f"The ferries, part {number}", *lines))


def publish(store: Database, archive: CrawlSession, number: int) -> str:
    """Archive a new story in a night, as if that night were now."""
    address = url(f"story-{number}")
    night(archive, {address: story(number).encode()}, at(number))
    reclean(store, site())
    archive_id = one(store, "SELECT id FROM page WHERE url = :url", url=address)
    set_time = "UPDATE article SET archived_at = :at WHERE page_id = :id"
    value = at(number).strftime("%Y-%m-%d %H:%M:%S.%f") + ("" if store.is_sqlite else "+00")
    if not store.is_sqlite:
        set_time = set_time.replace(":at", "CAST(:at AS timestamptz)")
    do(store, set_time, at=value, id=archive_id)
    return address


def test_each_match_is_told_over_ten_nights_and_twice_only_after_a_kill(
    store: Database, archive: CrawlSession
) -> None:
    mail, settings = Mail(), watching(MAIL)
    expected: list[str] = []
    problems: list[str] = []
    for number in range(NIGHTS):
        expected.append(publish(store, archive, number))
        mail.fails = number == 2
        mail.dies_after = number == 5
        try:
            problems += tell_watches(settings, store, at(number), mail)
        except SystemExit:
            assert number == 5
        mail.dies_after = False
        problems += tell_watches(settings, store, at(number), mail)  # again at once
        mail.fails = False
    # night 5 ended after the mail was taken and before that was recorded
    assert mail.told() == Counter([*expected, expected[5]])
    repeated = [text for _, text in mail.messages if text.startswith(messages.MAYBE_SENT)]
    assert len(repeated) == 1
    assert expected[5] in repeated[0]
    assert [problem for problem in problems if "tries again" in problem]
    assert not any("secret" in problem for problem in problems)
    assert rows(store, "SELECT id FROM watch_message WHERE sent_at IS NULL") == []
    assert tell_watches(settings, store, at(NIGHTS), mail) == ()


@pytest.mark.parametrize("engine", ["sqlite"])
def test_what_a_killed_night_has_found_is_told_by_the_next_one(
    store: Database, archive: CrawlSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail, settings = Mail(), watching(MAIL)
    address = publish(store, archive, 0)

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(watch_store, "unsent_messages", die)
        with pytest.raises(SystemExit):
            tell_watches(settings, store, at(0), mail)
    assert mail.messages == []
    assert tell_watches(settings, store, at(1), mail) == ()
    assert mail.told() == Counter([address])


def tell_and_die(address: str, settings: Settings, mails: Path, *, dies_first: bool) -> None:
    """Tell the watches in a process of its own, and be killed while a mail is sent."""

    def send(_address: str, _title: str, text: str) -> bool:
        if not dies_first:
            mails.write_text(text, encoding="utf8")
        os.kill(os.getpid(), signal.SIGKILL)
        return True

    tell_watches(settings, Database(address), at(0), send)


@pytest.mark.parametrize("dies_first", [True, False])
def test_no_mail_is_lost_by_a_kill_while_it_is_sent(
    store: Database, archive: CrawlSession, tmp_path: Path, *, dies_first: bool
) -> None:
    mail, settings, mails = Mail(), watching(MAIL), tmp_path / "mails"
    address = publish(store, archive, 0)
    url = store.url.render_as_string(hide_password=False)
    process = multiprocessing.get_context("fork").Process(
        target=tell_and_die, args=(url, settings, mails), kwargs={"dies_first": dies_first}
    )
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    assert mails.exists() is not dies_first
    assert tell_watches(settings, store, at(1), mail) == ()
    assert mail.told() == Counter([address])
    assert mail.messages[0][1].startswith(messages.MAYBE_SENT)
    assert tell_watches(settings, store, at(2), mail) == ()
    assert len(mail.messages) == 1


def test_a_night_that_runs_beside_another_one_leaves_its_matches_to_it(
    store: Database, archive: CrawlSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail, settings = Mail(), watching(MAIL)
    monkeypatch.setattr(deliver, "LOCK_SECONDS", 0)
    address = publish(store, archive, 0)
    lock = locks.acquire(store, deliver.LOCK)
    assert tell_watches(settings, store, at(0), mail) == ()
    assert mail.messages == []
    lock.release()
    assert tell_watches(settings, store, at(0), mail) == ()
    assert mail.told() == Counter([address])


def test_two_nights_at_once_tell_each_match_once(store: Database, archive: CrawlSession) -> None:
    mail, settings = Mail(), watching(MAIL)
    addresses = [publish(store, archive, number) for number in range(2)]
    other = Database(store.url.render_as_string(hide_password=False))
    nights = [
        threading.Thread(target=tell_watches, args=(settings, database, at(1), mail))
        for database in (store, other)
    ]
    for thread in nights:
        thread.start()
    for thread in nights:
        thread.join(30)
    other.close()
    assert mail.told() == Counter(addresses)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_webhook_gets_each_message_at_least_once_signed_and_with_the_same_id(
    store: Database, archive: CrawlSession, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = watching(hook.url)
    address = publish(store, archive, 0)

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(watch_store, "end_message", die)  # after it was sent
        with pytest.raises(SystemExit):
            tell_watches(settings, store, at(0))
    hook.status = 500
    assert len(tell_watches(settings, store, at(0))) == 1
    hook.status = 204
    assert tell_watches(settings, store, at(1)) == ()
    assert tell_watches(settings, store, at(2)) == ()
    assert len(hook.requests) == 3
    assert len({headers["X-Nightdesk-Delivery"] for headers, _ in hook.requests}) == 1
    for headers, body in hook.requests:
        expected = hmac.new(b"key", body, hashlib.sha256).hexdigest()
        assert headers["X-Nightdesk-Signature"] == f"sha256={expected}"
        document = json.loads(body)
        assert [match["url"] for match in document["matches"]] == [address]
        assert (document["watch"], document["query"]) == ("ferries", "ferries")


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_failed_address_does_not_hold_up_the_others(
    store: Database, archive: CrawlSession, hook: Hook
) -> None:
    mail, settings = Mail(), watching(MAIL, hook.url)
    address = publish(store, archive, 0)
    mail.fails = True
    (problem,) = tell_watches(settings, store, at(0), mail)
    assert "address 1" in problem
    assert len(hook.requests) == 1
    mail.fails = False
    assert tell_watches(settings, store, at(0), mail) == ()
    assert (mail.told(), len(hook.requests)) == (Counter([address]), 1)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_weekly_watch_tells_the_matches_of_a_week_together(
    store: Database, archive: CrawlSession
) -> None:
    mail, settings = Mail(), watching(MAIL, every="week")
    expected = []
    for number in range(9):
        expected.append(publish(store, archive, number))
        assert tell_watches(settings, store, at(number) + timedelta(minutes=1), mail) == ()
    assert len(mail.messages) == 2
    assert mail.told() == Counter(expected[:8])


@pytest.mark.parametrize("engine", ["sqlite"])
def test_changes_are_told_only_where_they_are_asked_for(
    store: Database, archive: CrawlSession
) -> None:
    mail, only_new = Mail(), Mail()
    publish(store, archive, 0)
    tell_watches(watching(MAIL, changes=True), store, at(0), mail)
    tell_watches(watching(MAIL, name="new"), store, at(0), only_new)
    edited = story(0).replace("at 3 and", "at 7 and")
    night(archive, {url("story-0"): edited.encode()}, at(1))
    reclean(store, site())
    tell_watches(watching(MAIL, changes=True), store, at(1), mail)
    tell_watches(watching(MAIL, name="new"), store, at(1), only_new)
    assert len(only_new.messages) == 1
    assert len(mail.messages) == 2
    title, text = mail.messages[1]
    assert title.startswith("Nightdesk, ferries: ")
    assert "change" in title
    assert "number: The ferries, part 0" in text
    assert text.splitlines()[2:4] == ["- 3", "+ 7"]


@pytest.mark.parametrize("engine", ["sqlite"])
def test_another_query_begins_anew_and_old_stories_are_not_new(
    store: Database, archive: CrawlSession
) -> None:
    mail = Mail()
    old = publish(store, archive, 0)
    assert tell_watches(watching(MAIL), store, at(5), mail) == ()
    assert mail.messages == []
    new = publish(store, archive, 6)
    tell_watches(watching(MAIL, query="harbour"), store, at(6), mail)
    assert mail.told() == Counter([new])
    assert old not in mail.told()


def test_wrong_watches_are_refused_in_a_sentence(home: Path) -> None:
    settings = home / "config" / "nightdesk.toml"
    start = settings.read_text(encoding="utf8")
    for text, sentence in (
        ('[[watch]]\nname = "a"\nquery = "ferry"\n', "'watch.to' is missing"),
        ('[[watch]]\nname = "a"\nquery = "ferry"\nto = []\n', "'watch.to'"),
        ('[[watch]]\nname = "a"\nquery = "f"\nto = ["webhook+https://e.org"]\n', "needs 'secret'"),
        ('[[watch]]\nname = "a"\nquery = "f"\nto = ["x"]\nevry = "week"\n', "watch.evry"),
        (2 * '[[watch]]\nname = "a"\nquery = "f"\nto = ["x"]\n', "two watches are named 'a'"),
    ):
        settings.write_text(start + text, encoding="utf8")
        result = nightdesk(home, "watches")
        assert result.code == ExitCode.CONFIG
        assert sentence in result.error_line, result.err


@pytest.mark.parametrize("engine", ["sqlite"])
def test_the_command_lists_and_tests_watches(
    store: Database, archive: CrawlSession, hook: Hook, home: Path
) -> None:
    publish(store, archive, 0)
    settings = home / "config" / "nightdesk.toml"
    with settings.open("a", encoding="utf8") as file:
        file.write(f'[[watch]]\nname = "ferries"\nquery = "ferries"\nto = ["{hook.url}"]\n')
        file.write('secret = "${HOOK_SECRET}"\n')
    address = ("--database-url", store.url.render_as_string(hide_password=False))
    listed = nightdesk(home, *address, "watches", "--json").json
    assert [(each["name"], each["found"], each["checked_at"]) for each in listed] == [
        ("ferries", 0, None)
    ]
    result = nightdesk(home, *address, "watches", "--test")
    assert result.code != 0
    assert "HOOK_SECRET" in result.err
    result = nightdesk(home, *address, "watches", "--test", HOOK_SECRET="key")
    assert (result.code, len(hook.requests)) == (0, 1)
    assert one(store, "SELECT count(*) FROM watch_message") == 0
    assert "ferries" in nightdesk(home, *address, "watches").out


def test_the_name_of_an_unknown_variable_is_told_and_no_address(
    store: Database, archive: CrawlSession
) -> None:
    publish(store, archive, 0)
    settings = watching("mailtos://editor:${NO_SUCH_SECRET}@example.org")
    (problem,) = tell_watches(settings, store, at(0))
    assert "NO_SUCH_SECRET" in problem
    assert "editor" not in problem
    with pytest.raises(ConfigError):
        deliver.send_test(settings.watch[0], store)
