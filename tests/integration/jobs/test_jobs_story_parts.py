"""Stories in several pages: fetched part by part, joined, revised, and told from look-alikes."""

from __future__ import annotations

import gzip
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from pipeline.store.db.engine import Database
from tests.support.archive_factory import one, rows
from tests.support.cli import CommandResult, nightdesk
from tests.support.local_site import (
    LocalSite,
    crawl_job,
    run_crawl,
    serve_local_site,
    start_crawl,
)

pytestmark = pytest.mark.trial_on_postgresql

OPEN = "[safety]\nallow_private = true\n[politeness]\ndelay = 0\nretries = 0\ntimeout = 5\n"
SUBJECTS = ("harbour", "bridge", "market", "school", "library", "railway", "theatre", "stadium")
VERBS = ("closed", "opened", "repaired", "painted", "measured", "sold", "bought", "visited")


def sentences(number: int, subject: str, count: int = 4) -> list[str]:
    """Return the paragraphs of one part of a story, different in each part."""
    paragraphs = []
    for index in range(count):
        verb = VERBS[(number + index) % len(VERBS)]
        paragraphs.append(
            f"In part {number}, paragraph {index}, the council of the town said that the old"
            f" {subject} had been {verb} by workers from the neighbouring district, who wanted to"
            f" finish before the winter, and that it would cost {number * 100 + index} crowns."
        )
    return paragraphs


def page(title: str, paragraphs: list[str], pager: str = "", head: str = "") -> str:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f'<!doctype html><html lang="en"><head><title>{title}</title>{head}</head><body>'
        '<header><a href="/">Gazette</a> <a href="/news">All the news of the town</a></header>'
        f"<main><article><h1>{title}</h1>{body}</article>{pager}</main>"
        "<footer><p>Copyright of the Gazette, all rights reserved.</p></footer></body></html>"
    )


def part_paths(path: str, pattern: str, count: int) -> list[str]:
    return [path] + [pattern.format(path=path, n=number) for number in range(2, count + 1)]


def link(href: str, text: str, rel: str = "") -> str:
    return f'<a href="{href}"{rel and f" rel={rel}"}>{text}</a>'


def numbers(paths: list[str], here: int) -> str:
    return "".join(link(path, str(n)) for n, path in enumerate(paths, 1) if n != here)


def next_in_head(paths: list[str], here: int) -> str:
    return f'<link rel="next" href="{paths[here]}">' if here < len(paths) else ""


def next_text(text: str) -> Any:
    def pager(paths: list[str], here: int) -> str:
        return link(paths[here], text) if here < len(paths) else ""

    return pager


def no_pager(_paths: list[str], _here: int) -> str:
    return ""


# by name: how the address of a part is made, the links of each page, and those in its head
MARKUPS: dict[str, tuple[str, Any, Any]] = {
    "rel-next": ("{path}/{n}", no_pager, next_in_head),
    "numbers": ("{path}/{n}/", numbers, no_pager),
    "page-path": ("{path}/page/{n}", next_text("Next page"), no_pager),
    "parameter": ("{path}?page={n}", numbers, no_pager),
    "of-five": (
        "{path}?p={n}",
        lambda paths, here: "".join(
            link(path, f"Page {n} of {len(paths)}") for n, path in enumerate(paths, 1) if n != here
        ),
        no_pager,
    ),
    "read-on": ("{path}-seite-{n}", next_text("Weiterlesen auf Seite"), no_pager),
    "russian": ("{path}?PAGEN_1={n}", next_text("Читать далее"), no_pager),
    "underscore": ("{path}_{n}", next_text("Continue reading"), no_pager),
}


def add_story(
    site: LocalSite, name: str, markup: str, count: int = 3, subject: str = "harbour"
) -> list[str]:
    """Add a story in several pages, and return the paths of its parts."""
    pattern, pager, head = MARKUPS[markup]
    paths = part_paths(f"/news/{name}", pattern, count)
    for number, path in enumerate(paths, 1):
        title = f"The {subject} of {name}" + (f" - page {number}" if number > 1 else "")
        paragraphs = sentences(number, subject)
        if number < count:
            paragraphs.append(f"Continued on page {number + 1}")
        html = page(title, paragraphs, pager(paths, number), head(paths, number))
        site.add_page(path, html, headers={"ETag": f'"{path}"'})
    return paths


