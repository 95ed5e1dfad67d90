"""Changes of stories in a terminal: coloured words there, and marked ones in a file or a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.text import Text

from pipeline.changes.text_diff import ADDED, REMOVED, DiffPart
from pipeline.cli.console import console, format_time, print_line
from pipeline.core.changes.kinds import EDIT_KINDS
from pipeline.core.formatting import shorten

if TYPE_CHECKING:
    from pipeline.store.read import ChangeView

STYLES: Final = {REMOVED: "red strike", ADDED: "green"}
MARKS: Final = {REMOVED: "[-{}-]", ADDED: "{{+{}+}}"}  # as wdiff writes them
PASSAGE_WIDTH: Final = 160  # columns
MAX_PASSAGES: Final = 3


def paragraph(parts: Sequence[DiffPart], style: str = "") -> Text:
    """Return a compared paragraph: with colours on a terminal, else with the marks of wdiff."""
    text = Text(style=style)
    for part in parts:
        if console.is_terminal or part.kind not in MARKS:
            text.append(part.text, style=STYLES.get(part.kind, ""))
        else:
            text.append(MARKS[part.kind].format(part.text))
    return text


def print_change(change: ChangeView) -> None:
    """Print one change: its kind and time, the title, and what stood and stands there."""
    head = f"{change.article}  {format_time(change.at)} UTC  {change.site}"
    words = ""
    if change.kind in EDIT_KINDS:
        words = f"  -{change.words_lost} +{change.words_gained} words"
    print_line(Text.assemble((head, "cyan"), (f"  {change.kind}{words}", "yellow")))
    print_line(Text(f"  {change.title}", style="bold"))
    for passage in change.evidence[:MAX_PASSAGES]:
        if passage.before:
            print_line(Text(f"  - {shorten(passage.before, PASSAGE_WIDTH)}", style="red"))
        if passage.after:
            print_line(Text(f"  + {shorten(passage.after, PASSAGE_WIDTH)}", style="green"))
    more = len(change.evidence) - MAX_PASSAGES
    if more > 0:
        print_line(Text("  … 'nightdesk diff' shows all", style="dim"))
    print_line(Text(f"  {change.url}", style="dim"))
