"""Lines of a page, their features, and their probabilities by the decision trees."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import exp, isfinite
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml.html import HtmlElement

from pipeline.core.models import BlockKind, Metadata, RawPage
from pipeline.extract import extract, line_classifier
from pipeline.extract.decision_trees import (
    FIRST_TREES,
    HOPELESS_SCORE,
    DecisionTrees,
    bundled_trees,
)
from pipeline.extract.features.line_features import (
    FEATURE_NAMES,
    VOTE_FEATURES,
    ExtractorLines,
    LineFeatures,
)
from pipeline.extract.html import parse_html
from pipeline.extract.line_classifier import (
    MAX_ASKED_LINES,
    is_settled,
    is_too_costly,
    level_lists,
    read_blocks,
)
from pipeline.extract.page_lines import PageLine, Region
from pipeline.extract.text_lines import MAX_LINES, read_lines


def tree_of(body: str) -> HtmlElement:
    tree = parse_html(f"<html><body>{body}</body></html>".encode())
    assert tree is not None
    return tree


def lines(body: str) -> list[PageLine]:
    return read_lines(tree_of(body)).lines


def texts(body: str) -> list[str]:
    return [line.text for line in lines(body)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<p>One</p>two<p>three</p>", ["One", "two", "three"]),
        ("<div>a <b>bold</b> and <i>slanted</i> word</div>", ["a bold and slanted word"]),
        ("<p>first<br>second<br/>third</p>", ["first", "second", "third"]),
        ("<div>before<p>inner</p>after</div>", ["before", "inner", "after"]),
        ("<p>seen<script>var x = 1</script> text<style>p{}</style></p>", ["seen text"]),
        ("<p>soft\u00adhyphen and zero\u200bwidth</p>", ["softhyphen and zerowidth"]),
        ("<table><tr><td>Goals</td><td>3</td></tr></table>", ["Goals | 3"]),
        ("<table><tr><td><p>left</p></td><td><p>right</p></td></tr></table>", ["left", "right"]),
        ("<form><select><option>x</option></select>shown</form>", ["shown"]),
        ("", []),
    ],
)
def test_the_text_of_a_page_is_split_into_lines(body: str, expected: list[str]) -> None:
    assert texts(body) == expected


def test_a_line_has_its_links_its_emphasis_and_its_break() -> None:
    first, second = lines('<p>see <a href="/x">the plan</a> and <b>weep</b><br>then go</p>')
    assert (first.linked, first.emphasis, first.is_after_break) == (
        len("the plan"),
        len("weep"),
        False,
    )
    assert (second.linked, second.emphasis, second.is_after_break) == (0, 0, True)


def test_an_element_has_the_regions_around_it() -> None:
    (line,) = lines(
        '<main><article class="story"><div itemprop="articleBody" style="display:'
        ' none"><p>x</p></div></article></main>'
    )
    assert (
        line.element.regions == Region.MAIN | Region.ARTICLE | Region.BODY_PROPERTY | Region.HIDDEN
    )
    assert (line.element.tag, line.element.depth) == ("p", 4)


@given(
    st.recursive(
        st.text("ab <>&é", max_size=6),
        lambda inner: st.lists(inner, max_size=4).map("".join).map("<div>{}</div>".format),
    )
)
@settings(max_examples=60, deadline=None)
def test_every_letter_of_a_page_is_in_its_lines_once(body: str) -> None:
    tree = parse_html(f"<html><body><p>x</p>{body}</body></html>".encode())
    assert tree is not None
    body_element = tree.find("body")
    assert body_element is not None
    assert "".join(line.text for line in read_lines(tree).lines).replace(" ", "") == "".join(
        body_element.text_content().split()
    )


def test_every_feature_name_has_a_finite_value() -> None:
    body = (
        "<h1>A seal delays the ferry</h1><div class=story><p>It was late, for a seal slept on its"
        " ramp.</p></div><p>x</p>"
    )
    features = LineFeatures(
        read_lines(tree_of(body)), Metadata(title="A seal delays the ferry", authors=("Ada Lund",))
    )
    for i in range(len(features.lines)):
        row = features.features(i)
        assert len(row) == len(FEATURE_NAMES) == len(set(FEATURE_NAMES))
        assert all(isfinite(number) for number in row)
    named = dict(zip(FEATURE_NAMES, features.features(1), strict=True))
    assert (named["from_title"], named["near_story"], named["chosen"]) == (1, 0, 0)
    assert set(features.features(2)[VOTE_FEATURES]) == {0.0}
    without_votes = features.features(2)
    features.add_votes(ExtractorLines(["x"]))
    with_votes = dict(zip(FEATURE_NAMES, features.with_votes(2, features.features(2)), strict=True))
    assert with_votes["chosen"] == 1
    assert min(with_votes["chosen_share"], with_votes["place_chosen"]) > 0
    assert (
        dict(zip(FEATURE_NAMES, without_votes, strict=True))
        | {name: with_votes[name] for name in FEATURE_NAMES[VOTE_FEATURES]}
        == with_votes
    ), "nothing else changed"


def test_a_line_or_a_long_part_of_an_extractor_line_has_a_vote() -> None:
    extractor_lines = ExtractorLines(
        ["A short line.", "The crane on the northern quay was mended on Monday, and nobody saw it."]
    )
    assert extractor_lines.vote("ashortline") == 1.0
    assert extractor_lines.vote("thecraneonthenorthernquaywasmended") == 0.9
    assert extractor_lines.vote("crane") == 0.0
    assert extractor_lines.vote("") == 0.0


def test_the_probability_comes_from_the_sum_of_the_trees() -> None:
    table: dict[str, Any] = {
        "names": list(FEATURE_NAMES),
        "first": [0.5],
        "second": [0.25],
        "third": [[0, 1.5, -1.0, [1, 0.25, 0.5, 2.0]]] + [0.0] * FIRST_TREES + [0.25],
    }
    trees = DecisionTrees(json.loads(json.dumps(table)))
    row = [0.0] * len(FEATURE_NAMES)
    assert trees.third([1.5, *row[1:]]) == pytest.approx(1 / (1 + exp(0.75)))
    assert trees.third([1.6, 0.3, *row[2:]]) == pytest.approx(1 / (1 + exp(-2.25)))
    hopeless = DecisionTrees(table | {"third": [HOPELESS_SCORE - 0.1, *[0.0] * FIRST_TREES, 50.0]})
    assert hopeless.third(row) == 0.0
    assert hopeless.first(row) == pytest.approx(1 / (1 + exp(-0.5)))
    assert hopeless.second(row) == pytest.approx(1 / (1 + exp(-0.25)))


def test_trees_of_other_features_are_refused() -> None:
    with pytest.raises(ValueError, match="train them again"):
        DecisionTrees({"names": ["something"], "first": [], "second": [], "third": []})


def test_the_bundled_trees_fit_the_features() -> None:
    assert 0.0 <= bundled_trees().third([0.0] * len(FEATURE_NAMES)) <= 1.0


@pytest.mark.parametrize(
    "body",
    [
        "<div>" * 5000 + "deep " * 100 + "</div>" * 5000,
        "<br>x" * (MAX_LINES + 100),
        "<table><tr>" + "<td><span></span></td>" * 30_000 + "<td>x</td></tr></table>",
        "<p>" + "word " * 300_000 + "</p>",
        '<p class="' + "a" * 500_000 + '">marked</p>',
    ],
    ids=["deep", "broken", "wide", "long", "marked"],
)
def test_the_lines_of_a_huge_page_are_limited(body: str) -> None:
    page_lines = read_lines(tree_of(body))
    assert 0 < len(page_lines.lines) <= MAX_LINES
    features = LineFeatures(page_lines, Metadata())
    assert len(features.features(0)) == len(FEATURE_NAMES)


@pytest.mark.parametrize("copies", [3, MAX_ASKED_LINES])
def test_trafilatura_is_not_asked_for_a_page_of_very_many_lines(
    copies: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def lines_of_trafilatura(_: HtmlElement, fast: bool = True) -> list[str]:
        asked.append(fast)
        return []

    monkeypatch.setattr(line_classifier, "trafilatura_lines", lines_of_trafilatura)
    story = "<p>The crane on the quay was mended on Monday, and the ferries left on time.</p>" * 4
    headings = "<h1>The harbour</h1>" * copies
    reading = read_blocks(tree_of(f"{story}{headings}<p>x</p>"), Metadata())
    assert reading.blocks
    assert bool(asked) == (copies < MAX_ASKED_LINES)


@pytest.mark.parametrize("tag", ["b", "span", "a"])
def test_trafilatura_is_not_asked_for_a_line_of_very_many_elements(tag: str) -> None:
    page_lines = read_lines(tree_of(f"<p>{f'<{tag}>a</{tag}> ' * 10}</p>"))
    lines = LineFeatures(page_lines, Metadata())
    many = f"<{tag}>a</{tag}> " * 2_900
    for body, is_costly in (
        (f"<p>{many}</p>" * 3, False),
        (f"<p>{many * 2}</p>", True),
        (f"<p><span>{many}</span><span>{many}</span></p>", True),
    ):
        assert is_too_costly(tree_of(body), lines) is is_costly


def test_a_block_has_its_element_and_its_probability() -> None:
    story = "".join(
        f"<p>The crane on quay {n} was mended on Monday, and the ferries left the harbour on time"
        " again.</p>"
        for n in range(5)
    )
    items = "<ul><li>One</li><li>Two</li></ul>"
    page = (
        '<html><body><nav><a href="/">Home</a></nav><div'
        f' class="story-text">{story}{items}</div></body></html>'
    )
    blocks = extract(RawPage(1, page.encode())).blocks
    story_blocks = [block for block in blocks if block.element_path == "div.story-text > p"]
    assert len(story_blocks) == 5
    assert {block.kept_by_trafilatura for block in blocks} == {None}, (
        "the page is plain enough for the trees alone"
    )
    assert all(
        (block.story_probability > 0.5) == (block in story_blocks)
        for block in blocks
        if block.kind is BlockKind.PARAGRAPH
    )
    assert {block.list_size for block in blocks if block.kind is BlockKind.ITEM} <= {2}


def test_trafilatura_is_called_where_the_trees_are_in_doubt() -> None:
    story = "It was late that night on the quay. " * 9
    tree = tree_of(f"<div><p>{'Short. ' * 4}</p></div><article><p>{story}</p></article>")
    blocks = read_blocks(tree, Metadata(), max_doubt=-1.0).blocks
    votes = {block.kept_by_trafilatura for block in blocks}
    assert True in votes
    assert None not in votes


def test_trafilatura_is_called_for_a_page_with_several_stories() -> None:
    one = (
        "<article><h1>{}</h1><p>"
        + "It was late that night, and a seal slept on the ramp of the ferry. " * 5
        + "</p></article>"
    )
    page = (
        "<html><body>" + "".join(map(one.format, ("First", "Second", "Third"))) + "</body></html>"
    )
    assert None not in {
        block.kept_by_trafilatura for block in extract(RawPage(1, page.encode())).blocks
    }


def test_a_list_is_kept_or_left_out_as_a_whole() -> None:
    page = LineFeatures(
        read_lines(
            tree_of(
                "<ul><li>Bring a coat</li><li>Boots</li></ul><p>Then go.</p>"
                "<ul><li><p>A card of its own</p></li><li><p>Another card</p></li></ul>"
            )
        ),
        Metadata(),
    )
    probabilities = {0: 0.9, 1: 0.2, 2: 0.7, 3: 0.9, 4: 0.1}
    level_lists(page, probabilities)
    assert probabilities[0] == probabilities[1] == pytest.approx((4 * 0.9 + 2 * 0.2) / 6)
    assert [probabilities[i] for i in (2, 3, 4)] == [0.7, 0.9, 0.1]


def lines_of_words(words: Sequence[float], core_prose: float = 0.0) -> LineFeatures:
    return cast(LineFeatures, SimpleNamespace(words=words, core_prose=core_prose))


@pytest.mark.parametrize(
    ("words", "probabilities", "core_prose", "settled"),
    [
        ([200, 60], [0.9, 0.4], 0.5, True),  # few unsure words beside a story of fair length
        ([200, 80], [0.9, 0.4], 0.5, False),  # more of them
        ([140, 10], [0.9, 0.4], 0.5, False),  # a short story
        ([900, 600], [0.9, 0.4], 0.9, True),  # a long story in one element
        ([900, 600], [0.9, 0.4], 0.5, False),  # half of the prose stands elsewhere
        ([700, 600], [0.9, 0.4], 0.9, False),
    ],
)
def test_trafilatura_is_not_asked_where_the_story_is_settled(
    words: list[float], probabilities: list[float], core_prose: float, settled: bool
) -> None:
    by_index = dict(enumerate(probabilities))
    assert is_settled(lines_of_words(words, core_prose), by_index) is settled