def use_site(home: Path, site: LocalSite, links: list[str]) -> None:
    site.add_feed("/feed.xml", [site.url + path for path in links])
    text = f'name = "Gazette"\nurl = "{site.url}"\nfeeds = ["{site.url}/feed.xml"]\n'
    text += f"[revisit]\nafter_hours = 0\n{OPEN}"
    (home / "config" / "sites" / "gazette.toml").write_text(text, encoding="utf8")


def run(home: Path, database_url: str, *words: str) -> CommandResult:
    return nightdesk(home, "--database-url", database_url, *words)


def expected_text(count: int, subject: str) -> str:
    lines: list[str] = []
    for number in range(1, count + 1):
        lines += sentences(number, subject)
    return "\n".join(lines)


def test_eight_markups_are_complete_and_six_look_alikes_are_not_joined(
    home: Path, store: Database, database_url: str
) -> None:
    with serve_local_site() as site:
        names = list(MARKUPS)
        links = []
        for index, name in enumerate(names):
            links.append(add_story(site, f"{name}-{10_000 + index}", name, 3, SUBJECTS[index])[0])
        look_alikes = add_look_alikes(site)
        use_site(home, site, links + look_alikes)
        crawled = run(home, database_url, "crawl", "--json")
        assert crawled.code == 0, crawled.err
        for index, path in enumerate(links):
            shown = run(home, database_url, "show", site.url + path, "--json").json
            assert shown["text"] == expected_text(3, SUBJECTS[index]), names[index]
            assert [part["number"] for part in shown["parts"]] == [1, 2, 3]
            assert shown["part_missing"] is False
        for path in look_alikes:
            shown = run(home, database_url, "show", site.url + path, "--json").json
            assert shown["text"] == "\n".join(sentences(1, path)), path
            assert shown["parts"] == []
    assert one(store, "SELECT count(*) FROM articles") == len(links) + len(look_alikes)
    counts = rows(store, "SELECT counts FROM run WHERE kind = 'crawl'")[0][0]
    entries = one(store, "SELECT count(*) FROM ledger_entry WHERE run_id = 1")
    if isinstance(counts, dict):
        assert sum(counts.values()) == entries
    kinds = dict(rows(store, "SELECT kind, count(*) FROM ledger WHERE run = 1 GROUP BY kind"))
    assert kinds["part"] == 2 * len(links) + 1, "with the page of comments"
    check = run(home, database_url, "verify")
    assert check.code == 0, check.out + check.err


def add_look_alikes(site: LocalSite) -> list[str]:
    """Add stories that are whole on one page, with links that look like those to parts."""
    gallery = "/news/gallery-of-20001"
    other = "/news/next-story-20002"
    comments = "/news/comments-20003"
    listing = "/news/listing-20004"
    slug = "/news/same-beginning-20005"
    pager = "/news/pager-of-comments-20006"
    pagers = {
        gallery: link(f"{gallery}/photo/2", "2") + link(f"{gallery}?image=2", "Next"),
        other: f'<link rel="next" href="{slug}">' + link(slug, "Next story", "next"),
        comments: link(f"{comments}/comment-page-2#comments", "2") + link("?cpage=2", "Next"),
        listing: link("/news/page/2", "Next page") + link("/archive/2026/2", "2"),
        slug: f'<link rel="next" href="{slug}-2">' + link(f"{slug}-2", "The same again"),
        pager: link(f"{pager}?page=1", "2"),
    }
    for path, links in pagers.items():
        site.add_page(path, page(f"Title of {path}", sentences(1, path), links))
    # a pager of comments shows the whole story again
    again = page(f"Title of {pager}", [*sentences(1, pager), "A reader said that he liked it."])
    site.add_page(f"{pager}?page=1", again)
    for path in (f"{gallery}/photo/2", f"{slug}-2", "/news/page/2", f"{comments}/comment-page-2"):
        site.add_page(path, page("Something else", sentences(7, "something else")))
    return list(pagers)


