"""All rules, in the order in which they are applied.

To add a rule, write a function that yields indexes with their reasons, add it to RULES, and add two
page cases: one that it corrects, and a look-alike that it must keep. Raise the version of a rule
when it decides otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pipeline.cleaning.rules.bylines import byline
from pipeline.cleaning.rules.context import Removals, RuleContext
from pipeline.cleaning.rules.copies import copy
from pipeline.cleaning.rules.outside_story import outside_story
from pipeline.cleaning.rules.redaction import redaction
from pipeline.cleaning.rules.remnants import last_heading, markup, truncated_teaser
from pipeline.cleaning.rules.repeated_lines import known_headline, repeated
from pipeline.cleaning.rules.single_lines import (
    credit,
    link_line,
    more_line,
    prompt,
    site_pattern,
    tag_line,
)
from pipeline.cleaning.rules.story_parts import story_part
from pipeline.cleaning.rules.titles import repeated_title_in_list, repeated_title_top
from pipeline.cleaning.rules.trailing_lists import other_script, trailing_headlines, trailing_links

FindRemovals = Callable[[RuleContext], Removals]


@dataclass(frozen=True, slots=True)
class Rule:
    """A named way to find lines that are not the story.

    Attributes:
        name: As users see it, and as results store it.
        version: Part of every recipe.
        description: One sentence for users.
        find: Yields the indexes of the lines to remove, each with the reason in words.
    """

    name: str
    version: int
    description: str
    find: FindRemovals


RULES: Final = (
    Rule("redaction", 1, "A line of which the archive had to redact a part.", redaction),
    Rule(
        "part",
        1,
        "What the further pages of a story repeat, their titles, and lines that lead to them.",
        story_part,
    ),
    Rule(
        "site-pattern",
        2,
        "A line that a pattern of the site's own file matches whole.",
        site_pattern,
    ),
    Rule(
        "own-title",
        3,
        "The story's own title, repeated at the beginning of its text.",
        repeated_title_top,
    ),
    Rule(
        "byline",
        2,
        "The name of the story's author, with its date and place, before or after the story, and "
        "the time and name above each entry of a live blog.",
        byline,
    ),
    Rule(
        "prompt",
        4,
        "A request to log in, subscribe, follow, share, comment or accept cookies.",
        prompt,
    ),
    Rule("more-line", 1, "A line that leads to other stories: all news, read also.", more_line),
    Rule("tag-line", 1, "The story's tags as a line of text.", tag_line),
    Rule("credit", 2, "A picture's caption that ends with its credit.", credit),
    Rule("link-line", 2, "A line that is nothing but a link.", link_line),
    Rule("known-headline", 1, "The headline of another article of the archive.", known_headline),
    Rule("repeated", 2, "A line that stands on several other pages of the site.", repeated),
    Rule(
        "other-script", 1, "Lines after the story that are written in another script.", other_script
    ),
    Rule(
        "link-tail",
        1,
        "What stands between and around the links after the story's end.",
        trailing_links,
    ),
    Rule(
        "headline-run", 1, "A run of headlines after the story's last sentence.", trailing_headlines
    ),
    Rule(
        "own-headline",
        1,
        "The story's own title in a list of headlines after it.",
        repeated_title_in_list,
    ),
    Rule(
        "outside",
        2,
        "A line that looks no more like the story than the rest of the page does.",
        outside_story,
    ),
    Rule("copy", 1, "A sentence of the story that stands above in the same text.", copy),
    Rule("echo", 1, "The beginning of another line of the page, cut short.", truncated_teaser),
    Rule("last-heading", 1, "A heading at the end with nothing below it.", last_heading),
    Rule("markup", 1, "A code in brackets that the site's software left as it was.", markup),
)
