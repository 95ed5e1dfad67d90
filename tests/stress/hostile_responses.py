"""Hostile answers to requests for stories: what a server can do wrong in HTTP itself.

A row has a name, an answer, and the expected outcome and reason of the crawl. If bytes are kept,
those of the clean follow.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import chain

import brotli
from backports import zstd

from tests.stress.server import CLOSE, RESET, Answer, Piece, http, raw_bytes, redirect
from tests.stress.story_pages import story

Row = tuple[str, Answer, str] | tuple[str, Answer, str, str]
Codec = Callable[[bytes], bytes]

MB = 1024 * 1024
BOMB = 400 * MB
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8"
GOOD = "archived new"


def deflate(data: bytes) -> bytes:
    return zlib.compress(data, 9)


def raw_deflate(data: bytes) -> bytes:
    """Return deflate without its header, as some servers send it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


@cache
def bomb(codec: Codec) -> bytes:
    """Return some kilobytes that expand to hundreds of megabytes."""
    return codec(b"<html>" + b"\0" * BOMB)


def compress_brotli(data: bytes) -> bytes:
    return bytes(brotli.compress(data, quality=4))


BOMBS = tuple(
    partial(bomb, codec)
    for codec in (gzip.compress, deflate, raw_deflate, compress_brotli, zstd.compress)
)


def encoded(coding: str, body: Callable[[], bytes]) -> Answer:
    return lambda: http(body(), head=f"Content-Encoding: {coding}\r\n")()


def page(name: str) -> bytes:
    return story(name).encode()


