"""Geometry of small stacked bar charts, which a template draws as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CHART_HEIGHT = 60.0
COLUMN_WIDTH = 10.0  # from the left edge of a column to that of the next one
MIN_COLUMNS = 12  # a chart with fewer columns keeps this width, so that no bar gets too wide
MIN_BAR_HEIGHT = 0.5  # so that a small value stays visible


@dataclass(frozen=True, slots=True)
class ChartBar:
    """A rectangle, in chart units from the upper left corner."""

    x: float
    y: float
    height: float
    kind: str
    label: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars from left to right; `max_value` is the value of a column of full height."""

    bars: tuple[ChartBar, ...]
    width: float
    max_value: int
    is_narrow: bool  # whether the columns do not fill the width
    height: float = CHART_HEIGHT


@dataclass(frozen=True, slots=True)
class ChartColumn:
    """The stacked values of one column, as (kind, value) from the bottom up."""

    label: str
    parts: tuple[tuple[str, int], ...]
    href: str = ""

    @property
    def total(self) -> int:
        """The sum of the values."""
        return sum(value for _, value in self.parts)


def bar_chart(columns: Sequence[ChartColumn], max_value: int = 0) -> BarChart:
    """Stack the bars of each column, on one scale for all columns.

    Args:
        columns: The columns from left to right.
        max_value: The value of full height; 0 for the highest total of a column.
    """
    if not max_value:
        max_value = max((column.total for column in columns), default=0)
    bars: list[ChartBar] = []
    for position, column in enumerate(columns):
        bars += _stack(column, position, max_value)
    return _chart(columns, bars, max_value)


def share_chart(columns: Sequence[ChartColumn]) -> BarChart:
    """Stack the bars of each column as shares of the column's total."""
    max_value = max((column.total for column in columns), default=0)
    bars: list[ChartBar] = []
    for position, column in enumerate(columns):
        bars += _stack(column, position, column.total)
    return _chart(columns, bars, max_value)


def _chart(columns: Sequence[ChartColumn], bars: Sequence[ChartBar], max_value: int) -> BarChart:
    width = max(len(columns), MIN_COLUMNS) * COLUMN_WIDTH
    return BarChart(tuple(bars), width, max_value, len(columns) < MIN_COLUMNS)


def _stack(column: ChartColumn, position: int, full_value: int) -> list[ChartBar]:
    bars: list[ChartBar] = []
    x = position * COLUMN_WIDTH + 1
    y = CHART_HEIGHT
    for kind, value in column.parts:
        height = 0.0
        if full_value:
            height = round(CHART_HEIGHT * value / full_value, 2)
        y = round(y - height, 2)
        if value:
            height = max(height, MIN_BAR_HEIGHT)
            bars.append(ChartBar(x, y, height, kind, column.label, column.href))
    return bars
