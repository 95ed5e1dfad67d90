"""Exported pages are extracted without the archive and imported, with the same result as in it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pyarrow import Table, parquet

from pipeline.config.site import Site
from pipeline.core.errors import ConfigError
from pipeline.core.models import Reason
from pipeline.extract import EXTRACTORS
from pipeline.formats import export, manifest
from pipeline.formats.readers.extracted_pages import (
    ExtractedPagesFile,
    read_export_manifest,
    site_of_file,
)
from pipeline.jobs import import_extracted
from pipeline.jobs.clean import clean_site
from pipeline.jobs.import_extracted import ExtractedImportStats, import_extracted_files
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.offline import job as jobs
from pipeline.offline.clean_site import clean_site_files
from pipeline.offline.extract_table import TableExtractor
from pipeline.offline.job import OfflineJob
from pipeline.offline.recipe_manifest import recipe_manifest
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.read.export_articles import ExportQuery
from tests.support.archive_factory import DAY, NIGHT, SITE, dump, night, one, rows, url
from tests.support.cli import nightdesk

TOPICS = ("ferry", "crane", "lighthouse", "harbour office")
COURIER = Site(
    id=SITE,
    name="Courier",
    url="https://courier.example/",
    feeds=("https://courier.example/feed.xml",),
)
SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
ExtractPages = Callable[[str], Path]
pytestmark = pytest.mark.xdist_group("offline")  # one pool of processes for all


def story(topic: str, more: str = "") -> bytes:
    lines = (
        (
            f"The {topic} was mended on Monday, and everybody on the quay was glad of it before the"
            " week was over."
        ),
        (
            f"Nobody had expected the {topic} to be ready so soon, said the harbour master to the"
            " Courier."
        ),
        (
            f"The next inspection of the {topic} is planned for the spring, when the water is at"
            f" its lowest.{more}"
        ),
        (
            "The Courier is read by everybody who has business at the water's edge, every day of"
            " the year."
        ),
    )
    title = f"How the {topic} came back to the old harbour"
    body = "".join(f"<p>{line}</p>" for line in lines)
    head = f"<head><title>{title}</title></head>"
    return f"<html>{head}<body><article><h1>{title}</h1>{body}</article></body></html>".encode()


@pytest.fixture(scope="module")
def extractor() -> Iterator[TableExtractor]:
    with TableExtractor(1, 10, 1024) as extractor:
        yield extractor


@pytest.fixture(scope="module")
def workers() -> Iterator[WorkerPool]:
    with WorkerPool(1, 10, 1024) as workers:
        yield workers


@pytest.fixture
def harbour(archive: CrawlSession, store: Database) -> Database:
    """Save four stories. A month later one has changed, and another has a second URL."""
    night(archive, {url(f"2024/{topic.split()[0]}"): story(topic) for topic in TOPICS})
    night(
        archive,
        {
            url("2024/crane"): story("crane", " It will cost less."),
            url("2024/copy"): story("ferry"),
        },
        NIGHT + 31 * DAY,
    )
    return store


@pytest.fixture
def extract_pages(harbour: Database, extractor: TableExtractor, tmp_path: Path) -> ExtractPages:
    """Return a function that extracts the archive's pages and returns the folder."""

    def extract(name: str) -> Path:
        if not (tmp_path / "pages").exists():
            export.write_export(
                harbour,
                ExportQuery(),
                "pages",
                tmp_path / "pages",
                recipe=recipe_manifest([COURIER]),
            )
        job = OfflineJob(tmp_path / "pages", tmp_path / name)
        job.start()
        jobs.extract_job(job, extractor, lambda _: None)
        job.finish()
        return job.extracted_folder

    return extract


def import_back(
    store: Database,
    root: Path,
    workers: WorkerPool,
    tell: Callable[[int], None] = lambda _: None,
    **options: int,
) -> ExtractedImportStats:
    files = [
        ExtractedPagesFile(root, each["path"])
        for each in read_export_manifest(root, "extracted")["files"]
    ]
    return import_extracted_files(store, files, workers, tell, **options)


def clean(store: Database, workers: WorkerPool) -> int:
    """Clean the site, and return how many pages the clean had to extract."""
    return clean_site(store, COURIER, workers, lambda *_: None).extracted


def change(path: Path, **columns: Callable[[Any], Any]) -> None:
    """Write a file again with other values in the first row."""
    table = parquet.read_table(path, partitioning=None)
    rows = table.to_pylist()
    rows[0] |= {name: change(rows[0][name]) for name, change in columns.items()}
    parquet.write_table(Table.from_pylist(rows, table.schema), path)


