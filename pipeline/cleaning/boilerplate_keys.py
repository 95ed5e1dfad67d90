"""Keys of lines, headlines and containers, by which the archive recognizes what pages share.

The keys are stored, so they stay the same on every machine and in every version. Two spellings of
one line share a key. The store counts which pages have a key, and the rules decide what follows.
What a page shows of its containers comes from that page alone, so it does not depend on the order
in which pages are cleaned.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Mapping
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

MAX_WORDS: Final = 60  # longer lines are story, also where they come back
MAX_CHARS: Final = 600
MAX_LINES: Final = 400  # of one page: boilerplate stands at its beginning and its end
MAX_TITLE_LENGTH: Final = 500
FREQUENCY_STEPS: Final = (1, 2, 5)  # numbers of other pages that make a difference to a rule
CACHED_LINES: Final = 1 << 13  # of some hundred pages, whose keys are needed twice in a row
MAX_CONTAINERS: Final = 40  # of one page: those with most words
MIN_STORY_WORDS: Final = 30  # a shorter story says little about where stories stand
MIN_SILENCE: Final = timedelta(days=7)  # of a container, before it can be out of use
SILENCE_FACTOR: Final = 5  # times the usual time between two stories in a container
SIGNED_63_BITS: Final = (1 << 63) - 1
CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
SEPARATOR = re.compile(r"\s+(?:[-–—|·•»«]|::|//)+\s+|\s*\|\s*")


def normalize_text(text: str) -> str:
    """Return a line for comparison, without differences of width, case, space and end marks.

    Args:
        text: The text of one line.

    Returns:
        The line as it is compared with other lines and headlines.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    normalized = " ".join(text.casefold().split())
    start, end = 0, len(normalized)
    while start < end and not normalized[start].isalnum():
        start += 1
    while end > start and not normalized[end - 1].isalnum():
        end -= 1
    return normalized[start:end]


def line_key(text: str) -> int:
    """Return a stable hash of the normalized line in 63 bits, which fits a signed column."""
    return key_of_normalized(normalize_text(text))


