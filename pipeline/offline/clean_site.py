"""Clean the extracted pages of one site without an archive.

The texts equal those of an archive that holds these pages and no others: of each page its newest
bytes, if they make an article. The extracted pages are read twice and never kept in memory. Only
the profile grows, by about a hundred bytes for each different line.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow
from pyarrow import parquet

from pipeline.cleaning import apply_rules, boilerplate_keys
from pipeline.core.errors import ConfigError
from pipeline.core.models import CleanResult, ExtractedPage, Outcome, count_words
from pipeline.formats.article_record import DAYS, text_sha256
from pipeline.formats.atomic_files import translate_disk_errors
from pipeline.formats.readers.extracted_pages import ROWS_PER_READ, announced_metadata
from pipeline.formats.writers.parquet import Partition, PartitionedWriter
from pipeline.formats.writers.payload_tables import EXTRACTED_PAGE, payload_options
from pipeline.jobs.batch_clean import BatchProfile
from pipeline.offline.recipe_manifest import site_recipe
from pipeline.store.clean.articles import metadata_columns
from pipeline.store.codec.serialization import extracted_from_json

COLUMNS: Final = ["payload_sha256", "first_at", "pages", EXTRACTED_PAGE]
STRING_COLUMNS: Final = (
    "url",
    "title",
    "published_source",
    "published_precision",
    "modified_precision",
    "agency",
    "language",
    "section",
    "image",
    "canonical_url",
)
LIST_COLUMNS: Final = ("authors", "tags")
TIME_COLUMNS: Final = ("published_at", "modified_at", "first_seen_at")
LAST_COLUMNS: Final = ("description", "text", "payload_sha256", "recipe", "text_sha256")
MAX_ERROR_LENGTH: Final = 100

Row = dict[str, Any]


def clean_site_files(
    site: str, manifest: Mapping[str, Any], paths: Sequence[Path], target: Path
) -> int:
    """Clean all extracted pages of a site.

    Args:
        site: The id of the site.
        manifest: The manifest of the export, with the recipe.
        paths: The files of extracted pages.
        target: The folder for the texts. The folder of the site gets its name when it is
            complete. If it exists, nothing is done.

    Returns:
        The number of texts.
    """
    site_folder = target / f"site={site}"
    if site_folder.exists():
        return 0
    part_folder, count = target / f".{site}.part", 0
    shutil.rmtree(part_folder, ignore_errors=True)
    with translate_disk_errors(part_folder):
        writer = PartitionedWriter(part_folder, text_schema(), payload_options("text"))
        for partition, row in _texts(site, manifest, paths):
            writer.add(partition, row)
            count += 1
        writer.close()
        part_site_folder = part_folder / f"site={site}"
        part_site_folder.mkdir(parents=True, exist_ok=True)
        part_site_folder.replace(site_folder)
        part_folder.rmdir()
    return count


def text_schema() -> Any:
    """Return the types of the columns of texts. Their names are those of an export of articles."""
    text = pyarrow.string()
    time = pyarrow.timestamp("us", tz="UTC")
    types: dict[str, Any] = dict.fromkeys(STRING_COLUMNS, text)
    types |= dict.fromkeys(LIST_COLUMNS, pyarrow.list_(text))
    types |= dict.fromkeys(TIME_COLUMNS, time)
    types |= dict.fromkeys(DAYS, pyarrow.date32())
    types["word_count"] = pyarrow.int64()
    types |= dict.fromkeys(LAST_COLUMNS, text)
    return pyarrow.schema(list(types.items()))


def _texts(
    site: str, manifest: Mapping[str, Any], paths: Sequence[Path]
) -> Iterator[tuple[Partition, Row]]:
    profile = _site_profile(site, paths)
    recipe = site_recipe(manifest, site)
    for extracted, row in _extracted_pages(paths):
        lines = boilerplate_keys.line_keys(extracted, extracted.metadata.title)
        for page in row["pages"]:
            if not page["newest"]:
                continue
            result = apply_rules.clean_document(
                extracted,
                line_stats=profile.line_stats(site, _page_number(page), lines),
                announced=announced_metadata(page),
                cleaning=recipe.cleaning,
                language_hint=recipe.language,
                timezone=recipe.timezone,
                fetched_at=page["first_at"],
            )
            if result.outcome is Outcome.ARCHIVED:
                yield Partition(site, f"{row['first_at']:%Y-%m}"), _text_row(result, page, row)


def _site_profile(site: str, paths: Sequence[Path]) -> BatchProfile:
    """Return a profile that has seen all pages of the site."""
    profile = BatchProfile()
    for extracted, row in _extracted_pages(paths):
        lines = boilerplate_keys.line_keys(extracted, extracted.metadata.title)
        for page in row["pages"]:
            announced = announced_metadata(page)
            headlines = boilerplate_keys.headline_keys(extracted.metadata, announced)
            profile.add(site, _page_number(page), lines, headlines)
    return profile


def _page_number(page: Mapping[str, Any]) -> int:
    """Return the number by which the profile knows a page."""
    return boilerplate_keys.key_of_normalized(page["url"])


def _extracted_pages(paths: Sequence[Path]) -> Iterator[tuple[ExtractedPage, Row]]:
    """Yield each extracted page once. A job that was interrupted may have made some twice."""
    digests = set[str]()
    for path in paths:
        for row in _rows(path):
            if row["payload_sha256"] not in digests:
                digests.add(row["payload_sha256"])
                yield extracted_from_json(row[EXTRACTED_PAGE]), row


def _rows(path: Path) -> Iterator[Row]:
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_PER_READ, columns=COLUMNS):
                yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        cause = " ".join(str(error).split())[:MAX_ERROR_LENGTH]
        raise ConfigError(
            f"{path}: cannot be read ({cause}); have its extracted pages made again"
        ) from None


def _text_row(result: CleanResult, page: Mapping[str, Any], row: Row) -> Row:
    return metadata_columns(result.metadata) | {
        "url": page["url"],
        "text": result.text,
        "word_count": count_words(result.text),
        "first_seen_at": page["first_at"],
        "payload_sha256": row["payload_sha256"],
        "recipe": str(result.recipe),
        "text_sha256": text_sha256(result.text),
    }
