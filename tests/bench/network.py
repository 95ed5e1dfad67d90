"""Invented stories of many papers: stories of an agency that several papers print, cut and extend.

Other stories only look like copies. The same seed always gives the same stories. Each has the
number of the story that it tells: two articles are copies if this number is the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

WORDS: Final = 20_000
PHRASES: Final = 400  # which all papers use
PARAGRAPHS: Final = (6, 16)  # of a story, from and to
SENTENCES: Final = (2, 3)  # of a paragraph, from and to
STORIES_A_DAY: Final = 700  # over all papers
SITES: Final = 300
TEMPLATES: Final = 60
RECENT_AGENCY_STORIES: Final = 500  # which papers can still copy
SYLLABLES: Final = tuple(
    "ba ro ti sen ma ku lor vi den pa shu gal ne tor mi cha os el".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Story:
    """One article.

    Attributes:
        site: The site that prints it.
        day: The number of its day, from 0.
        told_story: The number of the story that it tells.
        kind: How it was made of the agency's story; "own", "subject" and "notice" are no copies.
        text: Its text.
    """

    site: str
    day: int
    told_story: int
    kind: str
    text: str


@dataclass(frozen=True)
class AgencyStory:
    """A story that several papers may print."""

    number: int
    day: int
    site: str
    paragraphs: list[str]


class Writer:
    """Writes stories of invented words, and makes copies of them."""

    def __init__(self, seed: int) -> None:
        """Invent the words and phrases."""
        self.generator = random.Random(seed)
        self.words = []
        for _ in range(WORDS):
            length = self.generator.randint(1, 4)
            self.words.append("".join(self.generator.choices(SYLLABLES, k=length)))
        total = 0.0
        self.cumulative_weights = []
        for rank in range(WORDS):
            total += 1 / (rank + 10)
            self.cumulative_weights.append(total)
        self.phrases = []
        for _ in range(PHRASES):
            self.phrases.append(" ".join(self._draw(self.generator.randint(3, 7))))

    def _draw(self, count: int) -> list[str]:
        return self.generator.choices(self.words, cum_weights=self.cumulative_weights, k=count)

    def sentence(self) -> str:
        """Write a sentence; one in three has a usual phrase."""
        words = self._draw(self.generator.randint(8, 22))
        if self.generator.random() < 0.35:
            position = self.generator.randrange(len(words))
            words.insert(position, self.generator.choice(self.phrases))
        return " ".join(words).capitalize() + "."

    def paragraph(self) -> str:
        """Write a paragraph."""
        return " ".join(self.sentence() for _ in range(self.generator.randint(*SENTENCES)))

    def story(self) -> list[str]:
        """Write the paragraphs of a story."""
        return [self.paragraph() for _ in range(self.generator.randint(*PARAGRAPHS))]

    def with_byline(self, original: list[str]) -> list[str]:
        """Copy a story with another summary and a name."""
        return [self.sentence(), *original, "By " + " ".join(self._draw(2)).title()]

    def cut(self, original: list[str]) -> list[str]:
        """Copy the first half, but at least four paragraphs."""
        return original[: max(4, len(original) // 2)]

    def longer(self, original: list[str]) -> list[str]:
        """Copy a story with two paragraphs of the paper's own."""
        position = self.generator.randrange(1, len(original))
        return [*original[:position], self.paragraph(), *original[position:], self.paragraph()]

    def edited(self, original: list[str]) -> list[str]:
        """Copy a story with about one other word in each second sentence."""
        paragraphs = []
        for paragraph in original:
            words = []
            for word in paragraph.split():
                words.append(word if self.generator.random() > 0.03 else self._draw(1)[0])
            paragraphs.append(" ".join(words))
        return paragraphs

    def same_subject(self, original: list[str]) -> list[str]:
        """Write another story that quotes two sentences."""
        quotes = []
        for _ in range(2):
            quotes.append(self.generator.choice(original).split(". ")[0] + ".")
        own = self.story()
        return [own[0], quotes[0], *own[1:3], quotes[1], *own[3:]]

    def notice(self, template: list[str]) -> list[str]:
        """Write a notice that comes every day with other numbers."""
        paragraphs = []
        for paragraph in template:
            numbers = [self.generator.randint(1, 99) for _ in range(paragraph.count("#"))]
            paragraphs.append(paragraph.replace("#", "%d") % tuple(numbers))
        return paragraphs

    def template(self) -> list[str]:
        """Write the template of such a notice: one word in eight is a number."""
        paragraphs = []
        for _ in range(3):
            words = []
            for word in self.paragraph().split():
                words.append(word if self.generator.random() > 0.125 else "#")
            paragraphs.append(" ".join(words))
        return paragraphs


def stories(count: int, seed: int = 1) -> Iterator[Story]:
    """Yield articles; one in ten is a copy, and one in ten only looks like a copy.

    Args:
        count: How many articles.
        seed: Of the random numbers.
    """
    writer = Writer(seed)
    generator = writer.generator
    edits: dict[str, Callable[[list[str]], list[str]]] = {
        "whole": list,
        "byline": writer.with_byline,
        "cut": writer.cut,
        "longer": writer.longer,
        "edited": writer.edited,
    }
    templates = [writer.template() for _ in range(TEMPLATES)]
    agency_stories: list[AgencyStory] = []
    for number in range(count):
        day = number // STORIES_A_DAY
        site = f"site{generator.randrange(SITES)}"
        draw = generator.random()
        recent = agency_stories[-RECENT_AGENCY_STORIES:]
        if draw < 0.10 and recent:
            original = generator.choice(recent)
            kind = generator.choice(list(edits))
            if site == original.site:
                site = "site-other"
            delay = generator.randint(0, 2)
            text = "\n".join(edits[kind](original.paragraphs))
            yield Story(site, day + delay, original.number, kind, text)
        elif draw < 0.15 and recent:
            paragraphs = writer.same_subject(generator.choice(recent).paragraphs)
            yield Story(site, day, number, "subject", "\n".join(paragraphs))
        elif draw < 0.20:
            template = generator.randrange(len(templates))
            if generator.random() < 0.5:  # half of the notices are on the site of their template
                site = f"site{template}"
            paragraphs = writer.notice(templates[template])
            yield Story(site, day, number, "notice", "\n".join(paragraphs))
        else:
            paragraphs = writer.story()
            if generator.random() < 0.1:
                agency_stories.append(AgencyStory(number, day, site, paragraphs))
            yield Story(site, day, number, "own", "\n".join(paragraphs))
