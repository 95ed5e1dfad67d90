"""What a Site's own archive teaches: keys of lines and headlines, containers, and the Facts that the rules are given.

Promises keys that stay the same on every machine and in every year (they are stored), and that two
spellings of one line share a key. Which Pages carry a key is counted by the store; what follows from it is
decided by `rules`. What a Page shows of its containers is told by its own Draft alone, so that what they are
known for does not depend on the order in which Pages are cleaned.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from pipeline.core.models import (
    STORY_THRESHOLD,
    AnnouncedMetadata,
    ExtractedPage,
    LineStats,
    Metadata,
    count_words,
)

MAX_TOKENS: Final = 60  # longer lines are story, also where they come back
MAX_CHARS: Final = 600
MAX_LINES: Final = 400  # of one page: boilerplate stands at its head and its tail
GRADES: Final = (1, 2, 5)  # numbers of other pages that make a difference to a rule
CACHED: Final = (
    1 << 13
)  # lines: the memory is asked of some hundred pages at a time, before the rules are given them
MAX_CONTAINERS: Final = 40  # of one page, those with most words
MAIN_WORDS: Final = 30  # a story with fewer says little about where stories stand
SILENCE: Final = timedelta(days=7)  # of a container, until which nothing is made of it
SILENT_GAPS: Final = (
    5  # times the usual time between two stories in a container, after which it is out of use
)
MASK: Final = (1 << 63) - 1
CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
SEPARATOR = re.compile(r"\s+(?:[-–—|·•»«]|::|//)+\s+|\s*\|\s*")


def normalize_text(text: str) -> str:
    """A line as it is compared: width, case, white space and punctuation at its ends make no difference."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    start, end = 0, len(folded)
    while start < end and not folded[start].isalnum():
        start += 1
    while end > start and not folded[end - 1].isalnum():
        end -= 1
    return folded[start:end]


def line_key(text: str) -> int:
    """A stable hash of the folded line in 63 bits, so that it fits a signed column."""
    return key_of_normalized(normalize_text(text))


def key_of_normalized(folded: str) -> int:
    """The key of a line that is folded already."""
    return (
        int.from_bytes(blake2b(folded.encode("utf-8", "replace"), digest_size=8).digest(), "big")
        & MASK
    )


def count_words_fast(text: str) -> int:
    """Words as `count_words` counts them, without its scan of every character where no CJK character stands."""
    return len(text.split()) if text.isascii() or not CJK.search(text) else count_words(text)


def is_boilerplate_candidate(text: str) -> bool:
    """Whether a line is short enough to be boilerplate."""
    return len(text) <= MAX_CHARS and 0 < count_words_fast(text) <= MAX_TOKENS


class NormalizedLine(NamedTuple):
    """A line with what is compared of it. One that is too long to be boilerplate has neither `folded` nor `key`."""

    words: int
    normalized: str
    key: int


def normalize_line(text: str) -> NormalizedLine:
    """Words, folded text and key of a line."""
    return _spelling(text) if len(text) <= MAX_CHARS else NormalizedLine(count_words_fast(text), "", 0)


@lru_cache(maxsize=CACHED)
def _spelling(text: str) -> NormalizedLine:
    words = count_words_fast(text)
    folded = normalize_text(text) if 0 < words <= MAX_TOKENS else ""
    return NormalizedLine(words, folded, key_of_normalized(folded) if folded else 0)


def line_keys(draft: ExtractedPage, title: str) -> tuple[int, ...]:
    """Keys of the lines of a page that can be boilerplate, each once. The page's own title is none of them."""
    blocks = draft.blocks
    if len(blocks) > MAX_LINES:
        blocks = blocks[: MAX_LINES // 4] + blocks[-(MAX_LINES - MAX_LINES // 4) :]
    own = normalize_text(title)
    lines = (normalize_line(block.text) for block in blocks)
    return tuple(dict.fromkeys(line.key for line in lines if line.normalized and line.normalized != own))


def headline_keys(metadata: Metadata, announced: AnnouncedMetadata) -> tuple[int, ...]:
    """Keys under which other pages may quote this story's headline: with the site's name and without."""
    titles = (title for title in (metadata.title, announced.title) if title)
    variants = (
        normalize_text(variant)
        for title in titles
        for variant in (title, *titles_without_site_name(title, metadata.site_name))
    )
    return tuple(dict.fromkeys(key_of_normalized(line) for line in variants if is_distinctive_headline(line)))


def titles_without_site_name(title: str, site_name: str = "") -> Iterable[str]:
    """A title without what may be its site's name: the last part, or the first where that is the name."""
    parts = list(SEPARATOR.finditer(title[:500]))
    if not parts:
        return
    head, tail = title[: parts[-1].start()], title[parts[0].end() :]
    if site_name and normalize_text(title[: parts[0].start()]) == normalize_text(site_name):
        yield tail
    elif len(head) > len(title) - parts[-1].end():
        yield head


def is_distinctive_headline(folded: str) -> bool:
    """Whether a headline is long enough to be that of one story: "News" and "Photo of the day" are not."""
    words = count_words_fast(folded)
    return words >= 4 or (words >= 3 and len(folded) >= 20)


def frequency_bucket(pages: int) -> int:
    """A number of pages as far as rules tell it apart: 0, 1, 2 or 3."""
    return bisect(GRADES, pages)


def line_stats_digest(facts: Mapping[int, LineStats]) -> str:
    """A digest of Facts that changes only where a rule could decide otherwise: a seventh page after six is no news."""
    known = sorted(
        (key, frequency_bucket(fact.page_count), fact.is_headline)
        for key, fact in facts.items()
        if fact.page_count or fact.is_headline
    )
    return blake2b(repr(known).encode(), digest_size=8).hexdigest() if known else ""


def container_signals(draft: ExtractedPage) -> tuple[tuple[str, bool, bool], ...]:
    """What a page shows of its containers, by the chances that it gives its own lines: for each its name, whether most words in
    it are story, and whether most of the story stands in it."""
    words, story = Counter[str](), Counter[str]()
    for block in draft.blocks:
        if block.element_path:
            number = count_words_fast(block.text)
            words[block.container] += number
            story[block.container] += number if block.story_probability >= STORY_THRESHOLD else 0
    main = max(story, key=story.__getitem__, default="") if story.total() >= MAIN_WORDS else ""
    shown = (name for name, number in words.most_common(MAX_CONTAINERS) if number)
    return tuple((name, 2 * story[name] > words[name], name == main) for name in shown)


def is_retired_layout(pages: int, first: datetime, last: datetime, newest: datetime) -> bool:
    """Whether a container is out of use: silent for much longer than was usual between its first story and its last, while
    the newest story of the site stands elsewhere."""
    return newest - last > max(SILENCE, SILENT_GAPS * (last - first) / max(pages - 1, 1))
