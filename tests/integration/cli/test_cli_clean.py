"""`clean`, `review`, `rollback` and `profile` show changes, and make or undo them."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest

from pipeline.cli.progress import format_rate
from pipeline.cli.views.night_progress import PlainProgress
from tests.conftest import CONTACT
from tests.support.cli import CommandResult, nightdesk
from tests.support.http_site import serve_http_site

# One worker runs all tests, because they start from one crawl.
pytestmark = pytest.mark.xdist_group("recleaning")
PARAGRAPH = (
    "Paragraph {0} says that the ferry of the {1} quay left the harbour on time and came back"
    " before the evening, which nobody on the {1} side of the river had seen in years, and"
    " everybody was glad of it."
)
SIDES = ("northern", "southern", "eastern", "western", "upper", "lower")
PARAGRAPHS = [PARAGRAPH.format(number, side) for number, side in enumerate(SIDES)]


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a home whose archive has one story of six paragraphs. Tests must not change it."""
    home = tmp_path_factory.mktemp("crawled") / "home"
    (home / "config" / "sites").mkdir(parents=True)
    (home / "config" / "nightdesk.toml").write_text(CONTACT, encoding="utf8")
    with serve_http_site() as site:
        story = site.add_story("ferries", "The ferries of the harbour are back", *PARAGRAPHS)
        site.set_feed([story])
        site.write_site_file(home)
        assert nightdesk(home, "crawl").code == 0
    return home


@pytest.fixture
def crawled(untouched: Path, tmp_path: Path) -> Path:
    """Return a copy of that home, which a test may change."""
    return Path(copytree(untouched, tmp_path / "home"))


def remove_paragraphs(home: Path, *paragraphs: int) -> None:
    """Change the site file so that its rules remove these paragraphs."""
    path = home / "config" / "sites" / "little.toml"
    text = path.read_text(encoding="utf8").partition("[cleaning]")[0]
    patterns = ", ".join(f"'Paragraph {number} .*'" for number in paragraphs)
    path.write_text(f"{text}[cleaning]\nremove = [{patterns}]\n", encoding="utf8")


def story(home: Path) -> tuple[str, str]:
    """Return the number and the text of the one article."""
    (article,) = nightdesk(home, "search", "ferries", "--json").json
    return str(article["id"]), article["text"]


def run(home: Path, *words: str) -> CommandResult:
    """Run a command that must succeed."""
    result = nightdesk(home, *words)
    assert (result.code, result.err) == (0, "")
    return result


def test_a_dry_run_shows_the_changes_with_their_rules_and_changes_nothing(
    crawled: Path,
) -> None:
    number, before = story(crawled)
    remove_paragraphs(crawled, 1)
    out = run(crawled, "clean", "--dry-run").out
    assert f"  - {PARAGRAPHS[1]}  └ site-pattern" in out
    head = " ".join(out.splitlines()[0].split())
    assert head == "Dry run pages changed lose text lines lost held"
    assert out.splitlines()[1].split() == ["little", "1", "1", "1", "1", "0"]
    assert out.splitlines()[-1] == "Nothing was changed."
    (report,) = run(crawled, "clean", "--dry-run", "--json").json
    assert (report["counts"]["lines_lost"], report["lost_by_rule"]) == (1, {"site-pattern": 1})
    assert report["samples"][0]["lost"] == [{"text": PARAGRAPHS[1], "rule": "site-pattern"}]
    assert story(crawled) == (number, before)
    assert "--all" in run(crawled, "clean", "--dry-run", "--since", "2030-01-01").out
    assert f"  - {PARAGRAPHS[1]}" in run(crawled, "clean", "--diff").out
    assert PARAGRAPHS[1] not in story(crawled)[1]


