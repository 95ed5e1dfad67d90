"""The formats of an export, and the export itself: stream → file or folder → manifest.

A format is a function that writes a stream to a path and returns how many of what it wrote; to add one, add it to FORMATS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pipeline.core.errors import ConfigError
from pipeline.formats import atom, manifest
from pipeline.formats.atomic_files import atomic_file, atomic_folder
from pipeline.formats.readers import parquet_drafts
from pipeline.formats.writers import parquet, plain, warc
from pipeline.store.db.engine import Database
from pipeline.store.read import export_articles
from pipeline.store.read import export_payloads as carrying
from pipeline.store.read.export_articles import ExportedArticle, ExportedFetch, ExportQuery
from pipeline.store.read.export_payloads import ExportedPayload

Of = Literal["articles", "visits", "payloads", "drafts"]
NOTHING: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """How a stream is written, of what, into one file or a folder."""

    write: Callable[[Iterator[Any], Path], int]
    is_folder: bool = False
    of: Of = "articles"

    @property
    def is_raw(self) -> bool:
        """Whether it is about what articles are made of: then no search finds it."""
        return self.of in ("payloads", "drafts")


FORMATS: Final[Mapping[str, ExportFormat]] = {
    "jsonl": ExportFormat(plain.jsonl),
    "csv": ExportFormat(plain.table),
    "parquet": ExportFormat(parquet.parquet, is_folder=True),
    "warc": ExportFormat(warc.warc, of="visits"),
    "atom": ExportFormat(atom.atom),
    "text": ExportFormat(plain.texts, is_folder=True),
    "pages": ExportFormat(parquet_drafts.pages, is_folder=True, of="payloads"),
    "drafts": ExportFormat(parquet_drafts.drafts, is_folder=True, of="drafts"),
}
ENDINGS: Final = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet", ".warc": "warc", ".atom": "atom",
}  # fmt: skip


@dataclass(slots=True)
class ExportCounts:
    """What went by: how many, by Recipe and by Site."""

    total: int = 0
    recipes: Counter[str] = field(default_factory=Counter)
    sites: Counter[str] = field(default_factory=Counter)
    damaged: list[str] = field(default_factory=list)

    def of(
        self,
        name: Of,
        store: Database,
        asked: ExportQuery,
        extractors: str,
        tell: Callable[[int], None],
    ) -> Iterator[Any]:
        """The stream of what a format is of."""
        if name == "visits":
            return self.visits(export_articles.iter_fetches(store, asked), tell)
        if name == "articles":
            return self.articles(export_articles.iter_articles(store, asked), tell)
        return self.raw(_raw(name, store, asked, extractors), tell)

    def articles(
        self, stream: Iterator[ExportedArticle], tell: Callable[[int], None]
    ) -> Iterator[ExportedArticle]:
        for each in stream:
            self.recipes[each.recipe] += 1
            self.sites[each.article.site] += 1
            yield each
            self.total += 1
            tell(self.total)

    def visits(
        self, stream: Iterator[ExportedFetch], tell: Callable[[int], None]
    ) -> Iterator[ExportedFetch]:
        for each in stream:
            yield each
            self.total += 1
            tell(self.total)

    def raw(
        self, stream: Iterator[ExportedPayload], tell: Callable[[int], None]
    ) -> Iterator[ExportedPayload]:
        for each in stream:
            if each.body is None and each.extracted is None:
                self.damaged.append(each.digest)
                continue
            self.sites[each.site] += 1
            yield each
            self.total += 1
            tell(self.total)


def _raw(
    name: Of, store: Database, asked: ExportQuery, extractors: str
) -> Iterator[ExportedPayload]:
    for site in asked.sites or carrying.sites_with_payloads(store):
        if name == "payloads":
            yield from carrying.iter_payloads(store, site, asked.since, asked.until)
        else:
            yield from carrying.iter_extracted_pages(
                store, site, asked.since, asked.until, extractors
            )


def format_name(name: str | None, out: Path) -> str:
    """The format that was asked for, or else the one that the ending of the file stands for. Raises ConfigError."""
    if name is not None:
        return name
    ending = out.name.lower().removesuffix(".gz")
    found = next((each for end, each in ENDINGS.items() if ending.endswith(end)), None)
    if found is None:
        raise ConfigError(
            f"{out}: its ending names no format; say which with --format, one of {', '.join(FORMATS)}"
        )
    return found


def export(
    store: Database,
    asked: ExportQuery,
    name: str,
    out: Path,
    tell: Callable[[int], None] = lambda _: None,
    terms: Mapping[str, Any] = NOTHING,
) -> dict[str, Any]:
    """Writes what was asked for with its manifest beside or in it, and returns the manifest. `tell` hears of each step. `terms`
    are how articles are made today: whoever is given pages or Drafts needs them. Raises ConfigError, DiskError and StoreError;
    then nothing is there under the name."""
    form, tally = FORMATS[name], ExportCounts()
    if form.is_raw and (asked.query.strip() or asked.limit is not None):
        raise ConfigError(
            f"--format {name}: is of bytes and not of articles; leave out --query and --limit"
        )
    stream = tally.of(form.of, store, asked, str(terms.get("extractors", "")), tell)
    head = manifest.manifest_head(name, asked) | (dict(terms) if form.is_raw else {})
    if form.is_folder:
        with atomic_folder(out) as part:
            written = form.write(stream, part)
            return manifest.write_manifest(
                part / manifest.NAME,
                head,
                _counts(form, written, tally),
                manifest.folder_entries(part),
            )
    with atomic_file(manifest.manifest_path(out)) as beside, atomic_file(out) as part:
        written = form.write(stream, part)
        return manifest.write_manifest(
            beside,
            head,
            _counts(form, written, tally),
            iter((manifest.file_entry(part, out.name),)),
        )


def _counts(form: ExportFormat, written: int, tally: ExportCounts) -> dict[str, Any]:
    sites = {"sites": dict(sorted(tally.sites.items()))}
    match form.of:
        case "visits":
            return {"counts": {"records": written}}
        case "articles":
            return {
                "counts": {"articles": written},
                "recipes": dict(tally.recipes.most_common()),
            } | sites
    return {"counts": {form.of: written}, "damaged": tally.damaged} | sites
