"""Pages out of WARC files and folders of HTML, on their way into the archive.

Promises that what is no page is told with its reason, that no record costs another one, and that a page has the time and the
bytes of the visit that somebody else made: transfer and content codings undone, nothing else.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urljoin

from pipeline.core.errors import ConfigError, NightdeskError
from pipeline.core.models import Outcome, Reason
from pipeline.core.urls import MAX_URL, canonical
from pipeline.store.crawl.import_session import Brought, LeftOut

LONGEST: Final = 16 * 1024 * 1024  # bytes, as of a page that is crawled
HTML: Final = (".html", ".htm", ".xhtml")
KEPT: Final = (
    "content-type", "etag", "last-modified", "date", "content-language", "x-robots-tag", "tdm-reservation", "server",
)  # fmt: skip
INDEX: Final = "index.csv"
FILES: Final = (
    "http://files.invalid/"  # of pages that no one knows the address of; no such host can exist
)
CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f]+")
UNSTORABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
LARGEST_HEAD: Final = 512 * 1024  # bytes in which a page's own address is looked for
SIGN: Final = re.compile(rb"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]", re.IGNORECASE)
SAVED: Final = re.compile(rb"<!--\s*saved from url=\(\d+\)(\S+)\s*-->")
LINK: Final = re.compile(rb"<(?:link|meta)\b[^>]*>", re.IGNORECASE)
CANONICAL: Final = re.compile(
    r"""\brel\s*=\s*["']?canonical\b|\bproperty\s*=\s*["']?og:url\b""", re.IGNORECASE
)
ADDRESS: Final = re.compile(
    r"""\b(?:href|content)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE
)

GONE: Final = (404, 410)
WHY: Final = {  # a file is cut short, or has a record without a date, where nothing else is said
    "redirect": (Outcome.REDIRECTED, Reason.HTTP_REDIRECT), "no success": (Outcome.FAILED, Reason.HTTP_STATUS),
    "no HTML": (Outcome.FAILED, Reason.NOT_HTML), "empty": (Outcome.FAILED, Reason.EMPTY_BODY),
    "too long": (Outcome.FAILED, Reason.TOO_LARGE), "unknown packing": (Outcome.FAILED, Reason.UNKNOWN_ENCODING),
    "no http address": (Outcome.REFUSED, Reason.BAD_URL), "unreadable": (Outcome.FAILED, Reason.UNREADABLE),
    "revisit of what is not here": (Outcome.FAILED, Reason.EMPTY_BODY),
}  # fmt: skip

Lookup = Callable[[str, datetime], bytes | None]  # the bytes of an earlier visit


def check(source: Path) -> None:
    """Raises ConfigError for what cannot be imported."""
    if not source.exists():
        raise ConfigError(f"{source}: no such file or folder")
    if not source.is_dir() and ".warc" not in source.name.lower():
        raise ConfigError(
            f"{source}: is neither a WARC file (.warc, .warc.gz) nor a folder of HTML files"
        )


def pages(source: Path, lookup: Lookup) -> Iterator[Brought | LeftOut]:
    """The pages of a source, and what is none."""
    if source.is_dir():
        yield from _folder(source)
    else:
        yield from _warc(source, lookup)


def left_out(
    why: str, url: str = "", at: datetime | None = None, status: int | None = None
) -> LeftOut:
    """What is no page, with the codes of the ledger that say the same."""
    outcome, reason = WHY.get(why, (Outcome.FAILED, Reason.BROKEN_RESPONSE))
    if status in GONE:
        outcome, reason = Outcome.GONE, Reason.NOT_FOUND
    return LeftOut(UNSTORABLE.sub("\ufffd", url), why, outcome, reason, at, status)


def _warc(path: Path, lookup: Lookup) -> Iterator[Brought | LeftOut]:
    from warcio.archiveiterator import ArchiveIterator  # only who has a WARC waits for it

    number = 0
    try:
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream):
                number += 1
                found = _from_record(record, lookup)
                if isinstance(found, Brought):
                    yield found
                elif found:
                    headers = record.rec_headers.get_header
                    yield left_out(
                        found,
                        _address(record),
                        _moment(headers("WARC-Date") or ""),
                        _status(record) or None,
                    )
    except NightdeskError:
        raise
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read behind record {number}: {error.strerror or error}"
        ) from None
    except Exception as error:  # noqa: BLE001  in a damaged file the library trips over this and that
        why = " ".join(str(error).split())[:100]
        yield left_out(f"rest of {path.name}, damaged behind record {number} ({why})")
    if not number:
        raise ConfigError(f"{path}: holds no WARC record; is it a WARC file, and whole?")


def _from_record(record: Any, lookup: Lookup) -> Brought | str:
    """The page of a WARC record, or why there is none; "" for a record that is about no page."""
    if record.rec_type not in ("response", "revisit"):
        return ""
    url = _address(record)
    at = _moment(record.rec_headers.get_header("WARC-Date") or "")
    if not _is_address(url):
        return "no http address" if url.lower().startswith("http") else ""
    if at is None:
        return "no date"
    if record.rec_type == "revisit":
        return _revisit(record, url, at, lookup)
    status = _status(record)
    if status != 200:
        return "redirect" if 300 <= status < 400 else "no success"
    media_type, charset = _content_type(record)
    if media_type and "html" not in media_type:
        return "no HTML"
    if record.rec_headers.get_header("WARC-Truncated"):
        return "cut short"
    body = _body(record)
    if isinstance(body, str):
        return body
    if not media_type and not SIGN.search(body, 0, 2048):
        return "no HTML"
    return Brought(
        url,
        at,
        body,
        status,
        _headers(record),
        media_type or "text/html",
        charset,
        declared_address(body, url),
    )


def _address(record: Any) -> str:
    return (record.rec_headers.get_header("WARC-Target-URI") or "").strip(
        "<> "
    )  # wget writes brackets around it


def _revisit(record: Any, url: str, at: datetime, lookup: Lookup) -> Brought | str:
    """A visit that met the bytes of another one, which has to be there already."""
    first = _moment(record.rec_headers.get_header("WARC-Refers-To-Date") or "")
    address = (record.rec_headers.get_header("WARC-Refers-To-Target-URI") or url).strip("<> ")
    body = lookup(address, first) if first is not None and _is_address(address) else None
    if body is None:
        return "revisit of what is not here"
    media_type, charset = _content_type(record)
    return Brought(
        url,
        at,
        body,
        200,
        _headers(record),
        media_type or "text/html",
        charset,
        declared_address(body, url),
    )


def _status(record: Any) -> int:
    code = record.http_headers.get_statuscode() if record.http_headers else ""
    return int(code) if code and code.isdecimal() else 0


def _content_type(record: Any) -> tuple[str, str]:
    said = (record.http_headers.get_header("Content-Type") if record.http_headers else "") or ""
    media_type, _, rest = CONTROLS.sub(" ", said).partition(";")
    charset = re.search(r"charset\s*=\s*[\"']?([^\s\"';,]{1,40})", rest, re.IGNORECASE)
    return media_type.strip().lower()[:100], charset.group(1) if charset else ""


def _headers(record: Any) -> dict[str, str]:
    """Those that a crawl keeps, by their names in small letters."""
    found: dict[str, str] = {}
    for name, value in record.http_headers.headers if record.http_headers else ():
        kept = UNSTORABLE.sub(" ", value).strip()[:1000]
        if name.lower() in KEPT and kept:
            found.setdefault(name.lower(), kept)
    return found


def _body(record: Any) -> bytes | str:
    """The body without its transfer and content codings, or why it cannot be had."""
    pieces, size = [], 0
    stream = record.content_stream()
    while piece := stream.read(1 << 20):
        pieces.append(piece)
        size += len(piece)
        if size > LONGEST:
            return "too long"
    while record.raw_stream.read(1 << 20):  # what stands behind the last chunk
        pass
    if getattr(record.raw_stream, "limit", 0) > 0:  # the file ends before its record does
        return "cut short"
    body = b"".join(pieces)
    coding = (record.http_headers.get_header("Content-Encoding") or "").strip().lower()
    if coding not in ("", "identity") and b"<" not in body[:65536]:
        return "unknown packing"
    return body if body.strip() else "empty"


def _moment(said: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(said.strip())
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _is_address(url: str) -> bool:
    try:
        return not UNSTORABLE.search(url) and len(canonical(url)) <= MAX_URL
    except ValueError:
        return False


def declared_address(body: bytes, url: str = "") -> str:
    """The address that a page calls its own: by a browser's note of where it was saved, `rel=canonical` or `og:url`; ""
    where it names none that is an http address."""
    head = body[:LARGEST_HEAD]
    if saved := SAVED.search(head):
        found = saved.group(1).decode("utf8", "replace")
        return found if _is_address(found) else ""
    for element in LINK.findall(head):
        text = element.decode("utf8", "replace")
        if CANONICAL.search(text) and (named := ADDRESS.search(text)):
            found = urljoin(url, unescape(next(filter(None, named.groups()), "")).strip())
            if _is_address(found):
                return found
    return ""


def _folder(root: Path) -> Iterator[Brought | LeftOut]:
    told = _index(root)
    for path in sorted(each for each in root.rglob("*") if each.is_file() and each.name != INDEX):
        name = path.relative_to(root).as_posix()
        url, at = told.get(name, ("", None))
        own = f"{root.resolve().name}/{name}"
        is_page = path.suffix.lower() in HTML or name in told
        found = _from_file(path, own, url, at) if is_page else "no HTML"
        yield left_out(found, url or FILES + quote(own), at) if isinstance(found, str) else found


def _from_file(path: Path, name: str, url: str, at: datetime | None) -> Brought | str:
    try:
        if path.stat().st_size > LONGEST:
            return "too long"
        body, changed = path.read_bytes(), datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return "unreadable"
    if not body.strip():
        return "empty"
    url = url or declared_address(body) or FILES + quote(name)
    return Brought(url, at or changed, body) if _is_address(url) else "no http address"


def _index(root: Path) -> dict[str, tuple[str, datetime | None]]:
    """What `index.csv` says: file → (URL, time of the visit), both of which it may leave out."""
    path = root / INDEX
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            if "file" not in (rows.fieldnames or ()):
                raise ConfigError(
                    f"{path}: its first line has to name the columns file, url and date, of which file is needed"
                )
            return {
                row["file"]: ((row.get("url") or "").strip(), _told_date(row, path)) for row in rows
            }
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None


def _told_date(row: Mapping[str, str | None], path: Path) -> datetime | None:
    said = (row.get("date") or "").strip()
    at = _moment(said)
    if said and at is None:
        raise ConfigError(
            f"{path}: '{said[:40]}' of {row['file']} is no date; write one like 2026-03-01 or 2026-03-01T10:00:00Z"
        )
    return at
