"""Values as a reader sees them: times, sizes, numbers, languages, addresses; each safe to stand in a page.

Promises pure functions. What they return is text to be escaped, or `Markup` that was built of escaped parts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from markupsafe import Markup

# Characters that no page may hold, and those that would turn the direction of what stands around a text
UNSHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
EMBEDDED, ISOLATED = "\u202c", "\u2069"  # what closes an embedding or override, and an isolate
CLOSERS: Final = dict.fromkeys("\u202a\u202b\u202d\u202e", EMBEDDED) | dict.fromkeys(
    "\u2066\u2067\u2068", ISOLATED
)
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
RIGHT_TO_LEFT: Final = frozenset(
    ("ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi")
)
UNITS: Final = ("B", "kB", "MB", "GB")


def clean(value: Any) -> Any:
    """What a template prints: without characters that no page may hold, and so that it turns nothing behind it."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return balanced(UNSHOWN.sub("\ufffd", value))


def balanced(text: str) -> str:
    """A text that closes whatever changes of direction it opens, and no others: an isolate that is left open would otherwise
    swallow the end of the element around it, which then turns what stands behind."""
    if not TURNING.search(text):
        return text
    found, opened, number = list[str](), list[str](), {EMBEDDED: 0, ISOLATED: 0}
    for letter in text:
        if letter in number:
            if not number[letter]:
                continue
            while (closer := opened.pop()) != letter:
                found.append(closer)
                number[closer] -= 1
            number[letter] -= 1
        elif letter in CLOSERS:
            opened.append(CLOSERS[letter])
            number[CLOSERS[letter]] += 1
        found.append(letter)
    return "".join((*found, *reversed(opened)))


def plain(text: str) -> str:
    """A text for where no markup can hold its direction: a window's title."""
    return TURNING.sub("", " ".join(text.split()))


def when(at: datetime | None, precision: str = "") -> Markup:
    """A time in UTC; of one that is known to the day alone, the day."""
    if at is None:
        return Markup("")
    at = at.astimezone(UTC)
    shown = f"{at:%Y-%m-%d}" if precision == "day" else f"{at:%Y-%m-%d %H:%M}"
    return Markup('<time datetime="{}">{}</time>').format(
        f"{at:%Y-%m-%dT%H:%MZ}" if precision != "day" else shown, shown
    )


def clock(at: datetime | None) -> Markup:
    """The hour of a time in UTC."""
    if at is None:
        return Markup("")
    return Markup('<time datetime="{}">{}</time>').format(f"{at:%Y-%m-%dT%H:%MZ}", f"{at:%H:%M}")


def local(at: datetime | None) -> str:
    """A time on its own clock, with what that clock is ahead of UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC{at:%:z}" if at is not None else ""


def day(of: date) -> str:
    """A day as a heading."""
    return f"{of:%A} {of.day} {of:%B} {of.year}"


def size(number: int) -> str:
    """Bytes as people read them."""
    value = float(number)
    for unit in UNITS:
        if value < 1000 or unit == UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return ""


def count(number: int, one: str = "", many: str = "") -> str:
    """`1 article`, `2,000 articles`; without a noun the number alone."""
    return f"{number:,} {one if number == 1 else many or one + 's'}" if one else f"{number:,}"


def share(part: int, whole: int) -> str:
    """Of a hundred."""
    return f"{part / whole:.0%}" if whole else "–"


def seconds(milliseconds: int) -> str:
    """A short time."""
    return f"{milliseconds:,} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def lasting(time: timedelta | None) -> str:
    """How long something will take, as far as is known."""
    if time is None:
        return ""
    whole = time.total_seconds()
    return (
        f"about {whole / 3600:.1f} h"
        if whole >= 5400
        else f"about {whole / 60:.0f} min"
        if whole >= 120
        else f"{whole:.0f} s"
    )


def said(code: str) -> str:
    """An outcome, a reason or a kind as words."""
    return code.replace("_", " ")


def link(url: str) -> str:
    """The address, where it is one that may be followed, else ""."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return (
        url
        if parts.scheme in ("http", "https") and parts.netloc and not UNSHOWN.search(url)
        else ""
    )


def tongue(language: str) -> Markup:
    """The attributes `lang` and `dir` of a text in a language."""
    if not LANGUAGE.fullmatch(language):
        return Markup('dir="auto"')
    turned = "rtl" if language.lower().partition("-")[0] in RIGHT_TO_LEFT else "auto"
    return Markup('lang="{}" dir="{}"').format(language, turned)


def lead(text: str, title: str = "", letters: int = 240) -> str:
    """The first lines of a text, on one line and to the end of a word, without a headline that stands there once more."""
    lines = [line for line in text.split("\n") if line.strip() and line.strip() != title.strip()]
    line = " ".join(" ".join(lines).split())
    if len(line) <= letters:
        return line
    cut = line[:letters]
    return (cut.rsplit(" ", 1)[0] if " " in cut[letters // 2 :] else cut).rstrip(" ,.;:–—-") + "…"


def marked(text: str, spans: Sequence[tuple[int, int]]) -> Markup:
    """A text with what was asked for marked in it."""
    found, end = Markup(""), 0
    for start, stop in spans:
        found += Markup("{}<mark>{}</mark>").format(clean(text[end:start]), clean(text[start:stop]))
        end = stop
    return found + Markup("{}").format(clean(text[end:]))


FILTERS: Final = {
    each.__name__: each
    for each in (
        clock,
        count,
        day,
        lasting,
        lead,
        link,
        local,
        marked,
        plain,
        said,
        seconds,
        share,
        size,
        tongue,
        when,
    )
}
