"""The Drafts of one Site → its texts, with a memory that has seen all of them.

Promises the texts that an archive makes which holds these pages and no others: of each Page its newest bytes, where they make
an article. Drafts are read twice and never held; what grows is the memory, about a hundred bytes for each different line.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow
from pyarrow import parquet as files

from pipeline.cleaning import apply_rules, boilerplate_keys
from pipeline.core.errors import ConfigError
from pipeline.core.models import CleanResult, ExtractedPage, Outcome, count_words
from pipeline.formats.article_record import text_sha256
from pipeline.formats.atomic_files import translate_disk_errors
from pipeline.formats.readers.parquet_drafts import STEP, Parts, told_of
from pipeline.jobs.batch_clean import BatchProfile
from pipeline.offline.recipe_manifest import cleaning_options
from pipeline.store.clean.articles import metadata_columns

COLUMNS: Final = ["payload_sha256", "first_at", "pages", "draft"]
TEXTS: Final = (
    "url",
    "title",
    "published_source",
    "published_precision",
    "language",
    "section",
    "image",
    "canonical_url",
)
Row = dict[str, Any]


def clean_site_files(site: str, head: Mapping[str, Any], drafts: Sequence[Path], target: Path) -> int:
    """Strikes all Drafts of a Site by the terms of a manifest, into a folder that gets its name when it is whole. Returns how
    many texts came of it; where the folder is there, nothing is done."""
    if (target / f"site={site}").exists():
        return 0
    part, written = target / f".{site}.part", 0
    shutil.rmtree(part, ignore_errors=True)
    with translate_disk_errors(part):
        parts = Parts(part, "text", schema())
        for month, row in _struck(site, head, drafts):
            parts.add((site, month), row)
            written += 1
        parts.end()
        (part / f"site={site}").mkdir(parents=True, exist_ok=True)
        (part / f"site={site}").replace(target / f"site={site}")
        part.rmdir()
    return written


def _struck(
    site: str, head: Mapping[str, Any], drafts: Sequence[Path]
) -> Iterator[tuple[str, Row]]:
    neighbours = BatchProfile()
    for draft, row in _read(drafts):
        lines = boilerplate_keys.line_keys(draft, draft.metadata.title)
        for page in row["pages"]:
            neighbours.add(
                site,
                _number(page),
                lines,
                boilerplate_keys.headline_keys(draft.metadata, told_of(page)),
            )
    options, language, timezone = cleaning_options(head, site)
    for draft, row in _read(drafts):
        lines = boilerplate_keys.line_keys(draft, draft.metadata.title)
        for page in (page for page in row["pages"] if page["newest"]):
            made = apply_rules.clean_document(
                draft,
                line_stats=neighbours.line_stats(site, _number(page), lines),
                announced=told_of(page),
                cleaning=options,
                language_hint=language,
                timezone=timezone,
                fetched_at=page["first_at"],
            )
            if made.outcome is Outcome.ARCHIVED:
                yield f"{row['first_at']:%Y-%m}", _text(made, page, row)


def _number(page: Mapping[str, Any]) -> int:
    """What the memory knows a Page by."""
    return boilerplate_keys.key_of_normalized(page["url"])


def _read(drafts: Sequence[Path]) -> Iterator[tuple[ExtractedPage, Row]]:
    decoder, seen = msgspec.json.Decoder(ExtractedPage), set[str]()
    for path in drafts:
        for row in _rows(path):
            if row["payload_sha256"] not in seen:  # a job that broke off may have made some twice
                seen.add(row["payload_sha256"])
                yield decoder.decode(row["draft"]), row


def _rows(path: Path) -> Iterator[Row]:
    try:
        with files.ParquetFile(path) as file:
            for batch in file.iter_batches(STEP, columns=COLUMNS):
                yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise ConfigError(
            f"{path}: cannot be read ({' '.join(str(error).split())[:100]}); have its drafts made again"
        ) from None


def _text(made: CleanResult, page: Mapping[str, Any], row: Row) -> Row:
    return metadata_columns(made.metadata) | {
        "url": page["url"],
        "text": made.text,
        "word_count": count_words(made.text),
        "first_seen_at": page["first_at"],
        "payload_sha256": row["payload_sha256"],
        "recipe": str(made.recipe),
        "text_sha256": text_sha256(made.text),
    }


def schema() -> Any:
    """The types of the columns of texts; names are those of an export of articles."""
    text, at = pyarrow.string(), pyarrow.timestamp("us", tz="UTC")
    lists = [(name, pyarrow.list_(text)) for name in ("authors", "tags")]
    times = [(name, at) for name in ("published_at", "modified_at", "first_seen_at")]
    own = [
        (name, text) for name in ("description", "text", "payload_sha256", "recipe", "text_sha256")
    ]
    return pyarrow.schema(
        [*((name, text) for name in TEXTS), *lists, *times, ("word_count", pyarrow.int64()), *own]
    )
