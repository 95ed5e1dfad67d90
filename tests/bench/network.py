"""Made-up stories as they come to many papers: an agency's wire that some of them print, cut and add to, and what only looks
like that.

Promises the same stories for the same seed, in any number, each with the number of the story that it tells: two Articles are
copies where that is the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

WORDS: Final = 20_000
STOCK: Final = 400  # phrases that all papers use
PARAGRAPHS: Final = (6, 16)
SENTENCES: Final = (2, 3)
STORIES_A_DAY: Final = 700  # over all papers
SITES: Final = 300
SYLLABLES: Final = (
    "ba",
    "ro",
    "ti",
    "sen",
    "ma",
    "ku",
    "lor",
    "vi",
    "den",
    "pa",
    "shu",
    "gal",
    "ne",
    "tor",
    "mi",
    "cha",
    "os",
    "el",
)


@dataclass(frozen=True)
class Story:
    """One article: `story` is what it tells, `kind` how it was made of the wire."""

    site: str
    day: int
    told_story: int
    kind: str
    text: str


class Newsroom:
    """Writes."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.words = [
            "".join(self.chance.choices(SYLLABLES, k=self.chance.randint(1, 4)))
            for _ in range(WORDS)
        ]
        self.weights = [1 / (rank + 10) for rank in range(WORDS)]
        self.sums = [sum(self.weights[:1])]
        for weight in self.weights[1:]:
            self.sums.append(self.sums[-1] + weight)
        self.stock = [" ".join(self._draw(self.chance.randint(3, 7))) for _ in range(STOCK)]

    def _draw(self, number: int) -> list[str]:
        return self.chance.choices(self.words, cum_weights=self.sums, k=number)

    def sentence(self) -> str:
        words = self._draw(self.chance.randint(8, 22))
        if self.chance.random() < 0.35:
            words.insert(self.chance.randrange(len(words)), self.chance.choice(self.stock))
        return " ".join(words).capitalize() + "."

    def paragraph(self) -> str:
        return " ".join(self.sentence() for _ in range(self.chance.randint(*SENTENCES)))

    def story(self) -> list[str]:
        return [self.paragraph() for _ in range(self.chance.randint(*PARAGRAPHS))]

    def byline(self, wire: list[str]) -> list[str]:
        """The same story below another summary, with a name."""
        return [self.sentence(), *wire, "By " + " ".join(self._draw(2)).title()]

    def cut(self, wire: list[str]) -> list[str]:
        """Its first half, but no less than four paragraphs."""
        return wire[: max(4, len(wire) // 2)]

    def longer(self, wire: list[str]) -> list[str]:
        """With two paragraphs of the paper's own."""
        at = self.chance.randrange(1, len(wire))
        return [*wire[:at], self.paragraph(), *wire[at:], self.paragraph()]

    def edited(self, wire: list[str]) -> list[str]:
        """By an editor who changes a word in each second sentence."""
        return [
            " ".join(
                word if self.chance.random() > 0.03 else self._draw(1)[0] for word in each.split()
            )
            for each in wire
        ]

    def subject(self, wire: list[str]) -> list[str]:
        """Another story on the same subject, which quotes two sentences of it."""
        quoted = [self.chance.choice(wire).split(". ")[0] + "." for _ in range(2)]
        own = self.story()
        return [own[0], quoted[0], *own[1:3], quoted[1], *own[3:]]

    def notice(self, template: list[str]) -> list[str]:
        """A notice that comes every day with other numbers."""
        return [
            each.replace("#", "%d")
            % tuple(self.chance.randint(1, 99) for _ in range(each.count("#")))
            for each in template
        ]

    def template(self) -> list[str]:
        """Of such a notice: one word in eight is a number."""
        return [
            " ".join(
                word if self.chance.random() > 0.125 else "#" for word in self.paragraph().split()
            )
            for _ in range(3)
        ]


def stories(number: int, seed: int = 1) -> Iterator[Story]:
    """So many articles; one in ten copies another one, and one in ten only looks like a copy."""
    room = Newsroom(seed)
    chance = room.chance
    edits: dict[str, Callable[[list[str]], list[str]]] = {
        "whole": list, "byline": room.byline, "cut": room.cut, "longer": room.longer, "edited": room.edited,
    }  # fmt: skip
    templates = [room.template() for _ in range(60)]
    wire: list[
        tuple[int, int, str, list[str]]
    ] = []  # (story, day, site, paragraphs) that may be printed elsewhere
    for n in range(number):
        day, site, draw = n // STORIES_A_DAY, f"site{chance.randrange(SITES)}", chance.random()
        if draw < 0.10 and wire:
            story, _, first, text = chance.choice(wire[-500:])
            kind = chance.choice(list(edits))
            site = site if site != first else "site-other"
            yield Story(site, day + chance.randint(0, 2), story, kind, "\n".join(edits[kind](text)))
        elif draw < 0.15 and wire:
            yield Story(
                site, day, n, "subject", "\n".join(room.subject(chance.choice(wire[-500:])[3]))
            )
        elif draw < 0.20:
            which = chance.randrange(len(templates))
            site = (
                f"site{which}" if chance.random() < 0.5 else site
            )  # half of them on the template's own site
            yield Story(site, day, n, "notice", "\n".join(room.notice(templates[which])))
        else:
            text = room.story()
            if chance.random() < 0.1:
                wire.append((n, day, site, text))
            yield Story(site, day, n, "own", "\n".join(text))