def first_of(root: Path) -> Path:
    return next(jobs.parquet_files(root))


def test_pages_that_are_extracted_elsewhere_are_imported_as_if_they_were_extracted_here(
    harbour: Database, extract_pages: ExtractPages, workers: WorkerPool, engine: str, tmp_path: Path
) -> None:
    if engine == "sqlite":
        with (
            sqlite3.connect(tmp_path / "archive.db") as here,
            sqlite3.connect(tmp_path / "twin.db") as there,
        ):
            here.backup(there)
        twin = Database(f"sqlite:///{tmp_path / 'twin.db'}")
        assert clean(twin, workers) == 5
        expected = dump(twin, "line_sighting", "container", "article", "revision")
        twin.close()
    root = extract_pages("extracted")
    sites = [site_of_file(path.relative_to(root).as_posix()) for path in jobs.parquet_files(root)]
    assert sites == [SITE, SITE]  # of two months
    stats = import_back(harbour, root, workers)
    assert (dict(stats.imported), stats.rejected_files, dict(stats.skipped)) == ({SITE: 5}, [], {})
    assert stats.verified == 2  # one of each file
    assert clean(harbour, workers) == 0
    if engine == "sqlite":
        assert without_times(
            dump(harbour, "line_sighting", "container", "article", "revision")
        ) == without_times(expected)
    texts = tmp_path / "texts"
    assert (
        clean_site_files(
            SITE, read_export_manifest(root, "extracted"), list(jobs.parquet_files(root)), texts
        )
        == 5
    )
    texts_by_url = {
        each["url"]: each["text"]
        for path in jobs.parquet_files(texts)
        for each in parquet.read_table(path).to_pylist()
    }
    assert texts_by_url == dict(rows(harbour, "SELECT url, text FROM articles"))
    assert "The Courier is read" not in "".join(texts_by_url.values())


