"""How alike texts are: copies of a wire story, and what only looks like one."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from pipeline.cleaning import near_duplicates
from pipeline.cleaning.near_duplicates import near_duplicate_score, best_leader, band_keys, candidate_band_keys, containment, make_sketch
from pipeline.core.models import MinHashSketch, SketchedArticle

DAY = 739_000
WIRE = [
    "The harbour council voted on Tuesday to put off a levy on visiting boats until the spring, after two hours of debate.",
    "Skippers had rowed across the inner harbour with a petition that more than three thousand people of the town have signed.",
    "We have been dredging this channel at our own expense for a decade, said the harbour master, and nobody has thanked us.",
    "The money was to pay for new pontoons, for lights on the long breakwater and for a second crane on the northern quay.",
    "Opponents answered that small boats would simply moor in the next bay, where there is neither a crane nor a levy to pay.",
    "A report on what the pontoons cost will be published in March, and the vote is expected before the regatta begins.",
]
OTHER = [
    "An old trawler that sank in the storm of last autumn was lifted on Wednesday by a floating crane from the capital.",
    "Divers had spent eleven days passing cables under the hull, which lies in water that is colder than most of them knew.",
    "Its owner, who was not aboard that night, watched from the mole with his sons and would not speak to reporters at all.",
    "The wreck will be taken apart in the yard behind the fish market, and its engine is to be shown in the town museum.",
]
NOTICE = "The bank set the rates for {}: the dollar costs {} roubles, the euro {}, the pound {}, the franc {} and the yen {} today. "


def sketched(
    *paragraphs: str, page: int = 1, site: str = "a", day: int = DAY, head: int | None = None
) -> SketchedArticle:
    made = make_sketch("\n".join(paragraphs))
    assert made is not None
    return SketchedArticle(page, site, day, made, head)


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
        [each.replace("Tuesday", "Wednesday").replace("harbour", "port") for each in WIRE],
        [each.upper().replace(",", " –").replace("'", "’") for each in WIRE],
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
def test_a_copy_in_another_paper_is_alike(copy: list[str]) -> None:
    one, other = sketched(*WIRE), sketched(*copy, page=2, site="b")
    assert near_duplicate_score(one, other) >= near_duplicates.MIN_CONTAINMENT
    assert near_duplicate_score(one, other) == near_duplicate_score(other, one)
    assert {*band_keys(one.sketch, one.day)} & {*candidate_band_keys(other.sketch, other.day)}


@pytest.mark.parametrize(
    "other",
    [
        OTHER,
        [*OTHER[:2], WIRE[2], *OTHER[2:], WIRE[3]],
        [*WIRE[:2], *(f"{each} {n}" for n in range(2) for each in OTHER), "And so on. " * 30],
        [
            "Шӯрои бандар рӯзи сешанбе овоз дод, ки боҷи қаиқҳои меҳмонро то баҳор ба таъхир андозад, пас аз ду соати баҳс."
            * 4
        ],
    ],
    ids=["another story", "another story that quotes it", "a round-up", "a translation"],
)
def test_what_is_no_copy_is_not_alike(other: list[str]) -> None:
    assert near_duplicate_score(sketched(*WIRE), sketched(*other, page=2, site="b")) == 0.0


def test_the_notice_of_another_day_with_other_numbers_is_no_copy() -> None:
    today, tomorrow = notice(93, 101, 118, 104, 62), notice(95, 103, 121, 107, 66)
    assert near_duplicate_score(sketched(*today), sketched(*today, page=2, site="b")) == 1.0
    assert (
        containment(sketched(*today).sketch, sketched(*tomorrow).sketch) >= near_duplicates.MIN_CONTAINMENT
    )  # by its words it would be
    assert near_duplicate_score(sketched(*today), sketched(*tomorrow, page=2, site="b")) == 0.0


def test_stories_of_one_site_have_to_be_nearly_the_same() -> None:
    assert near_duplicate_score(sketched(*WIRE), sketched(*WIRE[:4], page=2)) == 0.0
    assert near_duplicate_score(sketched(*WIRE), sketched(*WIRE, page=2)) == 1.0


def test_copies_are_printed_within_days() -> None:
    assert (
        near_duplicate_score(sketched(*WIRE), sketched(*WIRE, page=2, site="b", day=DAY + near_duplicates.MAX_DAYS_APART))
        == 1.0
    )
    assert (
        near_duplicate_score(
            sketched(*WIRE), sketched(*WIRE, page=2, site="b", day=DAY + near_duplicates.MAX_DAYS_APART + 1)
        )
        == 0.0
    )
    for days in (-near_duplicates.MAX_DAYS_APART, near_duplicates.MAX_DAYS_APART):
        assert {*band_keys(sketched(*WIRE).sketch, DAY)} <= {
            *candidate_band_keys(sketched(*WIRE).sketch, DAY + days)
        }


def test_a_cut_story_is_wholly_in_the_long_one() -> None:
    long, cut = sketched(*WIRE).sketch, sketched(*WIRE[:4]).sketch
    assert containment(long, cut) == pytest.approx(1.0, abs=0.1)
    assert near_duplicates.resemblance(long, cut) == pytest.approx(4 / 6, abs=0.12)


def test_a_short_text_takes_no_part() -> None:
    words = " ".join(WIRE).split()
    assert make_sketch(" ".join(words[: near_duplicates.MIN_WORDS - 1])) is None
    assert make_sketch(" ".join(words[: near_duplicates.MIN_WORDS])) is not None


def test_scripts_without_spaces_are_compared_by_letters() -> None:
    chance = random.Random(1)
    one, other = (
        "".join(chr(chance.randrange(0x4E00, 0x5E00)) for _ in range(200)) for _ in range(2)
    )
    assert near_duplicate_score(sketched(one), sketched(one[:150] + "。", page=2, site="b")) > 0.9
    assert near_duplicate_score(sketched(one), sketched(other, page=2, site="b")) == 0.0
    assert make_sketch(one[:100]) is None


def test_the_likeness_is_right_to_some_points() -> None:
    chance = random.Random(2)
    words = [f"w{number}" for number in range(3000)]
    off = []
    for share in (0.3, 0.5, 0.7, 0.9) * 5:
        both, ours, theirs = (chance.sample(words, 400) for _ in range(3))
        keep = int(400 * share)
        one, other = (
            make_sketch(" ".join(both + ours[: 400 - keep])),
            make_sketch(" ".join(both + theirs[: 400 - keep])),
        )
        assert one is not None
        assert other is not None
        off.append(near_duplicates.resemblance(one, other) - 400 / (400 + 2 * (400 - keep)))
    assert max(map(abs, off)) < 0.13
    assert abs(sum(off)) / len(off) < 0.03


def test_an_article_follows_the_head_before_it_that_it_shares_most_with() -> None:
    own = sketched(*WIRE, page=5, site="e")
    cut, whole = sketched(*WIRE[:3], OTHER[0], page=2, site="b"), sketched(*WIRE, page=3, site="c")
    assert best_leader(own, [cut, whole]) == (whole, 1.0)
    assert best_leader(own, [sketched(*WIRE, page=4, site="d"), whole]) == (
        whole,
        1.0,
    )  # of equal ones the first
    assert best_leader(own, [sketched(*WIRE, page=4, site="d", head=1), cut])[0] == cut  # type: ignore[index]
    assert best_leader(own, [sketched(*WIRE, page=6, site="f")]) is None


def test_sketches_are_the_same_in_every_process() -> None:
    program = "import sys; from pipeline.cleaning import near_duplicates; print(near_duplicates.VERSION, near_duplicates.sketch(sys.stdin.read()))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=" ".join(WIRE),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == f"{near_duplicates.SKETCH_VERSION} {make_sketch(' '.join(WIRE))}"


def test_another_way_to_make_sketches_is_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    assert near_duplicates._version() == near_duplicates.SKETCH_VERSION
    monkeypatch.setattr(near_duplicates, "SEED", 7)
    assert near_duplicates._version() != near_duplicates.SKETCH_VERSION


def test_numbers_are_compared_as_far_as_both_texts_keep_them() -> None:
    many = [" ".join([*WIRE, *map(str, range(1000, 1000 + n))]) for n in (20, 60)]
    one, other = (make_sketch(each) for each in many)
    assert one is not None
    assert other is not None
    assert len(other.number_digests) == 2 * near_duplicates.MAX_NUMBERS
    assert (
        near_duplicates.shared_numbers(one, other) == near_duplicates.shared_numbers(other, one) == 1.0
    )
    assert (
        near_duplicates.shared_numbers(one, MinHashSketch(other.shingle_count, other.minhash)) == 1.0
    )  # none at all say nothing
