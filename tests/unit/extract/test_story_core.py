"""The core of a story is the element around all of its parts."""

from __future__ import annotations

import pytest

from pipeline.core.models import Metadata
from pipeline.extract.features.line_features import LineFeatures
from pipeline.extract.features.story_core import UNRELATED, StoryCore
from pipeline.extract.html import parse_html
from pipeline.extract.text_lines import read_lines

PROSE = "The ferry waited for an hour, because a seal slept on its ramp and nobody woke it. "


def core_of(body: str) -> StoryCore:
    tree = parse_html(f"<html><body>{body}</body></html>".encode())
    assert tree is not None
    return LineFeatures(read_lines(tree), Metadata()).core


def parts(markup: str, lengths: tuple[int, ...] = (2, 5, 1)) -> str:
    return "".join(markup.format(PROSE * length) for length in lengths)


@pytest.mark.parametrize(
    "markup",
    [
        '<div class="card"><h2>A place</h2><div class="text"><p>{0}</p><p>{0}</p></div></div>',
        "<section><h2>A chapter</h2><p>{0}</p><p>{0}</p></section>",
        "<li><h3>A question?</h3><p>{0}</p><p>{0}</p></li>",
        '<div class="step step-4"><p>{0}</p><p>{0}</p></div>',
    ],
    ids=["cards", "sections", "items", "steps"],
)
def test_parts_of_one_kind_have_the_core_at_the_element_around_them(markup: str) -> None:
    core = core_of(f'<div class="page"><div class="parts">{parts(markup)}</div></div>')
    assert core.element is not None
    assert core.element.marks == "parts"
    assert core.richest is not core.element


def test_a_story_beside_other_elements_has_its_core_at_itself() -> None:
    teaser = f'<div class="teaser"><p>{PROSE}</p></div>'
    core = core_of(f'<main><div class="story"><p>{PROSE * 3}</p></div>{teaser * 3}</main>')
    assert core.element is not None
    assert core.element.marks == "story"


def test_stories_with_titles_of_their_own_are_no_parts() -> None:
    markup = '<div class="post"><h1>A title</h1><p>{0}</p><p>{0}</p></div>'
    core = core_of(f'<div class="posts">{parts(markup)}</div>')
    assert core.element is not None
    assert core.element.marks == "post"


def test_distances_are_counted_from_the_core() -> None:
    core = core_of(
        f'<main><div class="story"><p>{PROSE * 3}</p></div><aside><p>{PROSE}</p></aside></main>'
    )
    assert core.element is not None
    main = core.element.parent
    assert main is not None
    assert (core.element.steps_up, main.steps_up, main.steps_down) == (0, 1, 0)
    assert core.steps_from_richest(main) == 1


def test_a_page_without_prose_has_no_core() -> None:
    core = core_of("<p>Menu</p>")
    assert core.element is None
    assert not core.wide or all(element.steps_up == UNRELATED for element in core.wide)