def without_times(dumped: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return rows without the times at which they were written, which differ."""
    return {
        table: [
            tuple(value for value in row if getattr(value, "year", 2024) < 2026)
            for row in table_rows
        ]
        for table, table_rows in dumped.items()
    }


@SQLITE
def test_an_extracted_page_is_not_saved_twice_even_if_the_first_import_was_interrupted(
    harbour: Database, extract_pages: ExtractPages, workers: WorkerPool
) -> None:
    root = extract_pages("extracted")

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_back(harbour, root, workers, stop)
    first = one(harbour, "SELECT count(*) FROM extracted_page")
    assert 0 < first < 5
    stats = import_back(harbour, root, workers)
    assert (stats.already_present, stats.imported.total()) == (first, 5 - first)
    stats = import_back(harbour, root, workers)
    assert (stats.already_present, stats.imported.total(), stats.verified) == (5, 0, 0)
    assert one(harbour, "SELECT count(*) FROM extracted_page") == 5


@SQLITE
def test_an_extracted_page_that_does_not_match_is_skipped_with_its_reason(
    harbour: Database, extract_pages: ExtractPages, workers: WorkerPool
) -> None:
    root = extract_pages("extracted")
    first, second = jobs.parquet_files(root)
    (payload,) = parquet.read_table(second, partitioning=None)["payload_sha256"].to_pylist()
    for reason, column, value in (
        (import_extracted.UNKNOWN, "payload_sha256", "0" * 64),
        (import_extracted.OTHER_EXTRACTORS, "extractors", "another"),
        (import_extracted.OTHER_CHARSET, "charset", "koi8-r"),
        (import_extracted.LIMITED, "reason", Reason.EXTRACTOR_TIMEOUT),
    ):
        shutil.copy(second, root / "kept")
        change(second, **{column: lambda _, value=value: value})
        assert import_back(harbour, root, workers).skipped_digests == [
            ("0" * 64 if reason is import_extracted.UNKNOWN else payload, reason)
        ]
        shutil.move(root / "kept", second)
    elsewhere = "site=other/month=2024-03/part-0.parquet"
    (root / elsewhere).parent.mkdir(parents=True)
    first.rename(root / elsewhere)
    stats = import_extracted_files(harbour, [ExtractedPagesFile(root, elsewhere)], workers)
    assert stats.skipped == {import_extracted.OTHER_SITE: 4}
    assert stats.already_present == 0


@SQLITE
def test_a_file_with_a_wrong_extracted_page_is_rejected(
    harbour: Database, extract_pages: ExtractPages, workers: WorkerPool
) -> None:
    root = extract_pages("extracted")
    first, second = jobs.parquet_files(root)
    change(first, extracted_page=lambda draft: draft.replace("Monday", "Sunday"))
    change(second, extracted_page=lambda draft: draft[:-1])
    stats = import_back(
        harbour, root, workers, sample_rate=1
    )  # all, so that chance decides nothing
    assert [sentence.partition(": ")[0] for sentence in stats.rejected_files] == [
        str(first),
        str(second),
    ]
    assert (
        "differs from the one that the same bytes make here; nothing of this file is imported"
        in stats.rejected_files[0]
    )
    assert "row 1 holds no extracted page" in stats.rejected_files[1]
    assert one(harbour, "SELECT count(*) FROM extracted_page") == 0
    first.write_bytes(first.read_bytes()[:-100])
    assert "cannot be read as Parquet" in import_back(harbour, root, workers).rejected_files[0]


@SQLITE
def test_a_job_that_was_killed_goes_on_with_what_is_missing(
    extract_pages: ExtractPages, extractor: TableExtractor, tmp_path: Path
) -> None:
    complete = extract_pages("extracted")
    job = OfflineJob(tmp_path / "pages", tmp_path / "again")
    job.start()
    assert len(job.pending_files()) == 2
    first, second = job.pending_files()
    for name in (first, second):
        (job.extracted_folder / name).parent.mkdir(parents=True)
        shutil.copy(complete / name, job.extracted_folder / name)
    (job.extracted_folder / second).write_bytes(
        (job.extracted_folder / second).read_bytes()[:200]
    )  # as Ray leaves it, which writes in place
    assert job.pending_files() == [second]
    assert jobs.extract_job(job, extractor, lambda _: None) == 1
    assert (job.pending_files(), job.is_complete()) == ([], False)
    assert job.finish()["counts"] == {"extracted": 5}
    assert job.is_complete()
    assert manifest.verify_export(job.extracted_folder)[1] == []
    with pytest.raises(ConfigError, match="is there already and is no unfinished folder"):
        jobs.start_folder(tmp_path / "pages" / f"site={SITE}", "extracted")


@SQLITE
def test_stored_extracted_pages_are_exported_as_they_would_be_made(
    harbour: Database, extract_pages: ExtractPages, workers: WorkerPool, tmp_path: Path
) -> None:
    import_back(harbour, extract_pages("extracted"), workers)
    head = export.write_export(
        harbour,
        ExportQuery(since=NIGHT + DAY),
        "extracted",
        tmp_path / "out",
        recipe=recipe_manifest([COURIER]),
    )
    assert (head["counts"], head["extractors"], head["cleaning"][SITE]["timezone"]) == (
        {"extracted": 1},
        EXTRACTORS,
        "UTC",
    )
    ((name, there),) = [
        (path.parent.name, parquet.read_table(path, partitioning=None))
        for path in jobs.parquet_files(tmp_path / "out")
    ]
    _, made = jobs.parquet_files(tmp_path / "extracted")
    assert name == "month=2024-04"
    assert there.to_pylist() == parquet.read_table(made, partitioning=None).to_pylist()


@SQLITE
def test_the_commands_say_what_is_wrong_in_one_sentence(
    harbour: Database, extract_pages: ExtractPages, database_url: str, home: Path, tmp_path: Path
) -> None:
    root = extract_pages("extracted")

    def error_of(*words: str) -> str:
        result = nightdesk(home, "--database-url", database_url, *words)
        assert result.code == 3, result.out
        return result.error_line

    pages, out = str(tmp_path / "pages"), str(tmp_path / "out")
    assert "is an export of pages without extraction; 'nightdesk extract-export'" in error_of(
        "import", pages
    )
    assert "extracted pages name their sites" in error_of("import", str(root), "--site", SITE)
    assert "leave out --query, --limit and --unique" in error_of(
        "export", out, "--format", "pages", "--query", "ferry"
    )
    assert "this needs 'pages'" in error_of("extract-export", str(root), out)
    assert "no Ray answers there" in error_of(
        "extract-export", pages, out, "--address", "127.0.0.1:1"
    )
    if find_spec("ray") is None:
        assert "pip install 'nightdesk[ray]'" in error_of("extract-export", pages, out, "--ray")
    (root / manifest.MANIFEST_NAME).write_text(
        (root / manifest.MANIFEST_NAME).read_text("utf8").replace(EXTRACTORS, "another"), "utf8"
    )
    assert "was made by other extractors than those of this machine" in error_of(
        "import", str(root)
    )
    (root / jobs.PART_MARKER).touch()
    assert "is not complete yet" in error_of("import", str(root))
