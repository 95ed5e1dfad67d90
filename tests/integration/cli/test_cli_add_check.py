"""`nightdesk add` and `nightdesk check`: a file that works without editing, or a sentence that says what to do."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import socket
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.config import site as sites
from pipeline.config.settings import BROWSERS
from pipeline.demo_site import SITES, DemoServer
from tests.support.cli import ROOT, CommandResult, exit_code, nightdesk, running_command, wait_until
from tests.support.http_site import LittleSite, serving

LOCAL = ("--allow-private", "--delay", "0")
Here = Callable[..., CommandResult]


@pytest.fixture
def here(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """The command in this process, with nobody at its standard input, or somebody who types."""

    def call(*words: str, types: str | None = None, stdin: bytes = b"") -> CommandResult:
        given: Any = (
            io.StringIO(types)
            if types is not None
            else SimpleNamespace(buffer=io.BytesIO(stdin), closed=False)
        )
        given.isatty = lambda: types is not None
        monkeypatch.setattr(sys, "stdin", given)
        code = exit_code(home, *words)
        out, err = capsys.readouterr()
        return CommandResult(code, out, err)

    return call


@pytest.fixture(autouse=True)
def _one_worker(home: Path) -> None:
    """Each command starts its own, and most of its time goes into that."""
    with (home / "config" / "nightdesk.toml").open("a", encoding="utf8") as settings:
        settings.write("workers = 1\n")


@pytest.fixture
def little() -> Iterator[LittleSite]:
    """A site of eight stories with a feed that its front page declares."""
    with serving() as site:
        fill(site)
        yield site


def fill(site: LittleSite, count: int = 8) -> None:
    links = [
        site.story(f"the-crane-of-quay-{n}-is-mended", f"The crane of quay {n} is mended", *(
            f"On day {day} the crane of quay number {n} was mended by {n + day} men, and the ferries left the harbour again."
            for day in range(3)
        ))
        for n in range(count)
    ]  # fmt: skip
    site.feed(links)
    anchors = "".join(
        f'<li><a href="{each}">The crane of a quay is mended at last</a></li>' for each in links
    )
    head = '<title>Little News</title><link rel="alternate" type="application/rss+xml" href="/feed.xml">'
    page = f'<html lang="en"><head>{head}</head><body><nav><a href="/about/">About</a></nav><ul>{anchors}</ul></body></html>'
    site.page("/", page.encode())


def files(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "config" / "sites").iterdir())


def test_each_site_of_the_newsroom_gets_a_file_under_which_its_stories_are_archived(
    home: Path, newsroom: DemoServer
) -> None:
    for site in SITES:
        answer = nightdesk(
            home, "add", newsroom.base_url(site.id), *LOCAL, "--yes", "--id", site.id
        )
        assert (answer.code, answer.err) == (0, ""), answer.out
        assert "10 samples: a story 10." in answer.out
        assert "└ own-title" in answer.out
    found, errors = sites.load_sites(home / "config" / "sites")
    assert not errors
    assert {site.id: site.language for site in found} == {
        "chashma": "tg",
        "harbour-courier": "en",
        "stepnoy-vestnik": "ru",
    }
    assert {site.id: site.name for site in found} == {site.id: site.name for site in SITES}
    assert all(site.feeds and site.sitemaps and site.sections and site.allow for site in found)
    night = nightdesk(home, "crawl", "--json")
    assert night.code == 0
    assert {
        each["site"]: sum(each["clean"]["archived"].values()) for each in night.json
    } == dict.fromkeys((site.id for site in SITES), 12)
    check = nightdesk(home, "check")
    assert (check.code, check.err) == (0, "")
    assert check.out.count("as its file says") == 3


def test_a_dry_run_shows_the_file_and_writes_nothing(
    home: Path, here: Here, little: LittleSite
) -> None:
    answer = here("add", little.url, *LOCAL, "--dry-run")
    assert (answer.code, files(home)) == (0, [])
    text = answer.out.partition(":\n\n# Made by")[2]
    site = sites.parse_site("x", "# Made by" + text, "shown")
    assert (site.name, site.feeds) == ("Little", (little.url + "/feed.xml",))
    assert site.allow == (r"/\d{4}/\d{2}/\d{2}/[^/]+$",)
    assert not (home / "var" / "nightdesk.db").exists()


def test_somebody_at_a_terminal_is_asked(home: Path, here: Here, little: LittleSite) -> None:
    assert (
        "Nothing was written." in here("add", little.url, *LOCAL, "--id", "little", types="n\n").out
    )
    assert files(home) == []
    stopped = here("add", little.url, *LOCAL, "--id", "little", types="")
    assert (stopped.code, files(home)) == (130, [])
    assert here("add", little.url, *LOCAL, "--id", "little", types="y\n").code == 0
    assert files(home) == ["little.toml"]


def test_where_nobody_can_be_asked_nothing_is_asked_of_the_site_either(
    home: Path, here: Here, little: LittleSite
) -> None:
    answer = here("add", little.url, *LOCAL)
    assert answer.code == 2
    assert "--yes" in answer.err
    assert little.asked == []


def test_a_file_that_is_there_is_only_replaced_when_told_to(
    home: Path, here: Here, little: LittleSite
) -> None:
    path = little.file(home)
    before = path.read_text(encoding="utf8")
    answer = here("add", little.url, *LOCAL, "--yes")
    assert answer.code == 3
    assert "is the site 'little' already" in answer.error_line
    assert little.asked == []
    assert path.read_text(encoding="utf8") == before
    other = home / "config" / "sites" / "other.toml"
    other.write_text(before.replace(little.url, "https://other.example"), encoding="utf8")
    path.unlink()
    assert (
        "is there already" in here("add", little.url, *LOCAL, "--yes", "--id", "other").error_line
    )
    path.write_text(before, encoding="utf8")
    assert here("add", little.url, *LOCAL, "--yes", "--replace").code == 0
    assert path.read_text(encoding="utf8").startswith("# Made by 'nightdesk add'")
    assert files(home) == ["little.toml", "other.toml"]


def test_a_list_costs_no_good_line_for_a_bad_one(
    home: Path, here: Here, little: LittleSite, tmp_path: Path
) -> None:
    with serving() as second:
        fill(second)
        listed = tmp_path / "list.txt"
        listed.write_text(
            f"{little.url}/\nno address\nhttp://127.0.0.1:{free_port()}/\n{second.url}/ # two\n",
            encoding="utf8",
        )
        answer = here("add", "--from", str(listed), *LOCAL, "--yes", "--json")
    assert answer.code == 3
    assert sorted(row["written"] for row in answer.json) == [False, False, True, True]
    assert len(files(home)) == 2
    lines = answer.err.splitlines()
    assert any("line 2" in line and "no address" in line for line in lines)
    assert any("line 3" in line and "nobody answers" in line for line in lines)


def test_opml_comes_in_by_standard_input(home: Path, here: Here, little: LittleSite) -> None:
    opml = f'<opml><body><outline text="My Little" xmlUrl="{little.url}/feed.xml"/></body></opml>'
    answer = here("add", "--from", "-", *LOCAL, "--yes", stdin=opml.encode())
    assert (answer.code, answer.err) == (0, "")
    (name,) = files(home)
    values = tomllib.loads((home / "config" / "sites" / name).read_text(encoding="utf8"))
    assert (values["name"], values["feeds"]) == ("My Little", [little.url + "/feed.xml"])


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def closed(site: LittleSite) -> None:
    site.page("/robots.txt", b"User-agent: *\nDisallow: /\n", "text/plain")


def shell(site: LittleSite) -> None:
    site.pages.clear()
    site.page(
        "/", b'<html><body><div id="root"></div><script src="/app.js"></script></body></html>'
    )


def brochure(site: LittleSite) -> None:
    site.pages.clear()
    site.page(
        "/",
        b"<html><body>"
        + b"<p>We sell cranes of every size to every harbour.</p>" * 30
        + b"</body></html>",
    )


def lists_alone(site: LittleSite) -> None:
    for path in [path for path in site.pages if path.startswith("/2026")]:
        site.page(
            path,
            b"<html><body><ul>"
            + b'<li><a href="/x">More of the same</a></li>' * 40
            + b"</ul></body></html>",
        )


def picture(site: LittleSite) -> None:
    site.page("/", b"\x89PNG\r\n\x1a\n", "image/png")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (closed, "its robots.txt closes it to us"),
        (shell, "built by JavaScript"),
        (brochure, "no stories were found"),
        (lists_alone, "this seems to be no news site"),
        (picture, "no HTML page and no feed"),
        (lambda site: site.pages.clear(), "there is no such page"),
    ],
)
def test_a_site_that_cannot_be_added_ends_in_a_sentence(
    spoil: Callable[[LittleSite], None], sentence: str, home: Path, here: Here, little: LittleSite
) -> None:
    spoil(little)
    answer = here("add", little.url, *LOCAL, "--yes")
    assert answer.code == 1
    assert sentence in answer.error_line
    assert answer.error_line.startswith(f"nightdesk: {little.url}: ")
    assert files(home) == []


def test_a_private_address_needs_leave(here: Here, little: LittleSite) -> None:
    answer = here("add", little.url, "--delay", "0", "--yes")
    assert answer.code == 1
    assert "--allow-private" in answer.error_line
    assert little.asked == []


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("nonsense", "--yes"), 3, "write one like https://www.example.org/"),
        (("--from", "/no/such/file", "--yes"), 3, "/no/such/file: cannot be read"),
        (("--yes",), 2, "name a URL"),
        (
            ("https://a.example/", "https://b.example/", "--yes", "--id", "x"),
            3,
            "--id: names one site",
        ),
        (("https://a.example/", "--yes", "--id", "Not An Id"), 3, "is no site id"),
    ],
)
def test_a_wrong_word_is_told_before_anything_is_asked(
    words: tuple[str, ...], code: int, sentence: str, here: Here
) -> None:
    answer = here("add", *words)
    assert answer.code == code
    assert sentence in " ".join(answer.err.split())


def test_without_a_contact_nothing_is_asked(home: Path, here: Here, little: LittleSite) -> None:
    (home / "config" / "nightdesk.toml").write_text("", encoding="utf8")
    assert here("add", little.url, *LOCAL, "--yes").code == 3
    little.file(home)
    assert here("check").code == 3
    assert little.asked == []


def test_a_check_says_what_broke_and_changes_nothing(
    home: Path, here: Here, little: LittleSite
) -> None:
    path = little.file(home, more='[cleaning]\nremove = ["x"]\n')
    before = path.read_bytes()
    del little.pages["/feed.xml"]
    answer = here("check", "little")
    assert answer.code == 1
    assert f"little: broken  feeds: {little.url}/feed.xml: the server answered 404" in answer.out
    assert path.read_bytes() == before
    (told,) = here("check", "--json").json
    assert [notice["grade"] for notice in told["notices"]] == ["broken"]


def scripted(site: LittleSite) -> None:
    """A site whose front page and stories are filled by a script."""
    paths = [f"/2026/02/03/the-crane-of-quay-{n}-is-mended" for n in range(3)]
    for number, path in enumerate(paths):
        lines = [
            f"On day {day} the crane of quay {number} was mended, and the ferries left again."
            for day in range(4)
        ]
        site.page(
            f"/api{path}",
            json.dumps({"title": f"Crane {number} is mended", "lines": lines}).encode(),
            "application/json",
        )
    site.page("/api/", json.dumps({"links": paths, "lines": []}).encode(), "application/json")
    script = """addEventListener('DOMContentLoaded', async () => {
      const told = await (await fetch('/api' + location.pathname)).json();
      document.getElementById('root').innerHTML = `<h1>${told.title}</h1>` + told.lines.map(line => `<p>${line}</p>`).join('')
        + (told.links || []).map(link => `<a href="${link}">The crane of a quay is mended at last</a>`).join('');
    });"""
    site.page("/app.js", script.encode(), "text/javascript")
    for path in ("/", *paths):
        site.page(
            path,
            b'<!doctype html><html lang="en"><script src="/app.js"></script><div id="root"></div></html>',
        )


@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="Chromium is not installed")
@pytest.mark.skipif(
    find_spec("scrapy_playwright") is None, reason="the extra 'render' is not installed"
)
def test_a_site_that_scripts_build_is_looked_at_in_a_browser_and_its_file_says_so(
    home: Path, here: Here
) -> None:
    with serving() as site:
        scripted(site)
        answer = here("add", site.url, *LOCAL, "--yes", "--id", "little")
    assert (answer.code, answer.err) == (0, ""), answer.out
    assert "3 samples: a story 3." in answer.out
    added = sites.load_site(home / "config" / "sites" / "little.toml")
    assert added.render
    assert added.sections == (site.url,)


def test_ctrl_c_ends_it_at_once_and_leaves_no_child(home: Path, little: LittleSite) -> None:
    little.pause = 0.5
    with running_command(home, "add", little.url, *LOCAL, "--yes") as child:
        wait_until(lambda: any(path.startswith("/2026") for path in little.asked))
        os.killpg(child.pid, signal.SIGINT)
        assert child.wait(timeout=20) == 130
        assert child.stderr is not None
        assert child.stderr.read() == "nightdesk: interrupted; the files that were written stay\n"
    assert files(home) == []


# the examples


def test_the_examples_of_real_sites_load_and_say_that_nobody_verified_them() -> None:
    folder = ROOT / "config" / "examples"
    found, errors = sites.load_sites(folder)
    assert not errors
    assert len(found) >= 30
    assert {site.language for site in found} >= {"tg", "ru", "en", "uz", "ky", "kk"}
    for site in found:
        text = (folder / f"{site.id}.toml").read_text(encoding="utf8")
        assert text.startswith("# Not verified: ")
        assert site.politeness.delay >= 2
        assert json.loads(json.dumps(site.name))
    assert not list((ROOT / "config" / "sites").glob("*.toml")), (
        "an enabled file there would be crawled by everybody"
    )