def endless(piece: bytes, head: bytes, max_bytes: int = 200 * MB, pause: float = 0.0) -> Answer:
    """Repeat a piece up to a size that no client should accept."""

    def pieces() -> Iterator[Piece]:
        yield head
        for _ in range(max_bytes // len(piece)):
            yield piece
            if pause:
                yield pause

    return pieces


def byte_by_byte(data: bytes, pause: float) -> Answer:
    """Send single bytes, for at most half a minute."""
    return lambda: chain.from_iterable(
        (data[i : i + 1], pause) for i in range(min(len(data), int(30 / pause)))
    )


def with_length(data: bytes, declared: object) -> bytes:
    return OK + f"\r\nContent-Length: {declared}".encode() + CLOSE + b"\r\n" + data


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return OK + b"\r\nTransfer-Encoding: chunked" + CLOSE + b"\r\n" + body + end


def with_head(head: bytes, name: str) -> Answer:
    body = page(name)
    return raw_bytes(
        OK + b"\r\n" + head + b"Content-Length: %d" % len(body) + CLOSE + b"\r\n" + body
    )


CODINGS: tuple[Row, ...] = (
    ("bomb-gzip", encoded("gzip", lambda: bomb(gzip.compress)), "failed too_large"),
    ("bomb-deflate", encoded("deflate", lambda: bomb(deflate)), "failed too_large"),
    ("bomb-deflate-bare", encoded("deflate", lambda: bomb(raw_deflate)), "failed too_large"),
    ("bomb-br", encoded("br", lambda: bomb(compress_brotli)), "failed too_large"),
    ("bomb-zstd", encoded("zstd", lambda: bomb(zstd.compress)), "failed too_large"),
    (
        "bomb-twice",
        encoded("gzip, gzip", lambda: gzip.compress(bomb(gzip.compress))),
        "failed too_large",
    ),
    (
        "gzip-cut",
        encoded("gzip", lambda: gzip.compress(page("gzip-cut"))[:-40]),
        "fetched new",
        GOOD,
    ),
    ("gzip-none", encoded("gzip", lambda: page("gzip-none")), "failed broken_response"),
    ("deflate-none", encoded("deflate", lambda: page("deflate-none")), "failed broken_response"),
    ("br-none", encoded("br", lambda: page("br-none")), "failed broken_response"),
    ("zstd-none", encoded("zstd", lambda: page("zstd-none")), "failed broken_response"),
    (
        "coding-unknown",
        encoded("x-nonsense", lambda: deflate(page("coding-unknown"))),
        "failed unknown_encoding",
    ),
    (
        "coding-list",
        encoded(", ".join(["gzip"] * 500), lambda: page("coding-list")),
        "failed broken_response",
    ),
)

BODIES: tuple[Row, ...] = (
    ("endless", endless(b"<p>and so on</p>" * 4096, OK + CLOSE + b"\r\n"), "failed too_large"),
    (
        "endless-chunks",
        endless(
            b"10000\r\n" + b"x" * 65536 + b"\r\n",
            OK + b"\r\nTransfer-Encoding: chunked" + CLOSE + b"\r\n",
        ),
        "failed too_large",
    ),
    (
        "endless-slow",
        endless(b"<p>on</p>" * 100, OK + CLOSE + b"\r\n", pause=0.1, max_bytes=200_000),
        "failed timeout",
    ),
    (
        "dripping-body",
        lambda: chain((OK + CLOSE + b"\r\n",), byte_by_byte(page("dripping-body"), 0.2)()),
        "failed timeout",
    ),
    ("silent", raw_bytes(20.0), "failed timeout"),
    (
        "silent-after-head",
        raw_bytes(OK + b"\r\nContent-Length: 500" + CLOSE + b"\r\n", 20.0),
        "failed timeout",
    ),
    ("too-short", raw_bytes(with_length(page("too-short"), 99_999)), "failed broken_response"),
    (
        "too-long",
        raw_bytes(
            with_length(page("too-long") + b"<p>and more of it</p>" * 99, len(page("too-long")))
        ),
        "fetched new",
        GOOD,
    ),
    ("length-huge", raw_bytes(with_length(page("length-huge"), 10**18)), "failed too_large"),
    (
        "length-negative",
        raw_bytes(with_length(page("length-negative"), -5)),
        "failed broken_response",
    ),
    (
        "length-words",
        raw_bytes(with_length(page("length-words"), "many")),
        "failed broken_response",
    ),
    (
        "length-twice",
        raw_bytes(with_length(page("length-twice"), "7\r\nContent-Length: 900")),
        "failed broken_response",
    ),
    (
        "length-and-chunks",
        raw_bytes(
            chunked(page("length-and-chunks")).replace(b"OK\r\n", b"OK\r\nContent-Length: 3\r\n")
        ),
        "fetched new",
        GOOD,
    ),
    (
        "chunk-no-number",
        raw_bytes(OK + b"\r\nTransfer-Encoding: chunked" + CLOSE + b"\r\nzz\r\nhello\r\n"),
        "failed broken_response",
    ),
    (
        "chunk-negative",
        raw_bytes(OK + b"\r\nTransfer-Encoding: chunked" + CLOSE + b"\r\n-1\r\nhello\r\n"),
        "failed broken_response",
    ),
    (
        "chunk-huge",
        raw_bytes(
            OK + b"\r\nTransfer-Encoding: chunked" + CLOSE + b"\r\nfffffffffffffff\r\nhello\r\n"
        ),
        "failed broken_response",
    ),
    (
        "chunk-line-endless",
        endless(b"0" * 65536, OK + b"\r\nTransfer-Encoding: chunked" + CLOSE + b"\r\n"),
        "failed broken_response",
    ),
    ("chunks-cut", raw_bytes(chunked(page("chunks-cut"), end=b"")), "failed broken_response"),
    (
        "coding-of-transfer",
        raw_bytes(OK + b"\r\nTransfer-Encoding: gzip" + CLOSE + b"\r\nhello"),
        "failed broken_response",
    ),
    ("empty", http(b""), "failed empty_body"),
    ("only-nuls", http(b"\0" * 5000), "failed empty_body"),
    ("only-spaces", http(b" \r\n\t" * 5000), "failed empty_body"),
    ("reset-at-once", raw_bytes(RESET), "failed broken_response"),
    ("reset-in-head", raw_bytes(OK[:30], 0.1, RESET), "failed broken_response"),
    (
        "reset-in-body",
        raw_bytes(OK + b"\r\nContent-Length: 5000" + CLOSE + b"\r\n<html>half", 0.1, RESET),
        "failed broken_response",
    ),
    ("closed-at-once", raw_bytes(), "failed broken_response"),
)

HEADS: tuple[Row, ...] = (
    (
        "header-line-20k",
        with_head(b"X-Long: " + b"x" * 20_000 + b"\r\n", "header-line-20k"),
        "failed headers_too_large",
    ),
    (
        "header-line-endless",
        endless(b"x" * 65536, OK + b"\r\nX-Long: "),
        "failed headers_too_large",
    ),
    (
        "headers-20000",
        with_head(b"X-A: y\r\n" * 20_000, "headers-20000"),
        "failed headers_too_large",
    ),
    (
        "headers-endless",
        endless(b"X-A: " + b"y" * 1000 + b"\r\n", OK + b"\r\n"),
        "failed headers_too_large",
    ),
    (
        "headers-continued",
        endless(b" and more of this line\r\n" * 1000, OK + b"\r\nX-A: y\r\n"),
        "failed headers_too_large",
    ),
    ("headers-dripping", byte_by_byte(OK + b"\r\nX-Slow: yes\r\n" * 40, 0.2), "failed timeout"),
    (
        "cookies-500",
        with_head(
            b"".join(b"Set-Cookie: c%d=%d; Path=/\r\n" % (i, i) for i in range(500)), "cookies-500"
        ),
        "fetched new",
        GOOD,
    ),
    (
        "header-without-colon",
        with_head(b"nonsense\r\n and more\r\n", "header-without-colon"),
        "fetched new",
        GOOD,
    ),
    (
        "header-without-name",
        with_head(b":empty\r\n\xff\x00: what\r\n", "header-without-name"),
        "failed broken_response",
    ),
    (
        "header-controls",
        with_head(b"ETag: \x00\x01\xff\r\nServer: \x1b[31m\r\n", "header-controls"),
        "fetched new",
        GOOD,
    ),
    ("no-status-line", raw_bytes(page("no-status-line")), "failed broken_response"),
    ("http-0.9", raw_bytes(b"<html>\n" + page("http-0.9")), "failed broken_response"),
    ("garbage", raw_bytes(bytes(range(256)) * 40), "failed broken_response"),
    ("garbage-endless", endless(b"\xfe\xff\x00" * 20_000, b"\x00"), "failed headers_too_large"),
    (
        "http-version-99",
        raw_bytes(OK.replace(b"1.1", b"99.9") + CLOSE + b"\r\n" + page("http-version-99")),
        "fetched new",
        GOOD,
    ),
    (
        "icy",
        raw_bytes(OK.replace(b"HTTP/1.1", b"ICY") + CLOSE + b"\r\nsong"),
        "failed broken_response",
    ),
    (
        "status-words",
        raw_bytes(OK.replace(b"200", b"two hundred") + CLOSE + b"\r\n"),
        "failed broken_response",
    ),
    (
        "1xx-thousand",
        raw_bytes(
            b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" * 1000, with_length(b"x", 1)
        ),
        "fetched new",
        "not_article too_short",
    ),
    (
        "1xx-endless",
        endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 500, b""),
        "failed headers_too_large",
    ),
)


