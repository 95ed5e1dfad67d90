"""Rules about what follows the story: other scripts, lists of links, headlines without a link.

They remove lines only after the last prose of the story. They keep a list that the story announces
and a list without a mark of a list of other stories.
"""

from __future__ import annotations

import re

from pipeline.cleaning.rules.context import Removals, RuleContext, TextLine, sum_words
from pipeline.cleaning.rules.single_lines import announces_list
from pipeline.cleaning.rules.writing_systems import dominant_script, script_of_line, scripts_in
from pipeline.core.models import BlockKind

SCRIPT_LINES = 20  # lines of a story that show its script
# A larger part of the page's words in another script makes it a bilingual page.
MAX_FOREIGN_PART = 0.2
MIN_LINKED = 0.5  # link share of a line that is mostly a link
MIN_LINKED_LINES = 2
MIN_LINKED_PART = 0.4  # of the lines between the first and the last link
MAX_LABEL_WORDS = 6  # of a date or a section between links
MANY_HEADLINES, FEW_HEADLINES = 6, 3
MIN_AVERAGE_WORDS = 4  # of a run of headlines
HEADLINE_WORDS = range(3, 22)
NEWS_HEADLINE_WORDS = 6  # on average, in a list without any other mark
MIN_STORY_WORDS = 100  # before such a list
MIN_STORY_RATIO = 1.5  # words of the story to words of the list
NUMBERED = re.compile(r"\s*(?:[-–—•*·▪►]|\(?\d{1,3}[.):]\s|\(?[a-zа-я][.)]\s)", re.I)
HEADLINE_START = re.compile(r"[\w\"'“«‘„¿¡(]")
HEADLINE_KINDS = (BlockKind.PARAGRAPH, BlockKind.ITEM, BlockKind.HEADING)
NOT_HEADLINE_ENDINGS = (".", ";", ",", ":", "…", "。")
CONTACT = re.compile(r"\S@\S|\d{3}[ .-]?\d{3,4}\b|https?://|www\.|[©ⓒ]")
WRITTEN_ADDRESS = ("http", "www.")
# Rules whose lines mark a list of other stories.
EVIDENT_RULES = {
    "prompt", "more-line", "other-script", "known-headline", "repeated", "site-pattern",
}  # fmt: skip
# Rules whose lines may stand inside a run of headlines.
RULES_IN_RUN = ("link-line", "known-headline", "repeated", "link-tail")


def other_script(context: RuleContext) -> Removals:
    """Find lines after the story in a script in which the story is not written."""
    scripts = scripts_in(context.text)
    if len(scripts) < 2:
        return
    first_lines = [line.text for line in context.prose[:SCRIPT_LINES]]
    story_script = dominant_script(first_lines, scripts)
    if not story_script:
        return
    last = len(context.lines)
    for line in reversed(context.prose):
        if script_of_line(line.text, scripts) in ("", story_script):
            last = line.index
            break
    foreign: dict[int, str] = {}
    foreign_words = 0
    for line in context.kept:
        if line.index <= last or line.kind is BlockKind.QUOTE:
            continue
        script = script_of_line(line.text, scripts)
        if script not in ("", story_script):
            foreign[line.index] = script
            foreign_words += line.words
    if foreign_words <= MAX_FOREIGN_PART * context.words:
        for index, script in foreign.items():
            yield index, f"is {script} after a {story_script} story"


def trailing_links(context: RuleContext) -> Removals:
    """Find lines after the story that are mostly a link, and what stands between such lines."""
    if context.last_prose < 0:
        return
    after_story = context.lines[context.last_prose + 1 :]
    tail = [line for line in after_story if not line.text.startswith(WRITTEN_ADDRESS)]
    linked = [line for line in tail if _is_trailing_link(line, context)]
    if len(linked) < MIN_LINKED_LINES:
        return
    first, last = linked[0].index - 1, linked[-1].index + 1
    span = [line for line in tail if first <= line.index <= last]
    if len(linked) < MIN_LINKED_PART * len(span):
        return
    for line in span:
        if line.index in context.removed or line.ends_sentence:
            continue
        if announces_list(line) or _is_contact(line):
            continue
        if line.link_share >= MIN_LINKED:
            yield line.index, f"is mostly a link, after the story, among {len(linked)} links"
        elif line.words <= MAX_LABEL_WORDS and not NUMBERED.match(line.text):
            yield line.index, f"stands among {len(linked)} links after the story"


