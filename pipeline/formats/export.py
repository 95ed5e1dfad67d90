"""Export articles, fetches, pages or extracted pages: read them, write files, write the manifest.

To add a format, write a function that writes an iterator to a path and returns how many items it
wrote, and add it to FORMATS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pipeline.core.errors import ConfigError
from pipeline.formats import manifest
from pipeline.formats.atom import write_atom
from pipeline.formats.atomic_files import atomic_file, atomic_folder
from pipeline.formats.cdxj import write_cdxj
from pipeline.formats.writers.csv import write_csv
from pipeline.formats.writers.jsonl import write_jsonl
from pipeline.formats.writers.parquet import write_parquet
from pipeline.formats.writers.payload_tables import write_extracted, write_pages
from pipeline.formats.writers.text_folder import write_text_folder
from pipeline.formats.writers.wacz import write_wacz
from pipeline.formats.writers.warc import write_warc
from pipeline.store.db.engine import Database
from pipeline.store.read import export_articles, export_payloads, export_revisions
from pipeline.store.read.export_articles import ExportedArticle, ExportedFetch, ExportQuery
from pipeline.store.read.export_payloads import ExportedPayload

Content = Literal["articles", "stories", "revisions", "fetches", "payloads", "extracted"]
ProgressCallback = Callable[[int], None]
"""Receives the number of items so far."""
NO_RECIPE: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """An export format.

    Attributes:
        write: Writes items to a path, and returns how many there are.
        is_folder: Whether it writes a folder, and not one file.
        content: What the items are. Stories are articles with their structure.
    """

    write: Callable[[Iterator[Any], Path], int]
    is_folder: bool = False
    content: Content = "articles"

    @property
    def is_payloads(self) -> bool:
        """Return whether it has payloads, which no search can select, and not articles."""
        return self.content in ("payloads", "extracted")


FORMATS: Final[Mapping[str, ExportFormat]] = {
    "jsonl": ExportFormat(write_jsonl, content="stories"),
    "csv": ExportFormat(write_csv, content="stories"),
    "parquet": ExportFormat(write_parquet, is_folder=True, content="stories"),
    "warc": ExportFormat(write_warc, content="fetches"),
    "wacz": ExportFormat(write_wacz, content="fetches"),
    "cdxj": ExportFormat(write_cdxj, content="fetches"),
    "atom": ExportFormat(write_atom),
    "text": ExportFormat(write_text_folder, is_folder=True),
    "pages": ExportFormat(write_pages, is_folder=True, content="payloads"),
    "extracted": ExportFormat(write_extracted, is_folder=True, content="extracted"),
}
FORMAT_BY_ENDING: Final = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".warc": "warc",
    ".cdxj": "cdxj",
    ".wacz": "wacz",
    ".atom": "atom",
}


@dataclass(slots=True)
class ExportCounts:
    """Counts what an export writes while it is written.

    Attributes:
        total: All items.
        recipes: Articles by recipe.
        sites: Items by site.
        left_out: Articles that a respected declaration left out, by its name.
        damaged: SHA-256 of payloads that were left out, because their bytes are damaged.
    """

    total: int = 0
    recipes: Counter[str] = field(default_factory=Counter)
    sites: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    damaged: list[str] = field(default_factory=list)

    def count_articles(
        self, articles: Iterator[ExportedArticle], progress: ProgressCallback
    ) -> Iterator[ExportedArticle]:
        """Yield the articles, and count them."""
        for exported in articles:
            self.recipes[exported.recipe] += 1
            self.sites[exported.article.site] += 1
            yield exported
            self.total += 1
            progress(self.total)

    def count_fetches(
        self, fetches: Iterator[ExportedFetch], progress: ProgressCallback
    ) -> Iterator[ExportedFetch]:
        """Yield the fetches, and count them."""
        for fetch in fetches:
            yield fetch
            self.total += 1
            progress(self.total)

    def count_payloads(
        self, payloads: Iterator[ExportedPayload], progress: ProgressCallback
    ) -> Iterator[ExportedPayload]:
        """Yield the payloads that are not damaged, and count them."""
        for payload in payloads:
            if payload.body is None and payload.extracted is None:
                self.damaged.append(payload.digest)
                continue
            self.sites[payload.site] += 1
            yield payload
            self.total += 1
            progress(self.total)


def format_name(name: str | None, out: Path) -> str:
    """Return the name of a format: the given one, or that of the ending of a file.

    Raises:
        ConfigError: If the ending belongs to no format.
    """
    if name is not None:
        return name
    file_name = out.name.lower().removesuffix(".gz")
    for ending, format_of_ending in FORMAT_BY_ENDING.items():
        if file_name.endswith(ending):
            return format_of_ending
    raise ConfigError(
        f"{out}: its ending names no format; say which with --format, one of {', '.join(FORMATS)}"
    )


def write_export(
    database: Database,
    query: ExportQuery,
    name: str,
    out: Path,
    progress: ProgressCallback = lambda _: None,
    recipe: Mapping[str, Any] = NO_RECIPE,
) -> dict[str, Any]:
    """Write an export, and its manifest beside or in it. If it fails, nothing has its name.

    Args:
        database: The archive.
        query: What to export.
        name: The name of the format.
        out: The file or folder.
        progress: Receives the number of items so far.
        recipe: How articles are made today. Exports of payloads add it to the manifest, since
            others need it to make articles.

    Returns:
        The manifest without its files.

    Raises:
        ConfigError: If the query or the path does not fit the format.
        DiskError: If the files cannot be written.
        StoreError: If the archive cannot be read.
    """
    export_format = FORMATS[name]
    selects_articles = query.query.strip() or query.limit is not None or query.unique
    if export_format.is_payloads and selects_articles:
        raise ConfigError(
            f"--format {name}: exports payloads and not articles; leave out --query, --limit and"
            " --unique"
        )
    if export_format.is_payloads and query.respect:
        raise ConfigError(
            f"--format {name}: exports payloads, of which nobody has said yet whether they are"
            " articles; use --respect with a format of articles"
        )
    content = export_format.content
    if query.revisions:
        if content != "stories":
            raise ConfigError(
                f"--format {name}: has one text of each article; --revisions fits jsonl, csv and"
                " parquet"
            )
        content = "revisions"
    counts = ExportCounts()
    extractors = str(recipe.get("extractors", ""))
    items = _items(content, database, query, extractors, counts, progress)
    head = manifest.manifest_head(name, query)
    if export_format.is_payloads:
        head.update(recipe)
    if export_format.is_folder:
        with atomic_folder(out) as part:
            head |= _summary(content, export_format.write(items, part), counts)
            head |= _left_out(query, counts)
            files = manifest.folder_entries(part)
            return manifest.write_manifest(part / manifest.MANIFEST_NAME, head, files)
    with atomic_file(manifest.manifest_path(out)) as manifest_part, atomic_file(out) as part:
        head |= _summary(content, export_format.write(items, part), counts)
        head |= _left_out(query, counts)
        file = manifest.file_entry(part, out.name)
        return manifest.write_manifest(manifest_part, head, iter((file,)))


def _items(
    content: Content,
    database: Database,
    query: ExportQuery,
    extractors: str,
    counts: ExportCounts,
    progress: ProgressCallback,
) -> Iterator[Any]:
    match content:
        case "articles":
            articles = export_articles.iter_articles(database, query, counts.left_out)
            return counts.count_articles(articles, progress)
        case "stories":
            stories = export_articles.iter_stories(database, query, counts.left_out)
            return counts.count_articles(stories, progress)
        case "revisions":
            revisions = export_revisions.iter_revisions(database, query, counts.left_out)
            return counts.count_articles(revisions, progress)
        case "fetches":
            fetches = export_articles.iter_fetches(database, query, counts.left_out)
            return counts.count_fetches(fetches, progress)
        case "payloads":
            payloads = _payloads(database, query)
        case "extracted":
            payloads = _extracted(database, query, extractors)
    return counts.count_payloads(payloads, progress)


def _payloads(database: Database, query: ExportQuery) -> Iterator[ExportedPayload]:
    for site in query.sites or export_payloads.sites_with_payloads(database):
        yield from export_payloads.iter_payloads(database, site, query.since, query.until)


def _extracted(
    database: Database, query: ExportQuery, extractors: str
) -> Iterator[ExportedPayload]:
    for site in query.sites or export_payloads.sites_with_payloads(database):
        yield from export_payloads.iter_extracted_pages(
            database, site, query.since, query.until, extractors
        )


def _left_out(query: ExportQuery, counts: ExportCounts) -> dict[str, Any]:
    """Return how many articles each respected declaration left out."""
    if not query.respect:
        return {}
    return {"left_out": {name: counts.left_out[name] for name in query.respect}}


def _summary(content: Content, written: int, counts: ExportCounts) -> dict[str, Any]:
    """Return what the manifest says of the items."""
    sites = dict(sorted(counts.sites.items()))
    match content:
        case "fetches":
            return {"counts": {"records": written}}
        case "articles" | "stories" | "revisions":
            recipes = dict(counts.recipes.most_common())
            item = "revisions" if content == "revisions" else "articles"
            return {"counts": {item: written}, "recipes": recipes, "sites": sites}
    return {"counts": {content: written}, "damaged": counts.damaged, "sites": sites}