def key_of_normalized(normalized: str) -> int:
    """Return the key of a line that is already normalized."""
    digest = blake2b(normalized.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") & SIGNED_63_BITS


def count_words_fast(text: str) -> int:
    """Count words as `count_words` does, without its scan where there is no CJK character."""
    if text.isascii() or not CJK.search(text):
        return len(text.split())
    return count_words(text)


def is_boilerplate_candidate(text: str) -> bool:
    """Tell whether a line is short enough to be boilerplate."""
    return len(text) <= MAX_CHARS and 0 < count_words_fast(text) <= MAX_WORDS


class NormalizedLine(NamedTuple):
    """The words of a line, and its normalized text and key.

    A line that is too long to be boilerplate has an empty text and the key 0.
    """

    words: int
    normalized: str
    key: int


def normalize_line(text: str) -> NormalizedLine:
    """Return the words, the normalized text and the key of a line."""
    if len(text) > MAX_CHARS:
        return NormalizedLine(count_words_fast(text), "", 0)
    return _normalize_line(text)


@lru_cache(maxsize=CACHED_LINES)
def _normalize_line(text: str) -> NormalizedLine:
    words = count_words_fast(text)
    normalized = normalize_text(text) if 0 < words <= MAX_WORDS else ""
    return NormalizedLine(words, normalized, key_of_normalized(normalized) if normalized else 0)


def line_keys(extracted: ExtractedPage, title: str) -> tuple[int, ...]:
    """Return the keys of a page's lines that can be boilerplate, each once.

    Args:
        extracted: The page.
        title: The page's own title, which is not boilerplate.
    """
    blocks = extracted.blocks
    if len(blocks) > MAX_LINES:
        blocks = blocks[: MAX_LINES // 4] + blocks[-(MAX_LINES - MAX_LINES // 4) :]
    own_title = normalize_text(title)
    keys: dict[int, None] = {}
    for block in blocks:
        line = normalize_line(block.text)
        if line.normalized and line.normalized != own_title:
            keys[line.key] = None
    return tuple(keys)


def headline_keys(metadata: Metadata, announced: AnnouncedMetadata) -> tuple[int, ...]:
    """Return the keys under which other pages may quote the headline of a story.

    The headline counts with the site's name and without it, as the page and as its feed write it.
    """
    keys: dict[int, None] = {}
    for normalized in normalized_titles(metadata, announced):
        if is_distinctive_headline(normalized):
            keys[key_of_normalized(normalized)] = None
    return tuple(keys)


def normalized_titles(metadata: Metadata, announced: AnnouncedMetadata) -> tuple[str, ...]:
    """Return all spellings of a title, normalized: with the site's name and without."""
    spellings: dict[str, None] = {}
    for title in (metadata.title, announced.title):
        for spelling in (title, *titles_without_site_name(title, metadata.site_name)):
            if normalized := normalize_text(spelling):
                spellings[normalized] = None
    return tuple(spellings)


def titles_without_site_name(title: str, site_name: str = "") -> Iterator[str]:
    """Yield a title without the part that may be its site's name.

    That is the last part, or the first where it equals `site_name`.

    Args:
        title: The title of a page, such as "Ferry sinks | The Gazette".
        site_name: The name of the site, if it is known.

    Yields:
        Shorter titles; none where the title has one part only.
    """
    separators = list(SEPARATOR.finditer(title[:MAX_TITLE_LENGTH]))
    if not separators:
        return
    first, last = separators[0], separators[-1]
    if site_name and normalize_text(title[: first.start()]) == normalize_text(site_name):
        yield title[first.end() :]
    elif last.start() > len(title) - last.end():
        yield title[: last.start()]


def is_distinctive_headline(normalized: str) -> bool:
    """Tell whether a headline is long enough to be that of one story, unlike "Photo of the day"."""
    words = count_words_fast(normalized)
    return words >= 4 or (words >= 3 and len(normalized) >= 20)


def frequency_bucket(pages: int) -> int:
    """Return a number of pages as far as the rules distinguish it: 0, 1, 2 or 3."""
    return bisect(FREQUENCY_STEPS, pages)


def line_stats_digest(line_stats: Mapping[int, LineStats]) -> str:
    """Return a digest of the stats that changes only where a rule could decide otherwise.

    A seventh page after six makes no difference. No stats give "".

    Args:
        line_stats: What the site profile knows of the lines of a page, by the key of the line.

    Returns:
        A part of the recipe of the page.
    """
    known = []
    for key, stats in line_stats.items():
        if stats.page_count or stats.is_headline:
            known.append((key, frequency_bucket(stats.page_count), stats.is_headline))
    if not known:
        return ""
    return blake2b(repr(sorted(known)).encode(), digest_size=8).hexdigest()


class ContainerSignal(NamedTuple):
    """What a page shows of one of its containers."""

    name: str
    is_story: bool  # most words in it are story
    is_main: bool  # most of the page's story stands in it


def container_signals(extracted: ExtractedPage) -> tuple[ContainerSignal, ...]:
    """Return what a page shows of its containers, those with most words first.

    The probabilities of the page's own lines decide what is story.

    Args:
        extracted: The extracted page.

    Returns:
        For each container, how many words of story and of other text it holds.
    """
    words, story_words = Counter[str](), Counter[str]()
    for block in extracted.blocks:
        if block.element_path:
            count = count_words_fast(block.text)
            container = block.container
            words[container] += count
            is_story = block.story_probability >= STORY_THRESHOLD
            story_words[container] += count if is_story else 0
    main = ""
    if story_words.total() >= MIN_STORY_WORDS:
        main = max(story_words, key=story_words.__getitem__)
    signals = []
    for name, count in words.most_common(MAX_CONTAINERS):
        if count:
            signals.append(ContainerSignal(name, 2 * story_words[name] > count, name == main))
    return tuple(signals)


def is_retired_layout(pages: int, first: datetime, last: datetime, newest: datetime) -> bool:
    """Tell whether a container is out of use.

    It then had no story for much longer than was usual between its stories, while the newest story
    of the site stands elsewhere.

    Args:
        pages: Number of stories in the container.
        first: Time of its first story.
        last: Time of its last story.
        newest: Time of the newest story of the site.
    """
    usual_gap = (last - first) / max(pages - 1, 1)
    return newest - last > max(MIN_SILENCE, SILENCE_FACTOR * usual_gap)