def test_change_of_one_part_makes_a_revision_and_an_unchanged_night_costs_little(
    home: Path, store: Database, database_url: str
) -> None:
    with serve_local_site() as site:
        paths = add_story(site, "harbour-10001", "numbers", 4)
        use_site(home, site, paths[:1])
        run(home, database_url, "crawl")
        before = len(site.received)
        run(home, database_url, "crawl")
        second = [r for r in site.received[before:] if r.path.startswith("/news/")]
        changed = page("The harbour, 3", [*sentences(3, "harbour"), "A correction of this story."])
        site.add_page(paths[2], changed, headers={"ETag": '"new"'})
        run(home, database_url, "crawl", "gazette", "--force")
        shown = run(home, database_url, "show", site.url + paths[0], "--json").json
        # a part stands for its story
        explained = run(home, database_url, "explain", site.url + paths[1], "--json").json
        bytes_of_part = run(home, database_url, "show", site.url + paths[1], "--raw").out
    assert sorted(request.path for request in second) == sorted(paths)
    assert all("if-none-match" in request.headers for request in second), "nothing is sent again"
    assert [len(shown["history"]), shown["history"][0]["number"]] == [2, 1]
    assert "A correction of this story." in shown["text"]
    assert "A correction" not in shown["history"][0]["text"]
    assert "The harbour of harbour-10001 - page 2" in bytes_of_part
    corrected = [b for b in explained["blocks"] if b["text"] == "A correction of this story."]
    assert [block["part"] for block in corrected] == [3]
    titles = [b for b in explained["blocks"] if b["text"].endswith("- page 2")]
    assert [block["rule"] for block in titles] == ["part"]
    assert one(store, "SELECT count(*) FROM run WHERE status <> 'finished'") == 0


def test_missing_part_is_named_until_it_is_there(home: Path, database_url: str) -> None:
    with serve_local_site() as site:
        paths = add_story(site, "harbour-10001", "numbers", 3)
        third = site.pages.pop(paths[2])
        site.add_page(paths[2], b"down", status=500)
        use_site(home, site, paths[:1])
        run(home, database_url, "crawl")
        url = site.url + paths[0]
        incomplete = run(home, database_url, "show", url, "--json").json
        shown = run(home, database_url, "show", url).out
        site.pages[paths[2]] = third
        run(home, database_url, "crawl", "gazette", "--force")
        complete = run(home, database_url, "show", url, "--json").json
    assert incomplete["part_missing"] is True
    assert "part_missing" in shown
    assert incomplete["text"] == expected_text(2, "harbour")
    assert complete["part_missing"] is False
    assert complete["text"] == expected_text(3, "harbour")
    assert len(complete["history"]) == 1, "what was missing was never another text"


def test_clean_makes_joined_texts_again_from_stored_bytes(
    home: Path, store: Database, database_url: str
) -> None:
    with serve_local_site() as site:
        paths = add_story(site, "harbour-10001", "numbers", 3)
        use_site(home, site, paths[:1])
        run(home, database_url, "crawl")
        url = site.url + paths[0]
        before = run(home, database_url, "show", url, "--json").json
    with store.write() as db:
        for table in ("joined_period",):
            db.exec_driver_sql(f"DELETE FROM {table}")
    again = run(home, database_url, "clean", "--all")
    assert again.code == 0, again.err
    after = run(home, database_url, "show", url, "--json").json
    assert after["text"] == before["text"]
    assert len(after["history"]) == 1
    assert one(store, "SELECT count(*) FROM joined_period") == 1


