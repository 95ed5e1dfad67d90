"""The first half of a recipe: the extractors, their options, and a digest of both.

Raise VERSION with every change of this package that can change an extracted page.
"""

from __future__ import annotations

from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

VERSION: Final = 29
TREES_FILE: Final = "trees.json"  # beside this module
LIST_TREES_FILE: Final = "lists/list_trees.json"
LIBRARIES: Final = ("trafilatura", "lxml", "py3langid", "htmldate")

# Measured on labelled pages of four collections. Beside the trees, trafilatura's fast mode is as
# good as its other modes and as any second extractor, and it costs least. Where the trees alone
# have less doubt than MAX_DOUBT, a call of trafilatura made no collection better by more than .003,
# and made two of the four worse.
TRAFILATURA_OPTIONS: Final[dict[str, Any]] = {"include_comments": False, "fast": True}
MAX_FIRST_DOUBT: Final = 0.02  # above this, the trees look again at each line among the others
MAX_DOUBT: Final = 0.12  # words that may be on the wrong side, as a share of the words of the story
# Above that share, trafilatura is called unless the story is settled all the same: of these words
# of a story of fair length, few are unsure, or a long story stands in the element that has nearly
# all prose. That is nearly half of the calls. Measured on pages whose sites the trees had not seen,
# they changed no collection by more than .0006.
UNSURE: Final = (0.15, 0.85)  # between these probabilities, a line is unsure
MAX_UNSURE: Final = 0.35  # words of unsure lines, as a share of the words of the story
FAIR_STORY, LONG_STORY = 150, 800  # words
MIN_CORE_PROSE: Final = 0.85  # of the prose of the page, at the core of a long story
# The probability from which a line that trafilatura left out is kept for the rules. Lines that the
# trees find hopeless have 0.
MIN_PROBABILITY: Final = 0.02


def _digest() -> str:
    parts = [
        f"version={VERSION}",
        *(f"{name}={version(name)}" for name in LIBRARIES),
        repr((TRAFILATURA_OPTIONS, MIN_PROBABILITY, MAX_FIRST_DOUBT, MAX_DOUBT)),
        repr((UNSURE, MAX_UNSURE, FAIR_STORY, LONG_STORY, MIN_CORE_PROSE)),
        *(
            blake2b(Path(__file__).parent.joinpath(name).read_bytes()).hexdigest()
            for name in (TREES_FILE, LIST_TREES_FILE)
        ),
    ]
    return blake2b("\n".join(parts).encode(), digest_size=6).hexdigest()


EXTRACTORS: Final = _digest()
