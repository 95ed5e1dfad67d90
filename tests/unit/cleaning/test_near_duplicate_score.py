"""Copies of a wire story are near-duplicates; texts that only resemble them are not."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from pipeline.cleaning import near_duplicates
from pipeline.cleaning.near_duplicates import (
    band_keys,
    best_leader,
    candidate_band_keys,
    containment,
    make_sketch,
    near_duplicate_score,
)
from pipeline.core.models import MinHashSketch, SketchedArticle

DAY = 739_000
WIRE = [
    (
        "The harbour council voted on Tuesday to put off a levy on visiting boats until the"
        " spring, after two hours of debate."
    ),
    (
        "Skippers had rowed across the inner harbour with a petition that more than three thousand"
        " people of the town have signed."
    ),
    (
        "We have been dredging this channel at our own expense for a decade, said the harbour"
        " master, and nobody has thanked us."
    ),
    (
        "The money was to pay for new pontoons, for lights on the long breakwater and for a second"
        " crane on the northern quay."
    ),
    (
        "Opponents answered that small boats would simply moor in the next bay, where there is"
        " neither a crane nor a levy to pay."
    ),
    (
        "A report on what the pontoons cost will be published in March, and the vote is expected"
        " before the regatta begins."
    ),
]
OTHER = [
    (
        "An old trawler that sank in the storm of last autumn was lifted on Wednesday by a floating"
        " crane from the capital."
    ),
    (
        "Divers had spent eleven days passing cables under the hull, which lies in water that is"
        " colder than most of them knew."
    ),
    (
        "Its owner, who was not aboard that night, watched from the mole with his sons and would"
        " not speak to reporters at all."
    ),
    (
        "The wreck will be taken apart in the yard behind the fish market, and its engine is to be"
        " shown in the town museum."
    ),
]
NOTICE = (
    "The bank set the rates for {}: the dollar costs {} roubles, the euro {}, the pound {}, the"
    " franc {} and the yen {} today. "
)


def article(
    *paragraphs: str, page: int = 1, site: str = "a", day: int = DAY, leader: int | None = None
) -> SketchedArticle:
    sketch = make_sketch("\n".join(paragraphs))
    assert sketch is not None
    return SketchedArticle(page, site, day, sketch, leader)


def notice(*numbers: int) -> list[str]:
    return [*WIRE[:2], NOTICE.format("Monday", *numbers)]


@pytest.mark.parametrize(
    "copy",
    [
        WIRE,
        ["Levy put off", *WIRE, "Reporting by Martin Dray"],
        WIRE[:4],
        [
            WIRE[0],
            "Our own correspondent adds that the regatta itself was in doubt for some weeks.",
            *WIRE[1:],
        ],
        [text.replace("Tuesday", "Wednesday").replace("harbour", "port") for text in WIRE],
        [text.upper().replace(",", " –").replace("'", "’") for text in WIRE],
    ],
    ids=[
        "whole",
        "another headline and byline",
        "cut",
        "added to",
        "edited",
        "another case and punctuation",
    ],
)
def test_a_copy_in_another_paper_is_a_near_duplicate(copy: list[str]) -> None:
    one, other = article(*WIRE), article(*copy, page=2, site="b")
    assert near_duplicate_score(one, other) >= near_duplicates.MIN_CONTAINMENT
    assert near_duplicate_score(one, other) == near_duplicate_score(other, one)
    assert {*band_keys(one.sketch, one.day)} & {*candidate_band_keys(other.sketch, other.day)}


@pytest.mark.parametrize(
    "other",
    [
        OTHER,
        [*OTHER[:2], WIRE[2], *OTHER[2:], WIRE[3]],
        [*WIRE[:2], *(f"{text} {n}" for n in range(2) for text in OTHER), "And so on. " * 30],
        [
            "Шӯрои бандар рӯзи сешанбе овоз дод, ки боҷи қаиқҳои меҳмонро то баҳор ба таъхир"
            " андозад, пас аз ду соати баҳс." * 4
        ],
    ],
    ids=["another story", "another story that quotes it", "a round-up", "a translation"],
)
def test_another_story_is_no_near_duplicate(other: list[str]) -> None:
    assert near_duplicate_score(article(*WIRE), article(*other, page=2, site="b")) == 0.0


def test_a_notice_with_other_numbers_is_no_near_duplicate() -> None:
    today, tomorrow = notice(93, 101, 118, 104, 62), notice(95, 103, 121, 107, 66)
    assert near_duplicate_score(article(*today), article(*today, page=2, site="b")) == 1.0
    assert (
        containment(article(*today).sketch, article(*tomorrow).sketch)
        >= near_duplicates.MIN_CONTAINMENT
    )  # its words alone would make it one
    assert near_duplicate_score(article(*today), article(*tomorrow, page=2, site="b")) == 0.0


def test_stories_of_one_site_have_to_be_nearly_the_same() -> None:
    assert near_duplicate_score(article(*WIRE), article(*WIRE[:4], page=2)) == 0.0
    assert near_duplicate_score(article(*WIRE), article(*WIRE, page=2)) == 1.0


def test_articles_far_apart_in_time_are_no_near_duplicates() -> None:
    assert (
        near_duplicate_score(
            article(*WIRE),
            article(*WIRE, page=2, site="b", day=DAY + near_duplicates.MAX_DAYS_APART),
        )
        == 1.0
    )
    assert (
        near_duplicate_score(
            article(*WIRE),
            article(*WIRE, page=2, site="b", day=DAY + near_duplicates.MAX_DAYS_APART + 1),
        )
        == 0.0
    )
    for days in (-near_duplicates.MAX_DAYS_APART, near_duplicates.MAX_DAYS_APART):
        assert {*band_keys(article(*WIRE).sketch, DAY)} <= {
            *candidate_band_keys(article(*WIRE).sketch, DAY + days)
        }


def test_a_shortened_story_is_contained_in_the_long_one() -> None:
    long, cut = article(*WIRE).sketch, article(*WIRE[:4]).sketch
    assert containment(long, cut) == pytest.approx(1.0, abs=0.1)
    assert near_duplicates.resemblance(long, cut) == pytest.approx(4 / 6, abs=0.12)


def test_a_short_text_has_no_sketch() -> None:
    words = " ".join(WIRE).split()
    assert make_sketch(" ".join(words[: near_duplicates.MIN_TEXT_WORDS - 1])) is None
    assert make_sketch(" ".join(words[: near_duplicates.MIN_TEXT_WORDS])) is not None


def test_scripts_without_spaces_are_compared_by_letters() -> None:
    chance = random.Random(1)
    one, other = (
        "".join(chr(chance.randrange(0x4E00, 0x5E00)) for _ in range(200)) for _ in range(2)
    )
    assert near_duplicate_score(article(one), article(one[:150] + "。", page=2, site="b")) > 0.9
    assert near_duplicate_score(article(one), article(other, page=2, site="b")) == 0.0
    assert make_sketch(one[:100]) is None


def test_the_resemblance_is_accurate_to_some_points() -> None:
    chance = random.Random(2)
    words = [f"w{number}" for number in range(3000)]
    errors = []
    for share in (0.3, 0.5, 0.7, 0.9) * 5:
        both, ours, theirs = (chance.sample(words, 400) for _ in range(3))
        common = int(400 * share)
        one, other = (
            make_sketch(" ".join(both + ours[: 400 - common])),
            make_sketch(" ".join(both + theirs[: 400 - common])),
        )
        assert one is not None
        assert other is not None
        errors.append(near_duplicates.resemblance(one, other) - 400 / (400 + 2 * (400 - common)))
    assert max(map(abs, errors)) < 0.13
    assert abs(sum(errors)) / len(errors) < 0.03


def test_an_article_follows_the_earlier_leader_with_most_in_common() -> None:
    own = article(*WIRE, page=5, site="e")
    cut, whole = article(*WIRE[:3], OTHER[0], page=2, site="b"), article(*WIRE, page=3, site="c")
    assert best_leader(own, [cut, whole]) == (whole, 1.0)
    assert best_leader(own, [article(*WIRE, page=4, site="d"), whole]) == (
        whole,
        1.0,
    )  # of equal ones the first
    assert best_leader(own, [article(*WIRE, page=4, site="d", leader=1), cut])[0] == cut  # type: ignore[index]
    assert best_leader(own, [article(*WIRE, page=6, site="f")]) is None


def test_sketches_are_the_same_in_every_process() -> None:
    program = (
        "import sys; from pipeline.cleaning.near_duplicates import SKETCH_VERSION, make_sketch\n"
        "print(SKETCH_VERSION, make_sketch(sys.stdin.read()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=" ".join(WIRE),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == f"{near_duplicates.SKETCH_VERSION} {make_sketch(' '.join(WIRE))}"


def test_another_way_to_make_sketches_has_another_version() -> None:
    assert near_duplicates.sketch_version() == near_duplicates.SKETCH_VERSION
    assert near_duplicates.sketch_version(seed=7) != near_duplicates.SKETCH_VERSION


def test_the_version_of_stored_sketches_never_changes() -> None:
    assert near_duplicates.SKETCH_VERSION == "5e774f0bdd8ae814"


def test_only_numbers_that_both_sketches_store_are_compared() -> None:
    many = [" ".join([*WIRE, *map(str, range(1000, 1000 + n))]) for n in (20, 60)]
    one, other = (make_sketch(text) for text in many)
    assert one is not None
    assert other is not None
    assert len(other.number_digests) == 2 * near_duplicates.MAX_NUMBERS
    assert (
        near_duplicates.shared_numbers(one, other)
        == near_duplicates.shared_numbers(other, one)
        == 1.0
    )
    assert (
        near_duplicates.shared_numbers(one, MinHashSketch(other.shingle_count, other.minhash))
        == 1.0
    )  # no numbers prove nothing
