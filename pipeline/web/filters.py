"""Template filters: times, sizes, numbers, languages and URLs as readers see them.

All filters are pure. They return text that the template escapes, or `Markup` from escaped parts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from markupsafe import Markup

from pipeline.changes.text_diff import ADDED, REMOVED, DiffPart
from pipeline.core.formatting import format_duration, format_size, pluralize

# C0 and C1 control characters, surrogates and noncharacters, which HTML and XML must not contain
FORBIDDEN_CHARACTERS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
# Unicode bidirectional controls (UAX #9): they can change the direction of the text around them
BIDI_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
END_EMBEDDING = "\u202c"  # PDF, ends an embedding or an override
END_ISOLATE = "\u2069"  # PDI, ends an isolate
CLOSERS: Final = dict.fromkeys("\u202a\u202b\u202d\u202e", END_EMBEDDING) | dict.fromkeys(
    "\u2066\u2067\u2068", END_ISOLATE
)
LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
RIGHT_TO_LEFT: Final = frozenset(
    ("ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi")
)
SNIPPET_LETTERS = 240


def printable(value: Any) -> Any:
    """Remove forbidden characters and close bidi controls in a text that a template prints."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return close_bidi_controls(FORBIDDEN_CHARACTERS.sub("\ufffd", value))


def close_bidi_controls(text: str) -> str:
    """Close all bidi controls that the text opens, and drop closers without an opener.

    An isolate that stays open would swallow the end of the element around it, and so would change
    the direction of the text after it.
    """
    if not BIDI_CONTROLS.search(text):
        return text
    letters: list[str] = []
    open_closers: list[str] = []
    open_counts = {END_EMBEDDING: 0, END_ISOLATE: 0}
    for letter in text:
        if letter in open_counts:
            if not open_counts[letter]:
                continue
            while (closer := open_closers.pop()) != letter:
                letters.append(closer)
                open_counts[closer] -= 1
            open_counts[letter] -= 1
        elif letter in CLOSERS:
            open_closers.append(CLOSERS[letter])
            open_counts[CLOSERS[letter]] += 1
        letters.append(letter)
    return "".join((*letters, *reversed(open_closers)))


def one_line(text: str) -> str:
    """Put a text on one line without bidi controls, for a window title."""
    return BIDI_CONTROLS.sub("", " ".join(text.split()))


def timestamp(at: datetime | None, precision: str = "") -> Markup:
    """Show a time in UTC, or its day only if `precision` is "day"."""
    if at is None:
        return Markup("")
    at = at.astimezone(UTC)
    machine, shown = f"{at:%Y-%m-%dT%H:%MZ}", f"{at:%Y-%m-%d %H:%M}"
    if precision == "day":
        machine = shown = f"{at:%Y-%m-%d}"
    return Markup('<time datetime="{}">{}</time>').format(machine, shown)


def time_of_day(at: datetime | None) -> Markup:
    """Show the hour and minute of a time in UTC."""
    if at is None:
        return Markup("")
    return Markup('<time datetime="{}">{}</time>').format(f"{at:%Y-%m-%dT%H:%MZ}", f"{at:%H:%M}")


def local_time(at: datetime | None) -> str:
    """Show a time on its own clock, with the offset of that clock from UTC."""
    if at is None:
        return ""
    return f"{at:%Y-%m-%d %H:%M} UTC{at:%:z}"


def long_date(value: date) -> str:
    """Show a date as a heading: `Monday 2 March 2026`."""
    return f"{value:%A} {value.day} {value:%B} {value.year}"


def size(number: int) -> str:
    """Show a number of bytes with its unit."""
    return format_size(number)


def count(number: int, singular: str = "", plural: str = "") -> str:
    """Show a number with its noun, `1 article` or `2,000 articles`; without a noun the number."""
    if not singular:
        return f"{number:,}"
    return pluralize(number, singular, plural)


def percent(part: int, whole: int) -> str:
    """Show a share in percent, or a dash if `whole` is 0."""
    if not whole:
        return "–"
    return f"{part / whole:.0%}"


def milliseconds(number: int) -> str:
    """Show a short time in ms or s."""
    if number < 1000:
        return f"{number:,} ms"
    return f"{number / 1000:.1f} s"


def duration(value: timedelta | None) -> str:
    """Show an estimated duration, or nothing if it is unknown."""
    if value is None:
        return ""
    shown = format_duration(value)
    if shown.endswith(" s"):
        return shown
    return f"about {shown}"


def label(code: str) -> str:
    """Show a code of an outcome, reason or kind as words."""
    return code.replace("_", " ")


def safe_url(url: str) -> str:
    """Return the URL if it is a valid http or https URL, else ""."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return ""
    if FORBIDDEN_CHARACTERS.search(url):
        return ""
    return url


def lang_attributes(language: str) -> Markup:
    """Return the attributes `lang` and `dir` for a text in a language."""
    if not LANGUAGE_TAG.fullmatch(language):
        return Markup('dir="auto"')
    direction = "auto"
    if language.lower().partition("-")[0] in RIGHT_TO_LEFT:
        direction = "rtl"
    return Markup('lang="{}" dir="{}"').format(language, direction)


def snippet(text: str, title: str = "", letters: int = SNIPPET_LETTERS) -> str:
    """Return the start of a text on one line, up to the end of a word.

    Args:
        text: The text, one block per line.
        title: The headline; lines that repeat it are left out.
        letters: The maximum length.
    """
    lines = [line for line in text.split("\n") if line.strip() != title.strip()]
    line = " ".join(" ".join(lines).split())
    if len(line) <= letters:
        return line
    cut = line[:letters]
    if " " in cut[letters // 2 :]:
        cut = cut.rsplit(" ", 1)[0]
    return cut.rstrip(" ,.;:–—-") + "…"


def highlight(text: str, spans: Sequence[tuple[int, int]]) -> Markup:
    """Put the spans of a text into `<mark>`.

    Args:
        text: The text.
        spans: Ordered, separate spans [start, end) in code points.
    """
    markup, end = Markup(""), 0
    for start, stop in spans:
        before, inside = printable(text[end:start]), printable(text[start:stop])
        markup += Markup("{}<mark>{}</mark>").format(before, inside)
        end = stop
    return markup + Markup("{}").format(printable(text[end:]))


def diff_markup(parts: Sequence[DiffPart]) -> Markup:
    """Show a compared paragraph: removed words in `<del>`, added ones in `<ins>`."""
    html = Markup()
    for part in parts:
        text = printable(part.text)
        if part.kind == REMOVED:
            html += Markup("<del>{}</del>").format(text)
        elif part.kind == ADDED:
            html += Markup("<ins>{}</ins>").format(text)
        else:
            html += text
    return html


FILTERS: Final = {
    "count": count,
    "diff_markup": diff_markup,
    "duration": duration,
    "highlight": highlight,
    "label": label,
    "lang_attributes": lang_attributes,
    "local_time": local_time,
    "long_date": long_date,
    "milliseconds": milliseconds,
    "one_line": one_line,
    "percent": percent,
    "safe_url": safe_url,
    "size": size,
    "snippet": snippet,
    "time_of_day": time_of_day,
    "timestamp": timestamp,
}
