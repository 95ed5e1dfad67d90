"""Find the charset of a page, and decode its bytes.

The order of trust is: a byte order mark; bytes that are UTF-8, but for a few that are broken; then
the best of the declared charsets (HTTP header, then the page's own meta element) and a guess. A
header is often the server's default and wrong. Bytes that form valid UTF-8 by accident are next to
impossible, and a program that cuts a text in the middle of a character breaks few of them.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from w3lib.encoding import resolve_encoding

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
META_CHARSET = re.compile(
    rb"<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})"
    rb"|<\?xml[^>]{0,100}encoding\s*=\s*[\"']([\w.:-]{2,40})",
    re.I,
)
DECLARATION_BYTES = 4096  # in which a page may declare its charset; browsers look at 1024
SAMPLE_BYTES = 40_000
MAX_LABEL_LENGTH = 40
SEVEN_BIT = {"iso2022_jp", "iso-2022-jp", "hz", "iso2022_kr", "iso-2022-kr"}
WIDE = ("utf-16", "utf-32", "utf_16", "utf_32")
# Signs of a wrong charset: unreadable or control characters; runs of accented Latin, Cyrillic with
# inverted case, frames.
UNREADABLE = re.compile("[\ufffd\x80-\x9f]")
MANGLED = re.compile("[\u00c0-\u00ff]{3,}|[а-яё][А-ЯЁ]|[\u2500-\u259f]")
NOT_ASCII = re.compile(rb"[\x80-\xff\x1b]")
# What pages are written in. A guess at a charset of DOS or of old printers is wrong: such a page is
# read in the charset that browsers take for unknown pages.
WEB_CHARSETS = frozenset((
    "ascii", "big5", "big5hkscs", "cp866", "cp874", "cp932", "cp949", "cp950", "euc_jis_2004",
    "euc_jp", "euc_kr", "gb18030", "gb2312", "gbk", "koi8_r", "koi8_t", "koi8_u", "mac_cyrillic",
    "ptcp154", "shift_jis", "shift_jis_2004", "shift_jisx0213", "tis_620", "utf_8",
))  # fmt: skip
WEB_CHARSET_FAMILIES = ("cp125", "iso8859", "iso2022")
DEFAULT_CHARSET = "windows-1252"
NOT_ASCII_TEXT = re.compile("[^\x00-\x7f]+")
BROKEN = "\ufffd"  # what the decoder puts in the place of broken bytes
MIN_WHOLE_PER_BROKEN = 2  # characters outside ASCII, where another charset is declared
UNREADABLE_WEIGHT = 3  # one unreadable character counts as much as three mangled ones
MAX_GOOD_SCORE = 0.02  # share of wrong characters, above which the charset is guessed, too


def decode(body: bytes, declared: str = "") -> str:
    """Decode a body; bytes that cannot be decoded become U+FFFD.

    Args:
        body: The bytes of a page.
        declared: The charset of the HTTP header, as declared.
    """
    for mark, name in BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    if name := _utf16_without_mark(body):
        return body.decode(name, "replace")
    names = list(dict.fromkeys(_declared_charsets(body, declared)))
    if SEVEN_BIT.isdisjoint(names):
        text = body.decode("utf-8", "replace")
        if BROKEN not in text or _is_mostly_utf8(text, names):
            return text
    return body.decode(_best_charset(body, names), "replace")


def _is_mostly_utf8(text: str, names: list[str]) -> bool:
    """Tell whether a text that was decoded as UTF-8 is UTF-8 with a few broken bytes.

    In other charsets nearly each byte outside ASCII is broken UTF-8. Of the common Chinese
    characters in GBK, about one in four is valid UTF-8 by accident.
    """
    broken = text.count(BROKEN)
    whole = sum(map(len, NOT_ASCII_TEXT.findall(text))) - broken
    is_declared = "utf-8" in names or not names
    return whole >= broken * (1 if is_declared else MIN_WHOLE_PER_BROKEN)


def _declared_charsets(body: bytes, header: str) -> Iterator[str]:
    labels = [header]
    if match := META_CHARSET.search(body[:DECLARATION_BYTES]):
        labels.append((match[1] or match[2]).decode("ascii", "replace"))
    for label in filter(None, labels):
        name = resolve_encoding(label[:MAX_LABEL_LENGTH])
        if name and not name.startswith(WIDE):  # the body has neither a mark nor zero bytes
            yield name


def _utf16_without_mark(body: bytes) -> str:
    """Detect UTF-16 without a mark: every other byte of its markup is zero."""
    head = body[:80]
    if len(head) < 20:
        return ""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > len(head) * 0.4 and even * 10 < odd:
        return "utf-16-le"
    if even > len(head) * 0.4 and odd * 10 < even:
        return "utf-16-be"
    return ""


def _best_charset(body: bytes, names: list[str]) -> str:
    sample = _sample(body)
    scores: dict[str, float] = {}
    for name in (*names, "utf-8"):
        scores[name] = _error_score(sample, name)
    if min(scores.values()) > MAX_GOOD_SCORE:
        for name in _guessed_charsets(sample):
            scores.setdefault(name, _error_score(sample, name))
    # `min` takes the first of equal ones: the header before the meta element before a guess.
    return min(scores, key=lambda name: scores[name])


def _sample(body: bytes) -> bytes:
    """Return the bytes from the first one outside ASCII: a page often begins with markup."""
    first = NOT_ASCII.search(body)
    if first is None:
        return body[:SAMPLE_BYTES]
    return body[first.start() : first.start() + SAMPLE_BYTES]


def _error_score(sample: bytes, name: str) -> float:
    """Return how many characters look wrong under a charset, per character that is not ASCII."""
    text = sample.decode(name, "replace")
    foreign = sum(char > "\x7f" for char in text) or 1
    unreadable = len(UNREADABLE.findall(text[:-3]))  # the sample may end inside a character
    mangled = sum(map(len, MANGLED.findall(text)))
    return (UNREADABLE_WEIGHT * unreadable + mangled) / foreign


def _guessed_charsets(sample: bytes) -> Iterator[str]:
    from charset_normalizer import from_bytes

    best = from_bytes(sample[:8000]).best()
    if best is not None:
        is_used = best.encoding in WEB_CHARSETS or best.encoding.startswith(WEB_CHARSET_FAMILIES)
        yield best.encoding if is_used else DEFAULT_CHARSET
