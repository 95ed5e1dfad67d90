"""Pages are cleaned without an archive."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline import extract
from pipeline.config.site import CleaningOptions
from pipeline.core.errors import DiskError, ExitCode
from pipeline.core.models import ExtractedPage
from pipeline.formats.readers.input_page import InputPage
from pipeline.jobs import batch_clean
from pipeline.jobs.batch_clean import (
    BatchProfile,
    CleanedPage,
    PageBatch,
    clean_batch,
    to_json,
)
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.clean.types import PendingPayload

SENTENCES = (
    "The crane on the northern quay was mended on Monday, and the {0} left on time again.",
    "Nobody had expected the {0} to be ready before the end of the week, said the harbour master.",
    "The next inspection of the {0} is planned for the spring, when the water is at its lowest.",
)
REPEATED = "The Courier is read by everybody who has business at the water's edge."


def story(about: str, *more: str, head: str = "") -> str:
    sentences = [sentence.format(about) for sentence in SENTENCES]
    paragraphs = "".join(f"<p>{sentence}</p>" for sentence in (*sentences, *more))
    title = f"How the {about} came back to the old harbour"
    return (
        f"<html><head><title>{title}</title>{head}</head>"
        f"<body><article><h1>{title}</h1>{paragraphs}</article></body></html>"
    )


class InlineWorkers:
    """Workers that extract in this process."""

    def extract(
        self, payloads: Iterable[PendingPayload]
    ) -> Iterator[tuple[PendingPayload, ExtractedPage]]:
        for payload in list(payloads):  # reads ahead, as the real ones do
            yield payload, extract.extract(payload.raw_page)


WORKERS = cast(WorkerPool, InlineWorkers())


class Told:
    """What was complained of."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.codes: set[ExitCode] = set()

    def __call__(self, sentence: str, code: ExitCode) -> None:
        self.sentences.append(sentence)
        self.codes.add(code)


@pytest.fixture
def told() -> Told:
    return Told()


def line(**values: object) -> bytes:
    return json.dumps(values).encode() + b"\n"


def clean(*inputs: InputPage) -> list[CleanedPage]:
    return list(clean_batch(inputs, WORKERS, lambda *_: None))


def page(name: str, *more: str, site: str = "courier", url: str = "", head: str = "") -> InputPage:
    return InputPage(name, "a test", site, url, story(name, *more, head=head).encode())


def test_results_come_in_the_order_of_the_pages() -> None:
    names = [f"ferry-{number}" for number in range(20)]
    assert [output.id for output in clean(*map(page, names))] == names


def test_a_line_on_several_pages_of_a_site_is_removed_with_rule_and_reason() -> None:
    rows = [
        to_json(output)
        for output in clean(
            *(page(name, REPEATED) for name in ("ferries", "barges", "tugs", "pilots"))
        )
    ]
    for row in rows:
        assert REPEATED not in row["text"]
        assert [each["rule"] for each in row["removed"] if each["text"] == REPEATED] == ["repeated"]
        assert all(each["why"] for each in row["removed"])


def test_pages_of_other_sites_and_copies_of_the_same_page_do_not_count() -> None:
    sites = [page(name, REPEATED, site=name) for name in ("ferries", "barges", "tugs", "pilots")]
    assert all(REPEATED in output.result.text for output in clean(*sites))
    copies = [
        InputPage(
            number,
            "a test",
            "courier",
            "https://courier.example/1",
            story("ferries", REPEATED).encode(),
        )
        for number in range(5)
    ]
    assert all(REPEATED in output.result.text for output in clean(*copies))


def test_the_site_comes_from_the_input_or_the_url_or_the_page_or_the_folder() -> None:
    canonical = '<link rel="canonical" href="https://www.courier.example/1">'
    outputs = clean(
        page("a", site="named", url="https://www.other.example/"),
        page("b", site="", url="https://www.other.example/"),
        page("c", site="", head=canonical),
        InputPage("d", "a test", fallback_site="saved", body=story("d").encode()),
        page("e", site="", url="http://["),
    )
    assert [output.site for output in outputs] == [
        "named",
        "other.example",
        "courier.example",
        "saved",
        "",
    ]


def test_a_page_without_a_story_has_a_result_with_a_reason() -> None:
    (output,) = clean(InputPage("empty", "a test"))
    row = to_json(output)
    assert (row["text"], row["outcome"], row["reason"], row["date"]) == (
        "",
        "not_article",
        "no_text",
        None,
    )


def test_a_date_is_as_precise_as_it_is_known() -> None:
    def date_of(value: str, fetched_at: datetime | None = None) -> Any:
        head = f'<meta property="article:published_time" content="{value}">'
        body = story("a", head=head).encode()
        (cleaned,) = clean(InputPage("a", "a test", body=body, fetched_at=fetched_at))
        return to_json(cleaned)["date"]

    assert date_of("2024-03-01") == "2024-03-01"
    assert date_of("2024-03-01T10:30:00+05:00") == "2024-03-01T10:30:00+05:00", (
        "in the local time of the page"
    )
    assert date_of("2024-03-01T23:30:00-05:00") == "2024-03-01T23:30:00-05:00", (
        "although it is the next day in UTC"
    )
    assert date_of("2024-03-01T10:30:00Z") == "2024-03-01T10:30:00+00:00"
    assert date_of("2024-03-01T10:30:00") == "2024-03-01T10:30:00", "nobody knows its zone"
    assert date_of("2024-03-01 10:30:05 PM") == "2024-03-01T22:30:05"
    assert date_of("2024-03-01", datetime(2020, 1, 1, tzinfo=UTC)) is None, (
        "it was fetched before that date"
    )


