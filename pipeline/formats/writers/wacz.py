"""Write WACZ 1.1.1 (Webrecorder): a ZIP file with a WARC file, its index and a list of pages.

ReplayWeb.page shows it, and py-wacz validates it. The WARC file is stored without a second
compression, as the format asks, so that a program can read parts of it.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from pipeline._version import __version__
from pipeline.core.models import UrlKind
from pipeline.formats.cdxj import surt, timestamp
from pipeline.formats.writers.warc import write_warc
from pipeline.store.read.export_articles import ExportedFetch

WACZ_VERSION: Final = "1.1.1"
WARC_NAME: Final = "data.warc.gz"
PAGES_HEAD: Final = {"format": "json-pages-1.0", "id": "pages", "title": "All Pages"}
NO_FILES: Final[Mapping[str, bytes]] = {}
INDEXED_TYPES: Final = ("response", "revisit")
READ_BYTES: Final = 1 << 20


def write_wacz(
    fetches: Iterator[ExportedFetch],
    target: Path,
    *,
    title: str = "Pages of a Nightdesk archive",
    files: Mapping[str, bytes] = NO_FILES,
) -> int:
    """Write fetches as one WACZ file, and return how many there are.

    Args:
        fetches: The fetches with their bytes.
        target: The file to make.
        title: The title of the collection.
        files: Further files by name.
    """
    pages: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="nightdesk-") as folder:
        warc = Path(folder, WARC_NAME)
        count = write_warc(_listing_pages(fetches, pages), warc)
        small = {
            "indexes/index.cdx": _index(warc),
            "pages/pages.jsonl": _json_lines([PAGES_HEAD, *pages]),
            **files,
        }
        warc_path = f"archive/{WARC_NAME}"
        resources = [_resource(warc_path, _file_digest(warc), warc.stat().st_size)]
        for name, body in small.items():
            resources.append(_resource(name, sha256(body).hexdigest(), len(body)))
        package = _package(title, pages, resources)
        digest = {"path": "datapackage.json", "hash": f"sha256:{sha256(package).hexdigest()}"}
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(warc, warc_path, zipfile.ZIP_STORED)
            for name, body in small.items():
                archive.writestr(name, body)
            archive.writestr("datapackage.json", package)
            archive.writestr("datapackage-digest.json", json.dumps(digest, indent=2))
    return count


def _listing_pages(
    fetches: Iterator[ExportedFetch], pages: list[dict[str, Any]]
) -> Iterator[ExportedFetch]:
    """Yield fetches, and list those that brought a story as pages."""
    for fetch in fetches:
        if fetch.kind == UrlKind.STORY and fetch.body is not None:
            at = fetch.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            page_id = uuid5(NAMESPACE_URL, f"{fetch.url} {at}").hex
            pages.append({"id": page_id, "url": fetch.url, "ts": at, "title": fetch.url})
        yield fetch


def _index(warc: Path) -> bytes:
    """Return the index of a WARC file, with the place of each record."""
    from warcio.archiveiterator import ArchiveIterator  # slow to load, and rarely needed

    lines: list[str] = []
    with warc.open("rb") as stream:
        records = ArchiveIterator(stream)
        for record in records:
            kind = record.rec_type
            url = record.rec_headers.get_header("WARC-Target-URI")
            at = record.rec_headers.get_header("WARC-Date")
            digest = record.rec_headers.get_header("WARC-Payload-Digest") or "-"
            status = record.http_headers.get_statuscode() if record.http_headers else "-"
            mime = record.http_headers.get_header("Content-Type") if record.http_headers else ""
            offset = records.get_record_offset()
            length = records.get_record_length()
            if kind not in INDEXED_TYPES:
                continue
            values = {
                "url": url,
                "mime": "warc/revisit" if kind == "revisit" else (mime or "unk").partition(";")[0],
                "status": status,
                "digest": digest,
                "length": str(length),
                "offset": str(offset),
                "filename": WARC_NAME,
            }
            moment = datetime.fromisoformat(at)
            lines.append(f"{surt(url)} {timestamp(moment)} {json.dumps(values)}\n")
    return "".join(sorted(lines)).encode()


def _json_lines(values: list[Any]) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def _resource(path: str, digest: str, size: int) -> dict[str, Any]:
    name = path.rpartition("/")[2].lower()
    return {"name": name, "path": path, "hash": f"sha256:{digest}", "bytes": size}


def _package(title: str, pages: list[dict[str, Any]], resources: list[dict[str, Any]]) -> bytes:
    made_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    package: dict[str, Any] = {
        "profile": "data-package",
        "wacz_version": WACZ_VERSION,
        "title": title,
        "created": made_at,
        "modified": made_at,
        "software": f"Nightdesk/{__version__}",
        "resources": resources,
    }
    if pages:
        package["mainPageUrl"], package["mainPageDate"] = pages[0]["url"], pages[0]["ts"]
    return json.dumps(package, indent=2).encode()


def _file_digest(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as stream:
        while piece := stream.read(READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()
