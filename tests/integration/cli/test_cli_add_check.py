"""`nightdesk add` writes a working site file or says what to do; `check` compares it later."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.config import site as sites
from pipeline.demo_site import SITES, DemoServer
from tests.support.cli import ROOT, CommandResult, exit_code, nightdesk, running_command, wait_until
from tests.support.http_site import HttpSite, serve_http_site

LOCAL = ("--allow-private", "--delay", "0")
Run = Callable[..., CommandResult]


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command in this process, with or without a terminal."""

    def call(*words: str, types: str | None = None, stdin: bytes = b"") -> CommandResult:
        stream: Any = SimpleNamespace(buffer=io.BytesIO(stdin), closed=False)
        if types is not None:
            stream = io.StringIO(types)
        stream.isatty = lambda: types is not None
        monkeypatch.setattr(sys, "stdin", stream)
        code = exit_code(home, *words)
        out, err = capsys.readouterr()
        return CommandResult(code, out, err)

    return call


@pytest.fixture(autouse=True)
def _one_worker(home: Path) -> None:
    """Limit the workers, because their start takes most of the time of a command."""
    with (home / "config" / "nightdesk.toml").open("a", encoding="utf8") as settings:
        settings.write("workers = 1\n")


@pytest.fixture
def little() -> Iterator[HttpSite]:
    """Serve a site of eight stories with a feed that its front page declares."""
    with serve_http_site() as site:
        fill(site)
        yield site


def fill(site: HttpSite, count: int = 8) -> None:
    """Fill a site with stories, a feed and a front page."""
    links = []
    for quay in range(count):
        paragraphs = [
            f"On day {day} the crane of quay number {quay} was mended by {quay + day} men,"
            " and the ferries left the harbour again."
            for day in range(3)
        ]
        slug, title = f"the-crane-of-quay-{quay}-is-mended", f"The crane of quay {quay} is mended"
        links.append(site.add_story(slug, title, *paragraphs))
    site.set_feed(links)
    text = "The crane of a quay is mended at last"
    items = "".join(f'<li><a href="{link}">{text}</a></li>' for link in links)
    feed = '<link rel="alternate" type="application/rss+xml" href="/feed.xml">'
    head = f"<head><title>Little News</title>{feed}</head>"
    body = f'<body><nav><a href="/about/">About</a></nav><ul>{items}</ul></body>'
    site.add_page("/", f'<html lang="en">{head}{body}</html>'.encode())


def site_files(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "config" / "sites").iterdir())


def test_a_crawl_with_the_new_file_of_a_demo_site_archives_its_stories(
    home: Path, demo_server: DemoServer
) -> None:
    for site in SITES:
        result = nightdesk(
            home, "add", demo_server.base_url(site.id), *LOCAL, "--yes", "--id", site.id
        )
        assert (result.code, result.err) == (0, ""), result.out
        assert "10 samples: a story 10." in result.out
        assert "└ own-title" in result.out
    added, errors = sites.load_sites(home / "config" / "sites")
    assert not errors
    languages = {"chashma": "tg", "harbour-courier": "en", "stepnoy-vestnik": "ru"}
    assert {site.id: site.language for site in added} == languages
    assert {site.id: site.name for site in added} == {site.id: site.name for site in SITES}
    assert all(site.feeds and site.sitemaps and site.sections and site.allow for site in added)
    night = nightdesk(home, "crawl", "--json")
    assert night.code == 0
    archived = {row["site"]: sum(row["clean"]["archived"].values()) for row in night.json}
    assert archived == dict.fromkeys(languages, 12)
    check = nightdesk(home, "check")
    assert (check.code, check.err) == (0, "")
    assert check.out.count("as its file says") == 3


def test_a_dry_run_shows_the_file_and_writes_nothing(
    home: Path, run: Run, little: HttpSite
) -> None:
    result = run("add", little.url, *LOCAL, "--dry-run")
    assert (result.code, site_files(home)) == (0, [])
    text = result.out.partition(":\n\n# Made by")[2]
    site = sites.parse_site("x", "# Made by" + text, "shown")
    assert (site.name, site.feeds) == ("Little", (little.url + "/feed.xml",))
    assert site.allow == (r"/\d{4}/\d{2}/\d{2}/[^/]+$",)
    assert not (home / "var" / "nightdesk.db").exists()


def test_a_user_at_a_terminal_is_asked(home: Path, run: Run, little: HttpSite) -> None:
    words = ("add", little.url, *LOCAL, "--id", "little")
    assert "Nothing was written." in run(*words, types="n\n").out
    assert site_files(home) == []
    interrupted = run(*words, types="")
    assert (interrupted.code, site_files(home)) == (130, [])
    assert run(*words, types="y\n").code == 0
    assert site_files(home) == ["little.toml"]