def status(code: object, name: str, head: str = "") -> Answer:
    return http(page(name), status=f"{code} Odd", head=head, close=True)


STATUSES: tuple[Row, ...] = (
    (
        "status-206",
        status(206, "status-206", "Content-Range: bytes 0-9/100\r\n"),
        "failed http_status",
    ),
    ("status-304", raw_bytes(b"HTTP/1.1 304 Not Modified" + CLOSE + b"\r\n"), "failed http_status"),
    ("status-204", raw_bytes(b"HTTP/1.1 204 No Content" + CLOSE + b"\r\n"), "failed http_status"),
    ("status-0", status("000", "status-0"), "failed http_status"),
    ("status-999", status(999, "status-999"), "failed http_status"),
    ("status-99999", status(99999, "status-99999"), "failed http_status"),
    (
        "status-401",
        status(401, "status-401", "WWW-Authenticate: Basic realm=x\r\n"),
        "failed http_status",
    ),
    ("status-500", status(500, "status-500"), "failed http_status"),
    ("status-503", status(503, "status-503"), "deferred try_again"),
    (
        "retry-in-ages",
        status(503, "retry-in-ages", "Retry-After: 99999999999999999999\r\n"),
        "deferred try_again",
    ),
    ("retry-long-ago", status(503, "retry-long-ago", "Retry-After: -1\r\n"), "deferred try_again"),
    (
        "retry-never",
        status(503, "retry-never", "Retry-After: Thu, 32 Foo 99999 99:99:99 GMT\r\n"),
        "deferred try_again",
    ),
    ("type-image", http(page("type-image"), "image/png"), "failed not_html"),
    ("type-of-pdf", http(page("type-of-pdf"), "application/pdf"), "failed not_html"),
    ("type-lies-png", http(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20), "failed not_html"),
    ("type-lies-pdf", http(b"%PDF-1.7\n" + b"0 0 obj\n" * 99), "failed not_html"),
    ("type-lies-gzip", http(gzip.compress(page("type-lies-gzip"))), "failed not_html"),
    ("type-none", http(page("type-none"), ""), "fetched new", GOOD),
    ("type-of-10k", http(page("type-of-10k"), "text/html; " + "x" * 10_000), "fetched new", GOOD),
    (
        "type-twice",
        http(page("type-twice"), "text/html", head="Content-Type: image/png\r\n"),
        "failed not_html",
    ),
)

