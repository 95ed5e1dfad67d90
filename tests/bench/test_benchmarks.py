"""The benchmarks measure pages that you bring, and end with a sentence if there are none."""

from __future__ import annotations

import json
import lzma
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.bench import candidates, quality, search, second_night, short, speed
from tests.bench.candidates import CANDIDATES, Candidate
from tests.bench.costs import cost_of
from tests.bench.sets import Cache, load_set

LINES = (
    ("The crane on the {1} quay was mended on Monday, and the {0} left the harbour on time again."),
    "Nobody had expected the {0} to be ready before {1} work ended, said the harbour master.",
)
REPEATED = "Subscribe to our newsletter"


def labelled(topic: str, number: int) -> dict[str, object]:
    text: list[str] = []
    for side in ("northern", "eastern", "southern"):
        text += [line.format(topic, side) for line in LINES]
    body = "".join(f"<p>{line}</p>" for line in (*text, REPEATED))
    title = f"The {topic} came back to the old harbour"
    article = f"<article><h1>{title}</h1>{body}</article>"
    html = f"<html><head><title>{title}</title></head><body>{article}</body></html>"
    return {
        "id": topic,
        "site": f"s{number % 2}",
        "url": "",
        "html": html,
        "text": "\n".join(text),
        "title": title,
    }


@pytest.fixture
def set_file(tmp_path: Path) -> Path:
    path = tmp_path / "little.jsonl.xz"
    lines = ""
    for number, topic in enumerate(("ferries", "barges", "tugs")):
        lines += json.dumps(labelled(topic, number)) + "\n"
    path.write_bytes(lzma.compress(lines.encode()))
    return path


@pytest.mark.parametrize("main", [quality.main, speed.main])
def test_a_benchmark_without_a_set_ends_with_a_sentence(
    main: Callable[[Sequence[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_candidates_are_compared_and_each_rule_is_left_out_once(
    set_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        str(set_file),
        "--candidates",
        "nightdesk",
        "--ablation",
        "--bootstrap",
        "20",
        "--cache",
        str(tmp_path / "cache"),
    ]
    assert quality.main([*arguments, "--workers", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:6] == ["little:", "3", "pages", "of", "2", "sites"]
    assert lines[1].split()[:5] == ["nightdesk", *["1.0000"] * 4]
    rules = {}
    for line in lines:
        name, *figures = line.split() or [""]
        rules[name] = figures
    assert rules["prompt"][0] == "3", "a line of each page is removed"
    assert rules["own-title"][0] == "3"
    assert float(rules["own-title"][2]) > 0, "without the rule, the score is lower"
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_rows_of_a_missing_candidate_come_from_the_cache(set_file: Path, tmp_path: Path) -> None:
    cache, pages = Cache(tmp_path / "cache"), load_set(set_file)
    absent = Candidate("absent", "no-such-distribution", candidates.trafilatura)
    assert quality.candidate_rows(absent, pages, cache, 1) is None
    cache.put(pages, "absent", "1.0", [{"id": "tugs", "text": "x"}])
    assert quality.candidate_rows(absent, pages, cache, 1) == {"tugs": {"id": "tugs", "text": "x"}}


def test_a_candidate_that_fails_on_a_page_has_an_empty_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(markup: str, url: str) -> dict[str, object]:
        raise RecursionError(markup)

    monkeypatch.setitem(CANDIDATES, "failing", Candidate("failing", "x", fail))
    assert candidates.run_on_page(("failing", "7", "<p>", "")) == {
        "id": "7",
        "text": "",
        "error": "RecursionError: <p>",
    }
    assert candidates.run_on_page(("trafilatura", "7", "<p>x</p>", ""))["id"] == "7"


@pytest.mark.parametrize("content", ["", "{}", '{"id": "a"}', "nothing"])
def test_a_broken_set_ends_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text(content, encoding="utf8")
    with pytest.raises(SystemExit):
        load_set(path)
    assert str(path) in capsys.readouterr().err


def test_the_cost_includes_processes_that_outlive_their_parent() -> None:
    burn = "import time\nwhile time.process_time() < 0.4: pass"
    orphan = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {burn!r}])"
    assert cost_of([sys.executable, "-c", orphan]).cpu > 0.4


def test_cleaning_again_is_measured_in_an_archive_of_its_own(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    for number, topic in enumerate(("ferries", "barges")):
        (pages / f"{number}.html").write_text(str(labelled(topic, number)["html"]), encoding="utf8")
    messages: list[str] = []
    second_night.measure(pages, tmp_path / "home", messages.append)
    assert [line.split(":")[0] for line in messages] == [
        "cleaned in full",
        "of this, all but the extraction",
        "rules applied again after a change of rules",
        "checked, nothing changed",
    ]


def test_searches_of_every_kind_are_timed(capsys: pytest.CaptureFixture[str]) -> None:
    assert search.main(["--articles", "300", "--engines", "sqlite", "--queries", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    hits = {line[:44].strip(): int(line.split()[-1]) for line in lines[3:]}
    assert hits["a common word"] == hits["empty query"] == 20
    assert hits["counts: all"] == 300
    assert len(hits) > 25


HELPERS = {"costs", "crawl_memory", "generated_site", "plain_scrapy", "short"}
TRAINING = {"train", "train_lists"}  # they take an hour, and write files
SAMPLES = {
    "many_sites": "nothing new        0.391   ratio 0.90 CPU seconds a site",
    "crawl": "median: 1.20 times the CPU of bare Scrapy (at most 1.25), 0.9 times its pages",
    "large_site": "sqlite: rules only 0.87 ms of CPU a page with one process",
    "exports": "jsonl         1,000 articles       1.5 s      1.1 s of CPU     73 MB  verified",
    "web": "front page       190 requests a second    12.1 ms of CPU     30.1 kB each",
}
FOUND = {"many_sites": "0.391", "crawl": "1.20", "large_site": "0.87", "exports": "1.1"}


def test_the_short_table_has_all_benchmarks() -> None:
    programs = set()
    for path in Path(short.__file__).parent.glob("*.py"):
        is_program = '__name__ == "__main__"' in path.read_text(encoding="utf8")
        if is_program and not path.stem.startswith("test_"):
            programs.add(path.stem)
    assert programs - HELPERS - TRAINING == {form.name for form in short.SHORT_FORMS}


def test_the_short_table_finds_figures_and_says_which_are_missing() -> None:
    by_name = {form.name: form for form in short.SHORT_FORMS}
    for name, figure in (FOUND | {"web": "12.1"}).items():
        first, *others = short.rows(by_name[name], SAMPLES[name], "missing")
        assert first.split("  ")[-2].strip() == figure
        assert all("missing" in row for row in others if name != "crawl")


def test_the_short_table_says_which_benchmarks_need_a_set(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert short.main(["--only", "speed"]) == 0
    assert "no set" in capsys.readouterr().out