def test_a_held_result_is_listed_accepted_and_taken_back(crawled: Path) -> None:
    number, before = story(crawled)
    remove_paragraphs(crawled, 0, 1, 2, 3)
    (row,) = run(crawled, "clean", "--json").json
    clean_run = str(row["clean_run"])
    assert row["clean"] == {"held": {"lost_text": 1}}
    assert story(crawled)[1] == before
    assert number in run(crawled, "review").out
    diff = run(crawled, "review", "--diff").out
    assert f"  - {PARAGRAPHS[0]}  └ site-pattern" in diff
    assert run(crawled, "review", "--json").json[0]["reason"] == "lost_text"
    assert "1 recleaned" in run(crawled, "review", "--accept", number).out
    assert story(crawled)[1] == "\n".join(PARAGRAPHS[4:])
    preview = run(crawled, "rollback", clean_run, "--dry-run").out
    assert f"  + {PARAGRAPHS[0]}" in preview
    assert story(crawled)[1] == "\n".join(PARAGRAPHS[4:])
    rollback = run(crawled, "rollback", clean_run, "--json").json
    assert rollback["counts"] == {"recleaned": 1}
    assert story(crawled)[1] == before
    assert "nothing of run" in run(crawled, "rollback", clean_run).out


def test_a_rejected_result_is_not_listed_again(crawled: Path) -> None:
    remove_paragraphs(crawled, 0, 1, 2, 3)
    nightdesk(crawled, "clean")
    run(crawled, "review", "little", "--reject-all")
    assert run(crawled, "review").out == "Nothing is held.\n"
    assert run(crawled, "profile", "little", "--json").json["pages"] == 1


def test_the_profile_shows_which_containers_hold_the_stories_of_a_site(crawled: Path) -> None:
    containers = run(crawled, "profile", "little", "--json").json["containers"]
    (container,) = [container for container in containers if container["main_pages"]]
    assert (container["main_pages"], container["is_retired"]) == (1, False)
    head, line, *_ = run(crawled, "profile", "little").out.splitlines()
    assert head.split("  ")[0] == "Stories are in"
    first_day = container["first_main_at"][:10]
    assert line.split() == [*container["name"].split(), "1", first_day, "in", "use"]
    explanation = run(crawled, "explain", story(crawled)[0]).out
    assert f"{container['name']}  (story on 1 of 1 page)" in explanation


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("clean", "--rule", "promt"),
            "--rule promt: there is no such rule; did you mean 'prompt'?",
        ),
        (
            ("review", "--accept", "seven"),
            "seven: is not the number of a page; 'nightdesk review' shows them",
        ),
        (
            ("review", "--accept", "7"),
            "page 7: has no held result; 'nightdesk review' lists the pages that do",
        ),
        (
            ("review", "--accept-all", "--reject-all"),
            "review: a page can be accepted or rejected, not both",
        ),
        (("rollback", "99"), "run 99: there is no such run; 'nightdesk runs' lists them"),
        (("rollback", "1"), "run 1: is a crawl; only a clean can be taken back"),
    ],
)
def test_a_wrong_argument_is_one_sentence(
    untouched: Path, words: tuple[str, ...], sentence: str
) -> None:
    result = nightdesk(untouched, *words)
    assert (result.code, result.error_line) == (3, f"nightdesk: {sentence}")


def test_without_a_terminal_a_long_clean_prints_its_progress_every_half_minute(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = [0.0]
    progress = PlainProgress(quiet=False, clock=lambda: now[0])
    for second in range(0, 100, 10):
        now[0] = float(second)
        progress.clean("little", "cleaning", 100 + second * 50, 10_000)
    assert capsys.readouterr().out.splitlines() == [
        "little: cleaning 1,600 of 10,000, 50 a second, about 3 min left",
        "little: cleaning 3,100 of 10,000, 50 a second, about 2 min left",
        "little: cleaning 4,600 of 10,000, 50 a second, about 2 min left",
    ]
    assert format_rate(0, 1, 5) == ""
    assert format_rate(10, 1, 50) == ", 10 a second, about 5 s left"
    assert format_rate(1, 1, 9000) == ", 1 a second, about 2.5 h left"
