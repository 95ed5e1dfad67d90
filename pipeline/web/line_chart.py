"""Geometry of charts with axes, which templates draw as SVG: lines over time, or bars by name.

Coordinates are in SVG units from the upper left corner. A chart has everything that it needs to
stand alone: axes with labels and units, a legend, and the value of each point as its title.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

WIDTH = 720
LEFT, RIGHT, TOP = 64, 16, 36
PLOT_HEIGHT = 230
LEGEND_LINE = 26
AXIS_SPACE = 72  # below the plot, for its labels and its title
BAR_HEIGHT = 12
BAR_GAP = 10  # between the bars of two names
MAX_NAME_WIDTH = 230
LETTER_WIDTH = 9.5  # of a label, on average, in the larger letters of a phone
MAX_TICKS = 5
LABEL_SPACE = 140  # the least between two labels of the time axis
# Colours for a chart that is saved: each has 4.5:1 on white. Dashes make them differ in print.
COLORS = ("#0b5cad", "#b23a07", "#15713a", "#7e22ce", "#0f6a66", "#9f1239")
DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2", "12 3")


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of an axis: where it is, and its label."""

    position: float
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A point or a bar with its value in words."""

    x: float
    y: float
    title: str
    width: float = 0.0


@dataclass(frozen=True, slots=True)
class Series:
    """One query of a chart: `path` is the line through its marks."""

    name: str
    color: str
    dash: str
    marks: tuple[Mark, ...]
    path: str = ""


@dataclass(frozen=True, slots=True)
class AxisChart:
    """A chart with axes.

    Attributes:
        is_bars: Whether the marks are bars, and not points of lines.
        value_ticks: The ticks of the axis of values.
        label_ticks: The ticks of the other axis: times or names.
        value_title: What the values are, with their unit.
        label_title: What the other axis is.
    """

    is_bars: bool
    width: int
    height: int
    left: float
    top: float
    right: float
    bottom: float
    value_ticks: tuple[Tick, ...]
    label_ticks: tuple[Tick, ...]
    value_title: str
    label_title: str
    series: tuple[Series, ...]
    legend_top: float


@dataclass(frozen=True, slots=True)
class ChartData:
    """What a chart shows: a name and values for each query, and the labels of the values."""

    labels: Sequence[str]
    series: Sequence[tuple[str, Sequence[float]]]
    value_title: str
    label_title: str
    show_value: Callable[[float], str]
    is_whole: bool = True  # whether the values are numbers of things, and not shares


def line_chart(data: ChartData) -> AxisChart:
    """Draw a line for each query over time, from left to right."""
    bottom = TOP + PLOT_HEIGHT
    right = WIDTH - RIGHT
    ticks = value_ticks(data)
    highest = ticks[-1][0]
    count = max(1, len(data.labels) - 1)
    xs = [round(LEFT + (right - LEFT) * number / count, 1) for number in range(len(data.labels))]
    series: list[Series] = []
    for number, (name, values) in enumerate(data.series):
        marks: list[Mark] = []
        for x, label, value in zip(xs, data.labels, values, strict=True):
            y = round(bottom - PLOT_HEIGHT * value / highest, 1)
            marks.append(Mark(x, y, f"{name}, {label}: {data.show_value(value)}"))
        path = " ".join(f"{mark.x},{mark.y}" for mark in marks)
        series.append(Series(name, *_style(number), tuple(marks), path))
    positions = [Tick(round(bottom - PLOT_HEIGHT * at / highest, 1), label) for at, label in ticks]
    return AxisChart(
        is_bars=False,
        width=WIDTH,
        height=bottom + AXIS_SPACE + LEGEND_LINE * len(series),
        left=LEFT,
        top=TOP,
        right=right,
        bottom=bottom,
        value_ticks=tuple(positions),
        label_ticks=_time_ticks(data.labels, xs),
        value_title=data.value_title,
        label_title=data.label_title,
        series=tuple(series),
        legend_top=bottom + AXIS_SPACE,
    )


def name_chart(data: ChartData) -> AxisChart:
    """Draw bars for each name, from top to bottom, one for each query."""
    longest = max((len(label) for label in data.labels), default=0)
    left = min(MAX_NAME_WIDTH, LETTER_WIDTH * longest) + 14
    right = WIDTH - RIGHT
    ticks = value_ticks(data)
    highest = ticks[-1][0]
    block = BAR_HEIGHT * len(data.series) + BAR_GAP
    bottom = TOP + block * len(data.labels)
    series: list[Series] = []
    for number, (name, values) in enumerate(data.series):
        marks: list[Mark] = []
        for row, (label, value) in enumerate(zip(data.labels, values, strict=True)):
            y = TOP + block * row + BAR_GAP / 2 + BAR_HEIGHT * number
            width = round((right - left) * value / highest, 1)
            marks.append(Mark(left, y, f"{name}, {label}: {data.show_value(value)}", width))
        series.append(Series(name, *_style(number), tuple(marks)))
    names: list[Tick] = []
    for row, label in enumerate(data.labels):
        names.append(Tick(TOP + block * (row + 0.5), _shorten(label)))
    positions = [Tick(round(left + (right - left) * at / highest, 1), name) for at, name in ticks]
    return AxisChart(
        is_bars=True,
        width=WIDTH,
        height=bottom + AXIS_SPACE + LEGEND_LINE * len(series),
        left=left,
        top=TOP,
        right=right,
        bottom=bottom,
        value_ticks=tuple(positions),
        label_ticks=tuple(names),
        value_title=data.value_title,
        label_title=data.label_title,
        series=tuple(series),
        legend_top=bottom + AXIS_SPACE,
    )


def value_ticks(data: ChartData) -> list[tuple[float, str]]:
    """Return round values from 0 to the first one that is not below any value, with labels."""
    highest = max((max(values, default=0.0) for _, values in data.series), default=0.0)
    values = round_values(highest, MAX_TICKS, is_whole=data.is_whole)
    return [(value, data.show_value(value)) for value in values]


def round_values(highest: float, count: int, *, is_whole: bool) -> list[float]:
    """Return 0 and round values after it in equal steps, up to the first not below `highest`.

    Args:
        highest: The highest value to be shown.
        count: About how many steps there may be.
        is_whole: Whether steps must be whole numbers.
    """
    step = _round_step(highest / count, is_whole=is_whole)
    steps = max(1, ceil(highest / step - 1e-9))
    return [step * number for number in range(steps + 1)]


def _round_step(least: float, *, is_whole: bool) -> float:
    """Return the smallest of 1, 2, 5, 10, 20 and so on, or their fractions, that is not less."""
    if least <= 0:
        return 1.0
    power = 10.0 ** floor(log10(least))
    for factor in (1, 2, 5, 10):
        step = factor * power
        if step >= least - 1e-12 and not (is_whole and step < 1):
            return step
    return 1.0


def _style(number: int) -> tuple[str, str]:
    return COLORS[number % len(COLORS)], DASHES[number % len(DASHES)]


def _time_ticks(labels: Sequence[str], xs: Sequence[float]) -> tuple[Tick, ...]:
    """Return the labels that have room beside each other, the first one included."""
    ticks: list[Tick] = []
    for label, x in zip(labels, xs, strict=True):
        if not ticks or x - ticks[-1].position >= LABEL_SPACE:
            ticks.append(Tick(x, label))
    return tuple(ticks)


def _shorten(label: str) -> str:
    letters = int(MAX_NAME_WIDTH / LETTER_WIDTH)
    return label if len(label) <= letters else f"{label[: letters - 1]}…"