def test_warc_of_an_article_has_the_bytes_of_all_its_parts(home: Path, database_url: str) -> None:
    with serve_local_site() as site:
        paths = add_story(site, "harbour-10001", "numbers", 3)
        use_site(home, site, paths[:1])
        run(home, database_url, "crawl")
        warc, lines = home / "out.warc.gz", home / "out.jsonl"
        run(home, database_url, "export", str(warc), "--query", "harbour")
        run(home, database_url, "export", str(lines), "--query", "harbour")
        url = site.url
    (record,) = [json.loads(line) for line in lines.read_text(encoding="utf8").splitlines()]
    assert record["part_urls"] == [url + path for path in paths]
    assert record["parts_missing"] == 0
    with gzip.open(warc) as file:
        responses = [line for line in file if line.startswith(b"WARC-Target-URI:")]
    assert [line.split()[1].decode().removeprefix(url) for line in responses] == paths


def test_fetch_brings_all_parts_of_a_story_whichever_is_named(
    home: Path, database_url: str
) -> None:
    with serve_local_site() as site:
        paths = add_story(site, "harbour-10001", "rel-next", 3)
        use_site(home, site, [])
        (first,) = run(home, database_url, "fetch", site.url + paths[0], "--json").json
        (again,) = run(home, database_url, "fetch", site.url + paths[1], "--json").json
    assert first["problem"] == ""
    assert first["article"]["text"] == expected_text(3, "harbour")
    assert again["article"]["url"] == site.url + paths[0]


def test_story_that_stays_unchanged_gets_the_parts_that_older_code_did_not_find(
    home: Path, store: Database, database_url: str
) -> None:
    with serve_local_site() as site:
        paths = add_story(site, "harbour-10001", "numbers", 3)
        site.add_story("/news/market-10002.html", headers={"ETag": '"market"'})
        site.pages[paths[0]].headers["ETag"] = '"unchanged"'
        use_site(home, site, [paths[0], "/news/market-10002.html"])
        run(home, database_url, "crawl")
        with store.write() as db:  # as an archive that was made by older code
            for statement in (
                "DELETE FROM joined_period",
                "UPDATE page SET kind = 'story', due_at = NULL WHERE part_of > 0",
                "UPDATE page SET part_of = NULL, part_number = NULL",
                "UPDATE page SET joined_payload_id = NULL",
                "UPDATE site_revisit SET parts_version = 0",
            ):
                db.exec_driver_sql(statement)
        before = len(site.received)
        run(home, database_url, "crawl")
        requested = [request.path for request in site.received[before:]]
        run(home, database_url, "crawl")
        shown = run(home, database_url, "show", site.url + paths[0], "--json").json
    assert sorted(path for path in requested if path in paths) == sorted(paths)
    assert shown["text"] == expected_text(3, "harbour")
    assert one(store, "SELECT min(parts_version) FROM site_revisit") == 1


@pytest.mark.parametrize("fetched", [2, 4])
def test_kill_between_parts_loses_nothing(tmp_path: Path, fetched: int) -> None:
    with serve_local_site() as site:
        paths = add_story(site, "harbour-10001", "rel-next", 6)
        for path in paths:
            site.pages[path].delay = 0.05
        site.add_feed("/feed.xml", [site.url + paths[0]])
        job = crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"])
        killed = start_crawl(job, tmp_path)
        killed.read_events(until=lambda _: len(killed.events_named("page")) == fetched)
        killed.process.send_signal(signal.SIGKILL)
        killed.process.wait(timeout=10)
        again = run_crawl(job, tmp_path)
    query = "SELECT count(*) FROM page WHERE kind IN ('story', 'part') AND payload_id IS NOT NULL"
    assert again.query(query) == [(6,)]
    captures = "SELECT count(*) FROM capture JOIN page ON page.id = page_id WHERE kind IN "
    assert again.query(captures + "('story', 'part')") == [(6,)]
    assert again.query("SELECT count(*) FROM ledger_entry WHERE outcome = 'pending'") == [(0,)]


def test_at_most_twenty_parts_are_fetched(tmp_path: Path) -> None:
    with serve_local_site() as site:
        paths = add_story(site, "harbour-10001", "rel-next", 30)
        site.add_feed("/feed.xml", [site.url + paths[0]])
        run_crawl(crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"]), tmp_path)
        requested = [path for path in site.received_paths if path.startswith("/news/")]
    assert requested == paths[:20]
