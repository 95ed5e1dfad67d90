"""The first half of a Recipe: which extractors, which options.

Promises a digest that changes when a Draft may change. Raise VERSION with every change in this room that
alters a Draft.
"""

from __future__ import annotations

from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

VERSION: Final = 11
TREES_FILE: Final = "trees.json"  # beside this file
LIBRARIES: Final = ("trafilatura", "lxml", "py3langid", "htmldate")

# Measured on labelled pages of four collections: beside the trees, the fast pass is worth as much as any other pass or any
# second extractor, and costs the least. Where the trees alone have less DOUBT, asking it made no collection better by more than
# .003, and two of the four worse.
TRAFILATURA_OPTIONS: Final[dict[str, Any]] = {"include_comments": False, "fast": True}
MAX_DOUBT: Final = 0.09  # words that may be on the wrong side, as a share of those of the story
MIN_PROBABILITY: Final = 0.02  # chance from which a line that no extractor chose is kept to be judged: by the trees, hopeless ones have 0


def _digest() -> str:
    parts = [
        f"craft={VERSION}",
        *(f"{name}={version(name)}" for name in LIBRARIES),
        repr((TRAFILATURA_OPTIONS, MIN_PROBABILITY, MAX_DOUBT)),
        blake2b(Path(__file__).with_name(TREES_FILE).read_bytes()).hexdigest(),
    ]
    return blake2b("\n".join(parts).encode(), digest_size=6).hexdigest()


EXTRACTORS: Final = _digest()