def test_without_a_terminal_the_site_is_not_probed_either(
    home: Path, run: Run, little: HttpSite
) -> None:
    result = run("add", little.url, *LOCAL)
    assert result.code == 2
    assert "--yes" in result.err
    assert little.requested_paths == []


def test_an_existing_file_is_only_replaced_with_the_option_replace(
    home: Path, run: Run, little: HttpSite
) -> None:
    path = little.write_site_file(home)
    before = path.read_text(encoding="utf8")
    result = run("add", little.url, *LOCAL, "--yes")
    assert result.code == 3
    assert "is the site 'little' already" in result.error_line
    assert little.requested_paths == []
    assert path.read_text(encoding="utf8") == before
    other = home / "config" / "sites" / "other.toml"
    other.write_text(before.replace(little.url, "https://other.example"), encoding="utf8")
    path.unlink()
    refused = run("add", little.url, *LOCAL, "--yes", "--id", "other")
    assert "is there already" in refused.error_line
    path.write_text(before, encoding="utf8")
    assert run("add", little.url, *LOCAL, "--yes", "--replace").code == 0
    assert path.read_text(encoding="utf8").startswith("# Made by 'nightdesk add'")
    assert site_files(home) == ["little.toml", "other.toml"]


def test_a_bad_line_of_a_list_does_not_stop_the_good_ones(
    home: Path, run: Run, little: HttpSite, tmp_path: Path
) -> None:
    with serve_http_site() as second:
        fill(second)
        list_file = tmp_path / "list.txt"
        list_file.write_text(
            f"{little.url}/\nno address\nhttp://127.0.0.1:{free_port()}/\n{second.url}/ # two\n",
            encoding="utf8",
        )
        result = run("add", "--from", str(list_file), *LOCAL, "--yes", "--json")
    assert result.code == 3
    assert sorted(row["written"] for row in result.json) == [False, False, True, True]
    assert len(site_files(home)) == 2
    lines = result.err.splitlines()
    assert any("line 2" in line and "no address" in line for line in lines)
    assert any("line 3" in line and "nothing answers" in line for line in lines)


def test_opml_can_come_from_standard_input(home: Path, run: Run, little: HttpSite) -> None:
    opml = f'<opml><body><outline text="My Little" xmlUrl="{little.url}/feed.xml"/></body></opml>'
    result = run("add", "--from", "-", *LOCAL, "--yes", stdin=opml.encode())
    assert (result.code, result.err) == (0, "")
    (name,) = site_files(home)
    values = tomllib.loads((home / "config" / "sites" / name).read_text(encoding="utf8"))
    assert (values["name"], values["feeds"]) == ("My Little", [little.url + "/feed.xml"])


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def forbid_robots(site: HttpSite) -> None:
    site.add_page("/robots.txt", b"User-agent: *\nDisallow: /\n", "text/plain")


def make_javascript_shell(site: HttpSite) -> None:
    site.pages.clear()
    site.add_page(
        "/", b'<html><body><div id="root"></div><script src="/app.js"></script></body></html>'
    )


def make_brochure(site: HttpSite) -> None:
    site.pages.clear()
    paragraphs = b"<p>We sell cranes of every size to every harbour.</p>" * 30
    site.add_page("/", b"<html><body>" + paragraphs + b"</body></html>")


def keep_only_lists(site: HttpSite) -> None:
    items = b'<li><a href="/x">More of the same</a></li>' * 40
    for path in list(site.pages):
        if path.startswith("/2026"):
            site.add_page(path, b"<html><body><ul>" + items + b"</ul></body></html>")


def make_picture(site: HttpSite) -> None:
    site.add_page("/", b"\x89PNG\r\n\x1a\n", "image/png")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (forbid_robots, "its robots.txt does not allow us"),
        (make_javascript_shell, "built by JavaScript"),
        (make_brochure, "no stories were found"),
        (keep_only_lists, "this does not look like a news site"),
        (make_picture, "neither an HTML page nor a feed"),
        (lambda site: site.pages.clear(), "there is no such page"),
    ],
)
def test_a_site_that_cannot_be_added_is_one_sentence(
    spoil: Callable[[HttpSite], None], sentence: str, home: Path, run: Run, little: HttpSite
) -> None:
    spoil(little)
    result = run("add", little.url, *LOCAL, "--yes")
    assert result.code == 1
    assert sentence in result.error_line
    assert result.error_line.startswith(f"nightdesk: {little.url}: ")
    assert site_files(home) == []


