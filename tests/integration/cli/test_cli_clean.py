"""Cleaning again at the command line: looked at, held, accepted, rejected, taken back, and how far it is."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest

from pipeline.cli.views.night_progress import PlainProgress, format_rate
from tests.conftest import CONTACT
from tests.support.cli import CommandResult, nightdesk
from tests.support.http_site import serving

pytestmark = pytest.mark.xdist_group(
    "recleaning"
)  # the one crawl that they begin with is made once
PARAGRAPHS = [
    f"Paragraph {number} says that the ferry of the {word} quay left the harbour on time and came back before the evening,"
    f" which nobody on the {word} side of the river had seen in years, and everybody was glad of it."
    for number, word in enumerate(("northern", "southern", "eastern", "western", "upper", "lower"))
]


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose archive has one story of six paragraphs, for tests that change nothing."""
    home = tmp_path_factory.mktemp("crawled") / "home"
    (home / "config" / "sites").mkdir(parents=True)
    (home / "config" / "nightdesk.toml").write_text(CONTACT, encoding="utf8")
    with serving() as site:
        site.feed([site.story("ferries", "The ferries of the harbour are back", *PARAGRAPHS)])
        site.file(home)
        assert nightdesk(home, "crawl").code == 0
    return home


@pytest.fixture
def crawled(untouched: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(copytree(untouched, tmp_path / "home"))


def strike(home: Path, *paragraphs: int) -> None:
    """Puts other rules in force."""
    file = home / "config" / "sites" / "little.toml"
    text = file.read_text(encoding="utf8").partition("[cleaning]")[0]
    patterns = ", ".join(f"'Paragraph {number} .*'" for number in paragraphs)
    file.write_text(f"{text}[cleaning]\nremove = [{patterns}]\n", encoding="utf8")


def story(home: Path) -> tuple[str, str]:
    """Number and text of the one article."""
    (found,) = nightdesk(home, "search", "ferries", "--json").json
    return str(found["id"]), found["text"]


def good(answer: CommandResult) -> CommandResult:
    assert (answer.code, answer.err) == (0, "")
    return answer


def test_a_dry_run_shows_what_would_change_and_by_which_rule_and_changes_nothing(
    crawled: Path,
) -> None:
    number, before = story(crawled)
    strike(crawled, 1)
    out = good(nightdesk(crawled, "clean", "--dry-run")).out
    assert f"  - {PARAGRAPHS[1]}  └ site-pattern" in out
    assert out.splitlines()[0].split() == [
        "Dry",
        "run",
        "pages",
        "changed",
        "lose",
        "text",
        "lines",
        "lost",
        "held",
    ]
    assert out.splitlines()[1].split() == ["little", "1", "1", "1", "1", "0"]
    assert out.splitlines()[-1] == "Nothing was changed."
    (report,) = good(nightdesk(crawled, "clean", "--dry-run", "--json")).json
    assert (report["counts"]["lines_lost"], report["lost_by_rule"]) == (1, {"site-pattern": 1})
    assert report["samples"][0]["lost"] == [{"text": PARAGRAPHS[1], "rule": "site-pattern"}]
    assert story(crawled) == (number, before)
    assert "--all" in good(nightdesk(crawled, "clean", "--dry-run", "--since", "2030-01-01")).out
    assert f"  - {PARAGRAPHS[1]}" in good(nightdesk(crawled, "clean", "--diff")).out
    assert PARAGRAPHS[1] not in story(crawled)[1]


def test_what_is_held_is_listed_accepted_and_taken_back(crawled: Path) -> None:
    number, before = story(crawled)
    strike(crawled, 0, 1, 2, 3)
    (done,) = good(nightdesk(crawled, "clean", "--json")).json
    assert done["clean"] == {"held": {"lost_text": 1}}
    assert story(crawled)[1] == before
    assert number in good(nightdesk(crawled, "review")).out
    assert (
        f"  - {PARAGRAPHS[0]}  └ site-pattern" in good(nightdesk(crawled, "review", "--diff")).out
    )
    assert good(nightdesk(crawled, "review", "--json")).json[0]["reason"] == "lost_text"
    assert "1 recleaned" in good(nightdesk(crawled, "review", "--accept", number)).out
    assert story(crawled)[1] == "\n".join(PARAGRAPHS[4:])
    assert (
        f"  + {PARAGRAPHS[0]}"
        in good(nightdesk(crawled, "rollback", str(done["clean_run"]), "--dry-run")).out
    )
    assert story(crawled)[1] == "\n".join(PARAGRAPHS[4:])
    assert good(nightdesk(crawled, "rollback", str(done["clean_run"]), "--json")).json[
        "counts"
    ] == {"recleaned": 1}
    assert story(crawled)[1] == before
    assert "nothing of run" in good(nightdesk(crawled, "rollback", str(done["clean_run"]))).out


def test_what_is_rejected_is_listed_no_more(crawled: Path) -> None:
    strike(crawled, 0, 1, 2, 3)
    nightdesk(crawled, "clean")
    good(nightdesk(crawled, "review", "little", "--reject-all"))
    assert good(nightdesk(crawled, "review")).out == "Nothing is held.\n"
    assert good(nightdesk(crawled, "memory", "little", "--json")).json["pages"] == 1


def test_the_memory_shows_where_the_stories_of_a_site_stand(crawled: Path) -> None:
    (container,) = [
        each
        for each in good(nightdesk(crawled, "memory", "little", "--json")).json["containers"]
        if each["pages"]
    ]
    assert (container["pages"], container["ended"]) == (1, False)
    head, line, *_ = good(nightdesk(crawled, "memory", "little")).out.splitlines()
    assert head.split("  ")[0] == "Stories stand in"
    assert line.split() == [
        *container["name"].split(),
        "1",
        container["first_at"][:10],
        "in",
        "use",
    ]
    assert (
        f"{container['name']}  (story on 1 of 1 page)"
        in good(nightdesk(crawled, "explain", story(crawled)[0])).out
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("clean", "--rule", "promt"),
            "--rule promt: there is no such rule; did you mean 'prompt'?",
        ),
        (
            ("review", "--accept", "seven"),
            "seven: is no number of a page; 'nightdesk review' shows them",
        ),
        (
            ("review", "--accept", "7"),
            "page 7: nothing is held of it; 'nightdesk review' lists what is",
        ),
        (
            ("review", "--accept-all", "--reject-all"),
            "review: a page can be accepted or rejected, not both",
        ),
        (("rollback", "99"), "run 99: there is no such run; 'nightdesk runs' lists them"),
        (("rollback", "1"), "run 1: is a crawl; only a clean can be taken back"),
    ],
)
def test_a_wrong_choice_is_one_sentence(untouched: Path, words: tuple[str, ...], said: str) -> None:
    answer = nightdesk(untouched, *words)
    assert (answer.code, answer.error_line) == (3, f"nightdesk: {said}")


def test_where_nobody_watches_a_long_clean_says_every_half_minute_how_far_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = [0.0]
    lines = PlainProgress(quiet=False, clock=lambda: now[0])
    for second in range(0, 100, 10):
        now[0] = float(second)
        lines.clean("little", "cleaning", 100 + second * 50, 10_000)
    assert capsys.readouterr().out.splitlines() == [
        "little: cleaning 1,600 of 10,000, 50 a second, about 3 min left",
        "little: cleaning 3,100 of 10,000, 50 a second, about 2 min left",
        "little: cleaning 4,600 of 10,000, 50 a second, about 2 min left",
    ]
    paces = [format_rate(0, 1, 5), format_rate(10, 1, 50), format_rate(1, 1, 9000)]
    assert paces == ["", ", 10 a second, about 5 s left", ", 1 a second, about 2.5 h left"]
