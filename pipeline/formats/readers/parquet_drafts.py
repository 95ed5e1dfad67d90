"""Pages and Drafts as Parquet, for those who clean elsewhere: typed columns, one folder for each site and month.

Promises that a row has all that extracting and striking need to know of a Payload, that files stay small enough to be held, and
that what comes back is read in small steps. The month is that of the first visit which met the bytes.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from pipeline.core.errors import ConfigError
from pipeline.core.models import AnnouncedMetadata, ExtractedPage
from pipeline.formats import manifest
from pipeline.formats.writers.parquet import MISSING
from pipeline.store.codec.serialization import extracted_from_json, extracted_to_json
from pipeline.store.read.export_payloads import ExportedPayload, PayloadPage

PART: Final = 16_000_000  # bytes of bodies or of Drafts in one file, about
HELD: Final = 32_000_000  # bytes in memory, of all folders together
STEP: Final = 64  # rows that are read at a time
PAGE: Final = (
    8 << 20
)  # bytes of a column that are packed together: pages of one site share most of theirs
FEW_VALUES: Final = ("media_type", "charset", "extractors", "reason", "recipe", "language")
FOLDER: Final = re.compile(r"site=([a-z0-9._-]+)/month=\d{4}-\d{2}/[^/]+\.parquet")

Folder = tuple[str, str]  # site and month


def pages(payloads: Iterator[ExportedPayload], target: Path) -> int:
    """A folder of Payloads with their bytes. What is damaged is left out."""
    return _write(
        (each for each in payloads if each.body is not None), target, _page, "body", page_schema()
    )


def drafts(payloads: Iterator[ExportedPayload], target: Path) -> int:
    """A folder of Drafts."""
    return _write(
        (each for each in payloads if each.extracted is not None),
        target,
        _draft,
        "draft",
        draft_schema(),
    )


def _write(
    payloads: Iterator[ExportedPayload], target: Path, row: Any, heavy: str, schema: Any
) -> int:
    parts, written = Parts(target, heavy, schema), 0
    for each in payloads:
        parts.add((each.site, f"{each.first_at:%Y-%m}"), row(each))
        written += 1
    parts.end()
    return written


class Parts:
    """Rows on their way into files, by folder; each is written when it has enough, the largest when memory does."""

    def __init__(self, target: Path, heavy: str, schema: Any) -> None:
        self.target = target
        self.heavy = heavy
        self.schema = schema
        self.held: dict[Folder, list[dict[str, Any]]] = {}
        self.sizes: dict[Folder, int] = {}
        self.files: dict[Folder, int] = {}

    def add(self, folder: Folder, row: dict[str, Any]) -> None:
        self.held.setdefault(folder, []).append(row)
        self.sizes[folder] = self.sizes.get(folder, 0) + len(row[self.heavy])
        if self.sizes[folder] >= PART:
            self._write(folder)
        elif sum(self.sizes.values()) >= HELD:
            self._write(max(self.sizes, key=self.sizes.__getitem__))

    def end(self) -> None:
        for folder in list(self.held):
            self._write(folder)

    def _write(self, folder: Folder) -> None:
        import pyarrow

        rows = self.held.pop(folder)
        del self.sizes[folder]
        number = self.files[folder] = self.files.get(folder, -1) + 1
        path = part_of(self.target, *folder, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_table(pyarrow.Table.from_pylist(rows, self.schema), path)


def part_of(target: Path, site: str, month: str, number: int) -> Path:
    """Where a file of that number lies."""
    return target / f"site={site}" / f"month={month}" / f"part-{number}.parquet"


def write_table(table: Any, path: Path) -> None:
    """Writes one file."""
    from pyarrow import parquet as files

    few = [name for name in FEW_VALUES if name in table.column_names]
    files.write_table(
        table,
        path,
        compression="zstd",
        use_dictionary=few,
        write_statistics=False,
        data_page_size=PAGE,
    )


def _common(each: ExportedPayload) -> dict[str, Any]:
    return {
        "payload_sha256": each.digest,
        "media_type": each.media_type,
        "charset": each.charset,
        "first_at": each.first_at,
        "pages": [_bearer(bearer) for bearer in each.pages],
    }


def _page(each: ExportedPayload) -> dict[str, Any]:
    return _common(each) | {"body": each.body}


def _draft(each: ExportedPayload) -> dict[str, Any]:
    assert each.extracted is not None
    return _common(each) | draft_columns(each.extracted, extracted_to_json(each.extracted).decode())


def draft_columns(draft: Any, text: str) -> dict[str, Any]:
    """What a row says of a Draft, and the Draft itself as JSON."""
    names = ("extractors", "reason", "detail", "cost_ms")
    return {name: getattr(draft, name) for name in names} | {"draft": text}


def _bearer(bearer: PayloadPage) -> dict[str, Any]:
    told = bearer.announced
    return {
        "url": bearer.url,
        "first_at": bearer.first_at,
        "newest": bearer.is_newest,
        "title": told.title,
        "published_at": told.published_at,
        "modified_at": told.modified_at,
        "source": told.source,
        "tags": list(told.tags),
    }


def told_of(page: Mapping[str, Any]) -> AnnouncedMetadata:
    """What the Links of a Page said of it, of its value in the column `pages`."""
    return AnnouncedMetadata(
        page["title"],
        page["published_at"],
        page["modified_at"],
        page["source"],
        tuple(page["tags"]),
    )


def page_schema() -> Any:
    """The types of the columns of pages. Raises ConfigError where the library is not installed."""
    try:
        import pyarrow
    except ImportError:
        raise ConfigError(MISSING) from None
    text, at = pyarrow.string(), pyarrow.timestamp("us", tz="UTC")
    page = [
        ("url", text), ("first_at", at), ("newest", pyarrow.bool_()), ("title", text), ("published_at", at),
        ("modified_at", at), ("source", text), ("tags", pyarrow.list_(text)),
    ]  # fmt: skip
    return pyarrow.schema([
        ("payload_sha256", text), ("media_type", text), ("charset", text), ("first_at", at),
        ("pages", pyarrow.list_(pyarrow.struct(page))), ("body", pyarrow.binary()),
    ])  # fmt: skip


def draft_schema() -> Any:
    """The types of the columns of Drafts: those of pages with the Draft instead of the bytes. Raises ConfigError."""
    found = page_schema()
    import pyarrow

    made = [
        ("extractors", pyarrow.string()),
        ("reason", pyarrow.string()),
        ("detail", pyarrow.string()),
    ]
    own = [*made, ("cost_ms", pyarrow.int64()), ("draft", pyarrow.string())]
    return pyarrow.schema([*list(found)[:-1], *(pyarrow.field(*each) for each in own)])


def opened(root: Path, form: str) -> dict[str, Any]:
    """The manifest of an export of pages or Drafts. Raises ConfigError for what is none."""
    _, head = manifest.read_manifest(root)
    if head["format"] != form:
        raise ConfigError(
            f"{root}: is an export as '{head['format']}', and one as '{form}' is wanted here"
        )
    return head


def site_of(name: str) -> str:
    """The Site of a file, by its path in the export; "" where that names none."""
    found = FOLDER.fullmatch(name)
    return found.group(1) if found else ""


class DraftFile:
    """One file of Drafts, as others made it: nothing of what it says is believed before it is looked at."""

    def __init__(self, root: Path, name: str) -> None:
        self.path = root / name
        self.site = site_of(name)

    def rows(self) -> Iterator[dict[str, Any]]:
        """What each row says of its Payload and of who made its Draft. Raises ValueError for what cannot be read."""
        yield from self._rows(["payload_sha256", "media_type", "charset", "extractors", "reason"])

    def extracted_pages(self, wanted: Container[int]) -> Iterator[tuple[int, ExtractedPage]]:
        """The Drafts of these rows, by number. Raises ValueError for what is none."""
        for number, row in enumerate(self._rows(["draft"])):
            if number in wanted:
                try:
                    yield number, extracted_from_json(row["draft"] or b"")
                except (ValueError, msgspec.MsgspecError) as error:
                    raise ValueError(
                        f"row {number + 1} holds no draft ({str(error)[:100]})"
                    ) from None

    def _rows(self, columns: list[str]) -> Iterator[dict[str, Any]]:
        import pyarrow
        from pyarrow import parquet as files

        try:
            with files.ParquetFile(self.path) as file:
                if missing := sorted({*columns} - {*file.schema_arrow.names}):
                    raise ValueError(f"has no column '{missing[0]}'")
                for batch in file.iter_batches(STEP, columns=columns):
                    yield from batch.to_pylist()
        except (pyarrow.ArrowException, OSError) as error:
            raise ValueError(
                f"cannot be read as Parquet ({' '.join(str(error).split())[:100]})"
            ) from None
