"""The Rules, in the order in which they are applied.

Promises that a Rule is named here or nowhere. To add one: a function that yields indexes with the evidence,
a line in RULES, a page case that it mends and one with a look-alike that it must keep. Raise its version
when it decides otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.cleaning.rules import (
    bylines,
    outside_story,
    remnants,
    repeated_lines,
    single_lines,
    titles,
    trailing_lists,
)
from pipeline.cleaning.rules.context import RuleContext

Finder = Callable[[RuleContext], Iterator[tuple[int, str]]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A named way to find Blocks that are not the story."""

    name: str
    version: int
    description: str
    find: Finder


RULES: Final = (
    Rule(
        "site-pattern",
        2,
        "A line that a pattern of the site's own file matches whole.",
        single_lines.site_pattern,
    ),
    Rule(
        "own-title", 3, "The story's own title, repeated at the head of its text.", titles.repeated_title_top
    ),
    Rule(
        "byline",
        1,
        "The name of the story's author, with its date and place, before or behind the story.",
        bylines.byline,
    ),
    Rule(
        "prompt",
        2,
        "A request to log in, subscribe, follow, share, comment or accept cookies.",
        single_lines.prompt,
    ),
    Rule(
        "more-line",
        1,
        "A line that leads to other stories: all news, read also.",
        single_lines.more_line,
    ),
    Rule("tag-line", 1, "The story's tags as a line of text.", single_lines.tag_line),
    Rule("credit", 2, "A picture's caption that ends with its credit.", single_lines.credit),
    Rule("link-line", 1, "A line that is nothing but a link.", single_lines.link_line),
    Rule(
        "known-headline",
        1,
        "The headline of another article of the archive.",
        repeated_lines.known_headline,
    ),
    Rule(
        "repeated",
        2,
        "A line that stands on several other pages of the site.",
        repeated_lines.repeated,
    ),
    Rule(
        "other-script",
        1,
        "Lines after the story that are written in another script.",
        trailing_lists.other_script,
    ),
    Rule(
        "link-tail",
        1,
        "What stands between and around the links after the story's end.",
        trailing_lists.trailing_links,
    ),
    Rule(
        "headline-run",
        1,
        "A run of headlines after the story's last sentence.",
        trailing_lists.trailing_headlines,
    ),
    Rule(
        "own-headline",
        1,
        "The story's own title in a list of headlines after it.",
        titles.repeated_title_in_list,
    ),
    Rule(
        "outside",
        2,
        "A line that looks no more like the story than the rest of the page does.",
        outside_story.outside_story,
    ),
    Rule("echo", 1, "The beginning of another line of the page, cut short.", remnants.truncated_teaser),
    Rule("last-heading", 1, "A heading at the end with nothing below it.", remnants.last_heading),
    Rule(
        "markup", 1, "A code in brackets that the site's software left as it was.", remnants.markup
    ),
)
