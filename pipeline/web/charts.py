"""Small plots as numbers: bars in a box, for a template to draw.

Promises pure functions. A bar knows where it stands and what it is; how it looks is the style sheet's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 60.0
STEP = 10.0  # from bar to bar
ROOM = 12  # columns that there is room for at the least


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle in the plot's own units, downwards from its upper edge."""

    x: float
    y: float
    height: float
    kind: str
    label: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars side by side, from left to right; `most` is the value of a full column."""

    bars: tuple[Bar, ...]
    width: float
    most: int
    few: bool  # columns that do not reach from one side to the other
    height: float = HEIGHT


@dataclass(frozen=True, slots=True)
class Column:
    """What stands in one place: (kind, value) from the bottom upwards."""

    label: str
    parts: tuple[tuple[str, int], ...]
    href: str = ""


def plotted(columns: Sequence[Column], *, as_shares: bool = False, full: int = 0) -> Plot:
    """Columns of bars upon each other. With `as_shares` every column that holds anything is full, otherwise the highest, or one
    of the value `full`."""
    most = full or max((sum(value for _, value in each.parts) for each in columns), default=0)
    bars: list[Bar] = []
    for place, each in enumerate(columns):
        whole = sum(value for _, value in each.parts) if as_shares else most
        y = HEIGHT
        for kind, value in each.parts:
            height = round(HEIGHT * value / whole, 2) if whole else 0.0
            y = round(y - height, 2)
            if value:
                bars.append(Bar(place * STEP + 1, y, max(height, 0.5), kind, each.label, each.href))
    return Plot(tuple(bars), max(len(columns), ROOM) * STEP, most, len(columns) < ROOM)