REDIRECTS: tuple[Row, ...] = (
    ("redirect-to-itself", redirect("redirect-to-itself.html#top"), "failed http_redirect"),
    ("redirect-to-empty", redirect(""), "failed http_status"),
    ("redirect-to-file", redirect("file:///etc/passwd"), "failed bad_url"),
    ("redirect-to-data", redirect("data:text/html,<h1>hello</h1>"), "failed bad_url"),
    ("redirect-to-script", redirect("javascript:alert(1)"), "failed bad_url"),
    ("redirect-to-ftp", redirect("ftp://127.0.0.1/story"), "failed bad_url"),
    ("redirect-to-nothing", redirect("http://"), "failed http_redirect"),
    ("redirect-to-bad-port", redirect("http://example.org:99999999/"), "failed bad_url"),
    ("redirect-to-broken-ip", redirect("http://[::1/"), "failed bad_url"),
    ("redirect-without-target", http("moved", status="302 Found"), "failed http_status"),
    ("redirect-to-100k", redirect("/news/" + "x" * 15_000), "redirected http_redirect"),
    ("redirect-to-private", redirect("http://10.0.0.1/news/1"), "redirected http_redirect"),
    (
        "redirect-to-metadata",
        redirect("http://169.254.169.254/latest/meta-data"),
        "redirected http_redirect",
    ),
    (
        "redirect-with-password",
        redirect("http://me:secret@example.org/news/2"),
        "redirected http_redirect",
    ),
    ("redirect-with-controls", redirect("/news/\x01\x02\x7f\xff"), "redirected http_redirect"),
    (
        "redirect-300",
        redirect("/news/nowhere-300.html", "300 Multiple Choices"),
        "failed http_status",
    ),
    ("loop-one", redirect("/news/loop-two.html"), "redirected http_redirect"),
    ("loop-two", redirect("/news/loop-one.html"), "failed http_redirect"),
    ("chain-0", redirect("/news/chain-1.html"), "redirected http_redirect"),
)

ROWS: tuple[Row, ...] = (*CODINGS, *BODIES, *HEADS, *STATUSES, *REDIRECTS)
CHAIN = 40  # redirects in a row, one leading to the next
