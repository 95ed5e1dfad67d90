"""Geometry of small stacked bar charts with axes, which a template draws as SVG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.web.line_chart import Tick, round_values

LETTER_WIDTH = 7.0  # of a label, on average, in a wide font
LABEL_GAP = 14  # the least between two labels of the axis of columns
TICK_SPACE = 6  # between a label and its line
MAX_TICKS = 4
MIN_BAR_HEIGHT = 1.5  # so that a small value stays visible
MAX_COLUMN_WIDTH = 26.0  # so that a chart of few columns has no huge bars


@dataclass(frozen=True, slots=True)
class ChartSize:
    """The size of a chart in SVG units, and the space around its bars."""

    width: int = 340
    height: int = 170
    top: int = 12
    right: int = 10
    bottom: int = 26
    letters: int = 6  # room for the labels of the values


SMALL = ChartSize()
WIDE = ChartSize(width=520, height=140)


@dataclass(frozen=True, slots=True)
class ChartBar:
    """A rectangle, in chart units from the upper left corner."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars from left to right, and the ticks of both axes.

    `max_value` is the highest total of a column.
    """

    bars: tuple[ChartBar, ...]
    value_ticks: tuple[Tick, ...]
    label_ticks: tuple[Tick, ...]
    max_value: int
    left: float
    size: ChartSize

    @property
    def right(self) -> float:
        """The right end of the axis of columns."""
        return self.size.width - self.size.right

    @property
    def baseline(self) -> float:
        """Where the bars stand."""
        return self.size.height - self.size.bottom


@dataclass(frozen=True, slots=True)
class ChartColumn:
    """The stacked values of one column, as (kind, value) from the bottom up."""

    label: str
    parts: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """The sum of the values."""
        return sum(value for _, value in self.parts)


@dataclass(frozen=True, slots=True)
class ChartStyle:
    """How values are shown.

    Attributes:
        show_value: Returns a value of the axis with its unit.
        kinds: What the kinds of bars are called; the kind itself for others.
        max_value: The value of full height; 0 for a round one above the highest column.
        is_share: Whether each column shows shares of its total.
        size: The size of the chart.
    """

    show_value: Callable[[float], str] = "{:,.0f}".format
    kinds: Mapping[str, str] = field(default_factory=dict)
    max_value: int = 0
    is_share: bool = False
    size: ChartSize = SMALL


def show_percent(value: float) -> str:
    """Show a value from 0 to 100."""
    return f"{value:.0f} %"


def bar_chart(columns: Sequence[ChartColumn], style: ChartStyle) -> BarChart:
    """Stack the bars of each column, on one scale for all columns or as shares of its total."""
    size = style.size
    highest = max((column.total for column in columns), default=0)
    full_value = 100 if style.is_share else style.max_value or highest
    values = round_values(full_value, MAX_TICKS, is_whole=True)
    labels = [style.show_value(value) for value in values]
    left = LETTER_WIDTH * max(size.letters, *map(len, labels)) + TICK_SPACE
    baseline = size.height - size.bottom
    scale = (baseline - size.top) / values[-1]
    step = min(MAX_COLUMN_WIDTH, (size.width - size.right - left) / max(1, len(columns)))
    bars: list[ChartBar] = []
    for position, column in enumerate(columns):
        factor = scale * (100 / (column.total or 1) if style.is_share else 1)
        bars += _stack(column, left + step * position, step, baseline, factor, style)
    ticks = zip(values, labels, strict=True)
    return BarChart(
        bars=tuple(bars),
        value_ticks=tuple(Tick(round(baseline - at * scale, 1), label) for at, label in ticks),
        label_ticks=_label_ticks([column.label for column in columns], left, step, size),
        max_value=highest,
        left=left,
        size=size,
    )


def _stack(
    column: ChartColumn,
    x: float,
    step: float,
    baseline: float,
    factor: float,
    style: ChartStyle,
) -> list[ChartBar]:
    bars: list[ChartBar] = []
    y = baseline
    width = round(step * 0.8, 2)
    for kind, value in column.parts:
        height = round(value * factor, 2)
        y = round(y - height, 2)
        if value:
            name = style.kinds.get(kind, "")
            shown = f"{value:,}" if style.is_share else style.show_value(value)
            title = f"{column.label}: {shown} {name}".strip()
            bars.append(ChartBar(round(x, 2), y, width, max(height, MIN_BAR_HEIGHT), kind, title))
    return bars


def _label_ticks(
    labels: Sequence[str], left: float, step: float, size: ChartSize
) -> tuple[Tick, ...]:
    """Return the labels of the columns that have room beside each other, the first included."""
    ticks: list[Tick] = []
    end = float("-inf")
    for position, label in enumerate(labels):
        middle = left + step * (position + 0.4)
        half = LETTER_WIDTH * len(label) / 2
        start = min(max(middle - half, 0), size.width - 2 * half)
        if start >= end + LABEL_GAP:
            ticks.append(Tick(round(start + half, 1), label))
            end = start + 2 * half
    return tuple(ticks)