def _is_trailing_link(line: TextLine, context: RuleContext) -> bool:
    if line.link_share < MIN_LINKED or _is_contact(line):
        return False
    return line.index in context.removed or not line.ends_sentence


def _is_contact(line: TextLine) -> bool:
    """Tell whether a line has an address or a telephone number, which readers are to use."""
    return CONTACT.search(line.text) is not None


def trailing_headlines(context: RuleContext) -> Removals:
    """Find a run of headlines without links after the story.

    Their shape alone is weak evidence: it takes many headlines, or another mark of a list.
    """
    run = _longest_run(context)
    words = sum_words(run)
    if len(run) < FEW_HEADLINES or words < MIN_AVERAGE_WORDS * len(run):
        return
    neighbours = (run[0].index - 1, run[-1].index + 1, run[-1].index + 2)
    marks = set(map(context.rule_of, neighbours)) & EVIDENT_RULES
    known = sum(line.stats.page_count > 0 or line.stats.is_headline for line in run)
    is_list = all(line.kind is BlockKind.ITEM for line in run)
    if 2 * known >= len(run) or (marks and not is_list):
        why = f"one of {len(run)} headlines after the story, {_describe_marks(marks, known)}"
    elif len(run) >= MANY_HEADLINES and _is_news_list(run, context):
        why = f"one of {len(run)} lines shaped like headlines after the story"
    else:
        return
    for line in run:
        yield line.index, why


def _describe_marks(marks: set[str], known: int) -> str:
    parts = [f"next to a line removed as {rule}" for rule in sorted(marks)]
    if known:
        parts.append(f"{known} of them known from other pages")
    return " and ".join(parts)


def _longest_run(context: RuleContext) -> list[TextLine]:
    """Return the longest run of lines shaped like headlines after the story.

    It is empty where the story announces a list.
    """
    if context.last_prose < 0 or announces_list(context.lines[context.last_prose]):
        return []
    longest: list[TextLine] = []
    run: list[TextLine] = []
    for line in context.lines[context.last_prose + 1 :]:
        if line.index in context.removed:
            if context.rule_of(line.index) not in RULES_IN_RUN:
                run = []
        elif announces_list(line):
            return longest
        elif is_headline(line):
            run.append(line)
            longest = max(longest, run, key=len)
        else:
            run = []
    return longest


def is_headline(line: TextLine) -> bool:
    """Tell whether a line is shaped like a headline.

    That is a few words without a full stop that are not an item of a numbered list.
    """
    if line.words not in HEADLINE_WORDS or NUMBERED.match(line.text) or _is_contact(line):
        return False
    if line.kind not in HEADLINE_KINDS or not HEADLINE_START.match(line.text):
        return False
    return not line.text.rstrip("\"'”’»").endswith(NOT_HEADLINE_ENDINGS)


def _is_news_list(run: list[TextLine], context: RuleContext) -> bool:
    """Tell whether lines without any other mark are a list of news.

    They have to be paragraphs side by side that are long enough to say who did what, after a story
    that is long enough to be whole.
    """
    if any(line.kind is not BlockKind.PARAGRAPH for line in run):
        return False
    if run[-1].index - run[0].index + 1 != len(run):
        return False
    story_words = sum(line.words for line in context.kept if line.index < run[0].index)
    run_words = sum_words(run)
    if run_words < NEWS_HEADLINE_WORDS * len(run):
        return False
    return story_words >= MIN_STORY_WORDS and story_words >= MIN_STORY_RATIO * run_words