def test_a_private_address_needs_the_option_allow_private(run: Run, little: HttpSite) -> None:
    result = run("add", little.url, "--delay", "0", "--yes")
    assert result.code == 1
    assert "--allow-private" in result.error_line
    assert little.requested_paths == []


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
        (("https://a.example/", "--yes", "--id", "Not An Id"), 3, "is not a site id"),
    ],
)
def test_a_wrong_argument_is_reported_before_any_request(
    words: tuple[str, ...], code: int, sentence: str, run: Run
) -> None:
    result = run("add", *words)
    assert result.code == code
    assert sentence in " ".join(result.err.split())


def test_without_a_contact_there_is_no_request(home: Path, run: Run, little: HttpSite) -> None:
    (home / "config" / "nightdesk.toml").write_text("", encoding="utf8")
    assert run("add", little.url, *LOCAL, "--yes").code == 3
    little.write_site_file(home)
    assert run("check").code == 3
    assert little.requested_paths == []


def test_a_check_reports_what_is_broken_and_changes_nothing(
    home: Path, run: Run, little: HttpSite
) -> None:
    path = little.write_site_file(home, more='[cleaning]\nremove = ["x"]\n')
    before = path.read_bytes()
    del little.pages["/feed.xml"]
    result = run("check", "little")
    assert result.code == 1
    assert f"little: broken  feeds: {little.url}/feed.xml: the server answered 404" in result.out
    assert path.read_bytes() == before
    (row,) = run("check", "--json").json
    assert [difference["severity"] for difference in row["differences"]] == ["broken"]


SCRIPT = """addEventListener('DOMContentLoaded', async () => {
  const page = await (await fetch('/api' + location.pathname)).json();
  const text = 'The crane of a quay is mended at last';
  const lines = page.lines.map(line => `<p>${line}</p>`);
  const links = (page.links || []).map(link => `<a href="${link}">${text}</a>`);
  const html = [`<h1>${page.title}</h1>`, ...lines, ...links].join('');
  document.getElementById('root').innerHTML = html;
});"""


def fill_with_scripts(site: HttpSite) -> None:
    """Fill a site whose front page and stories are made by a script in the browser."""
    paths = [f"/2026/02/03/the-crane-of-quay-{n}-is-mended" for n in range(3)]
    for number, path in enumerate(paths):
        lines = [
            f"On day {day} the crane of quay {number} was mended, and the ferries left again."
            for day in range(4)
        ]
        story = {"title": f"Crane {number} is mended", "lines": lines}
        site.add_page(f"/api{path}", json.dumps(story).encode(), "application/json")
    site.add_page("/api/", json.dumps({"links": paths, "lines": []}).encode(), "application/json")
    site.add_page("/app.js", SCRIPT.encode(), "text/javascript")
    body = '<script src="/app.js"></script><div id="root"></div>'
    for path in ("/", *paths):
        site.add_page(path, f'<!doctype html><html lang="en">{body}</html>'.encode())


@pytest.mark.browser
def test_a_site_built_by_scripts_is_probed_in_a_browser_and_gets_render_true(
    home: Path, run: Run
) -> None:
    with serve_http_site() as site:
        fill_with_scripts(site)
        result = run("add", site.url, *LOCAL, "--yes", "--id", "little")
    assert (result.code, result.err) == (0, ""), result.out
    assert "3 samples: a story 3." in result.out
    added = sites.load_site(home / "config" / "sites" / "little.toml")
    assert added.render
    assert added.sections == (site.url,)


def test_ctrl_c_ends_the_command_at_once_and_writes_no_file(home: Path, little: HttpSite) -> None:
    little.story_delay = 0.5
    with running_command(home, "add", little.url, *LOCAL, "--yes") as child:
        wait_until(lambda: any(path.startswith("/2026") for path in little.requested_paths))
        os.killpg(child.pid, signal.SIGINT)
        assert child.wait(timeout=20) == 130
        assert child.stderr is not None
        assert child.stderr.read() == "nightdesk: interrupted; the files that were written stay\n"
    assert site_files(home) == []


def test_the_example_site_files_load_and_say_that_they_are_not_verified() -> None:
    folder = ROOT / "config" / "examples"
    examples, errors = sites.load_sites(folder)
    assert not errors
    assert len(examples) >= 30
    assert {site.language for site in examples} >= {"tg", "ru", "en", "uz", "ky", "kk"}
    for site in examples:
        text = (folder / f"{site.id}.toml").read_text(encoding="utf8")
        assert text.startswith("# Not verified: ")
        assert site.politeness.delay >= 2
        assert json.loads(json.dumps(site.name))
    assert not list((ROOT / "config" / "sites").glob("*.toml")), (
        "every user of a checkout would crawl a site file there"
    )
