"""Bytes → text: which charset they are in, whoever says otherwise.

Promises a text for any bytes. The order of belief: a byte order mark; bytes that are valid UTF-8; then,
among the declared charsets (header first, then the page's own meta) and a guess, the one that reads best. A
header is often the server's default and wrong; bytes that form valid UTF-8 by accident are next to
impossible.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from w3lib.encoding import resolve_encoding

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with that one's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
META = re.compile(
    rb"<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})|<\?xml[^>]{0,100}encoding\s*=\s*[\"']([\w.:-]{2,40})",
    re.I,
)
HEAD = 4096  # bytes in which a page may declare its charset; browsers look at 1024
SAMPLE = 40_000
SEVEN_BIT = {"iso2022_jp", "iso-2022-jp", "hz", "iso2022_kr", "iso-2022-kr"}
# Signs of a wrong reading: unreadable or control characters, runs of accented Latin, Cyrillic with its case turned around.
UNREADABLE = re.compile("[\ufffd\x80-\x9f]")
MANGLED = re.compile("[\u00c0-\u00ff]{3,}|[а-яё][А-ЯЁ]|[\u2500-\u259f]")


def decode(body: bytes, declared: str = "") -> str:
    """The text of a body; undecodable bytes become U+FFFD."""
    for mark, name in BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    if name := _wide(body):
        return body.decode(name, "replace")
    names = list(dict.fromkeys(_declared(body, declared)))
    if not any(name in SEVEN_BIT for name in names):
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return body.decode(_best(body, names), "replace")


def _declared(body: bytes, header: str) -> Iterator[str]:
    match = META.search(body[:HEAD])
    meta = (match[1] or match[2]).decode("ascii", "replace") if match else ""
    for label in (header, meta):
        name = resolve_encoding(label[:40]) if label else None
        if name and not name.startswith(
            ("utf-16", "utf-32", "utf_16", "utf_32")
        ):  # it has no mark and no zero bytes
            yield name


def _wide(body: bytes) -> str:
    """UTF-16 without a mark: every other byte of its markup is zero."""
    head = body[:80]
    if len(head) < 20:
        return ""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > len(head) * 0.4 and even * 10 < odd:
        return "utf-16-le"
    return "utf-16-be" if even > len(head) * 0.4 and odd * 10 < even else ""


def _best(body: bytes, names: list[str]) -> str:
    sample = _sample(body)
    candidates = [*names, "utf-8"]
    scores = {name: _trouble(sample, name) for name in candidates}
    if min(scores.values()) > 0.02:
        scores |= {name: _trouble(sample, name) for name in _guessed(sample) if name not in scores}
    return min(
        scores, key=lambda name: scores[name]
    )  # the first of equals: header before meta before a guess


def _sample(body: bytes) -> bytes:
    """The bytes around what is not ASCII: the head of a page is often markup only."""
    first = re.search(rb"[\x80-\xff\x1b]", body)
    start = first.start() if first else 0
    return body[start : start + SAMPLE]


def _trouble(sample: bytes, name: str) -> float:
    """Share of characters that look wrong under a charset, per character that is not ASCII."""
    text = sample.decode(name, "replace")
    foreign = sum(char > "\x7f" for char in text) or 1
    return (3 * len(UNREADABLE.findall(text[:-3])) + sum(map(len, MANGLED.findall(text)))) / foreign


def _guessed(sample: bytes) -> Iterator[str]:
    from charset_normalizer import from_bytes

    best = from_bytes(sample[:8000]).best()
    if best is not None:
        yield best.encoding