def test_a_date_has_no_time_if_the_page_shows_another_day_than_its_clock() -> None:
    head = '<meta property="article:published_time" content="2024-03-02T04:30:00Z">'
    line = "<p class='date'>March 1, 2024, 11:30 p.m.</p>"
    shown = story("a", head=head).replace("</h1>", f"</h1>{line}")
    row = to_json(clean(InputPage("a", "a test", body=shown.encode()))[0])
    assert (row["date"], row["date_source"], row["date_confidence"]) == (
        "2024-03-01",
        "meta",
        "high",
    )


def test_the_metadata_of_a_story_are_in_its_line() -> None:
    head = (
        '<meta property="article:published_time" content="2024-03-01T10:30:00+05:00">'
        '<meta property="article:modified_time" content="2024-03-01T12:00:00+05:00">'
        '<meta property="article:section" content="Harbour">'
        '<meta name="keywords" content="crane, quay">'
        '<meta property="article:content_tier" content="metered">'
        '<meta property="og:site_name" content="The Courier">'
        '<meta property="og:image" content="https://courier.example/crane.jpg">'
        '<meta name="description" content="A crane.">'
        '<link rel="canonical" href="https://courier.example/crane">'
    )
    row = to_json(clean(page("crane", head=head))[0])
    assert {name: row[name] for name in row if name.startswith(("date_", "modified"))} == {
        "date_source": "meta",
        "date_confidence": "medium",
        "modified": "2024-03-01T12:00:00+05:00",
        "modified_source": "meta",
        "modified_confidence": "medium",
    }
    assert (row["section"], row["tags"], row["paywalled"]) == ("Harbour", ["crane", "quay"], True)
    assert (row["site_name"], row["image"]) == ("The Courier", "https://courier.example/crane.jpg")
    assert (row["canonical_url"], row["description"]) == (
        "https://courier.example/crane",
        "A crane.",
    )


def test_a_line_says_whether_another_reading_was_followed() -> None:
    sentence = "The harbour of Aland has a new crane that lifts forty tonnes, on day {} as well."
    body = "\n".join(sentence.format(number) for number in range(9))
    data = json.dumps({"@type": "NewsArticle", "headline": "A crane", "articleBody": body})
    head = f'<title>A crane</title><script type="application/ld+json">{data}</script>'
    markup = f"<html><head>{head}</head><body><h1>A crane</h1><div id=app></div></body></html>"
    row = to_json(clean(InputPage("a", "a test", body=markup.encode()))[0])
    assert row["text"] == body
    assert row["recovered"] is True
    assert row["readings"].endswith("its JSON-LD has 153; it was followed")
    assert to_json(clean(page("crane"))[0])["recovered"] is False


def test_the_documentation_names_every_field_of_a_line() -> None:
    reference = Path(__file__).parents[3] / "docs" / "reference" / "extract-output.md"
    table = reference.read_text(encoding="utf8").partition("| Field | Meaning |")[2]
    fields = re.findall(r"^\| `(\w+)` \|", table.partition("\n\n")[0], flags=re.M)
    (cleaned,) = clean(page("crane"))
    assert fields == list(to_json(cleaned))


def test_a_batch_is_extracted_once_and_can_be_cleaned_several_times() -> None:
    with PageBatch() as batch:
        assert list(
            batch.extract([page(name, REPEATED) for name in ("ferries", "barges", "tugs")], WORKERS)
        ) == [1, 2, 3]
        first, again = list(batch.clean()), list(batch.clean())
        without = list(batch.clean(CleaningOptions(without=("repeated",))))
    assert [page.result for page in first] == [page.result for page in again]
    assert all(REPEATED in page.result.text for page in without)


def test_a_line_on_all_pages_takes_no_more_memory_than_one_on_a_few_pages() -> None:
    profile = BatchProfile()
    for number in range(100):
        profile.add("courier", number, [1], [])
    sizes = {len(cast(tuple[int, ...], pages)) for pages in profile._lines.values()}
    assert sizes == {batch_clean.MAX_PAGES_PER_LINE}
    assert profile.line_stats("courier", 99, [1, 2])[1].page_count == batch_clean.MAX_COUNTED_PAGES
    assert profile.line_stats("other", 99, [1]) == {}


def test_a_full_temporary_folder_gives_a_sentence() -> None:
    full_device = Path("/dev/full")
    with PageBatch() as batch, full_device.open("wb", buffering=0) as full:
        batch._spool = cast(Any, full)
        with pytest.raises(DiskError, match="TMPDIR names another folder"):
            list(batch.extract([page("ferries")], WORKERS))
