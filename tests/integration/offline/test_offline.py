"""Pages go out, are drafted without the archive, and come back: the same as if they had never left."""

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
from pipeline.formats.readers import parquet_drafts
from pipeline.jobs import import_extracted
from pipeline.jobs.clean import clean_site
from pipeline.jobs.import_extracted import ExtractedImportStats, import_extracted_files
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.offline import clean_site as striking
from pipeline.offline import job as jobs
from pipeline.offline.extract_table import TableExtractor
from pipeline.offline.job import OfflineJob
from pipeline.offline.recipe_manifest import recipe_manifest
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.read.export_articles import Asked
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
Make = Callable[[str], Path]
pytestmark = pytest.mark.xdist_group("bulk")  # one pool of processes for all


def story(topic: str, more: str = "") -> bytes:
    lines = (
        f"The {topic} was mended on Monday, and everybody on the quay was glad of it before the week was over.",
        f"Nobody had expected the {topic} to be ready so soon, said the harbour master to the Courier.",
        f"The next inspection of the {topic} is planned for the spring, when the water is at its lowest.{more}",
        "The Courier is read by everybody who has business at the water's edge, every day of the year.",
    )
    title = f"How the {topic} came back to the old harbour"
    body = "".join(f"<p>{line}</p>" for line in lines)
    return f"<html><head><title>{title}</title></head><body><article><h1>{title}</h1>{body}</article></body></html>".encode()


@pytest.fixture(scope="module")
def drafting() -> Iterator[TableExtractor]:
    with TableExtractor(1, 10, 1024) as drafting:
        yield drafting


@pytest.fixture(scope="module")
def workers() -> Iterator[WorkerPool]:
    with WorkerPool(1, 10, 1024) as workers:
        yield workers


@pytest.fixture
def harbour(archive: CrawlSession, store: Database) -> Database:
    """Four stories, one of which changes a month later while another is met at a second address."""
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
def make(harbour: Database, drafting: TableExtractor, tmp_path: Path) -> Make:
    """Has the archive's pages drafted, and returns the folder."""

    def made(name: str) -> Path:
        if not (tmp_path / "pages").exists():
            export.export(harbour, Asked(), "pages", tmp_path / "pages", terms=recipe_manifest([COURIER]))
        job = OfflineJob(tmp_path / "pages", tmp_path / name)
        job.start()
        jobs.extract_job(job, drafting, lambda _: None)
        job.finish()
        return job.extracted_folder

    return made


def back(
    store: Database, root: Path, workers: WorkerPool, tell: Callable[[int], None] = lambda _: None
) -> ExtractedImportStats:
    files = [
        parquet_drafts.DraftFile(root, each["path"])
        for each in parquet_drafts.opened(root, "drafts")["files"]
    ]
    return import_extracted_files(store, files, workers, tell)


def clean(store: Database, workers: WorkerPool) -> int:
    """How many pages a clean had to extract."""
    return clean_site(store, COURIER, workers, lambda *_: None).extracted


def change(path: Path, **columns: Callable[[Any], Any]) -> None:
    """Writes a file anew with other values in the first row."""
    table = parquet.read_table(path, partitioning=None)
    found = table.to_pylist()
    found[0] |= {name: change(found[0][name]) for name, change in columns.items()}
    parquet.write_table(Table.from_pylist(found, table.schema), path)


def first_of(root: Path) -> Path:
    return next(jobs.parquet_files(root))


def test_what_is_drafted_elsewhere_is_brought_back_as_if_it_had_been_made_here(
    harbour: Database, make: Make, workers: WorkerPool, engine: str, tmp_path: Path
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
    root = make("drafts")
    found = [parquet_drafts.site_of(path.relative_to(root).as_posix()) for path in jobs.parquet_files(root)]
    assert found == [SITE, SITE]  # of two months
    done = back(harbour, root, workers)
    assert (dict(done.imported), done.rejected_files, dict(done.skipped)) == ({SITE: 5}, [], {})
    assert done.verified == 2  # one of each file
    assert clean(harbour, workers) == 0
    if engine == "sqlite":
        assert without_times(
            dump(harbour, "line_sighting", "container", "article", "revision")
        ) == without_times(expected)
    texts = tmp_path / "texts"
    assert (
        striking.clean_site_files(
            SITE, parquet_drafts.opened(root, "drafts"), list(jobs.parquet_files(root)), texts
        )
        == 5
    )
    struck = {
        each["url"]: each["text"]
        for path in jobs.parquet_files(texts)
        for each in parquet.read_table(path).to_pylist()
    }
    assert struck == dict(rows(harbour, "SELECT url, text FROM articles"))
    assert "The Courier is read" not in "".join(struck.values())


def without_times(dumped: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Rows without the moments at which they were written, which differ."""
    return {
        table: [
            tuple(value for value in row if getattr(value, "year", 2024) < 2026) for row in found
        ]
        for table, found in dumped.items()
    }


@SQLITE
def test_what_comes_again_is_not_written_twice_also_where_the_first_time_broke_off(
    harbour: Database, make: Make, workers: WorkerPool
) -> None:
    root = make("drafts")

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back(harbour, root, workers, stop)
    first = one(harbour, "SELECT count(*) FROM extracted_page")
    assert 0 < first < 5
    done = back(harbour, root, workers)
    assert (done.already_present, done.imported.total()) == (first, 5 - first)
    done = back(harbour, root, workers)
    assert (done.already_present, done.imported.total(), done.verified) == (5, 0, 0)
    assert one(harbour, "SELECT count(*) FROM extracted_page") == 5


@SQLITE
def test_what_does_not_match_is_left_out_by_its_digest_and_its_reason(
    harbour: Database, make: Make, workers: WorkerPool
) -> None:
    root = make("drafts")
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
        assert back(harbour, root, workers).skipped_digests == [
            ("0" * 64 if reason is import_extracted.UNKNOWN else payload, reason)
        ]
        shutil.move(root / "kept", second)
    elsewhere = "site=other/month=2024-03/part-0.parquet"
    (root / elsewhere).parent.mkdir(parents=True)
    first.rename(root / elsewhere)
    done = import_extracted_files(harbour, [parquet_drafts.DraftFile(root, elsewhere)], workers)
    assert done.skipped == {import_extracted.OTHER_SITE: 4}
    assert done.already_present == 0


@SQLITE
def test_a_file_with_a_draft_that_the_bytes_do_not_make_is_refused_whole(
    harbour: Database, make: Make, workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_extracted, "SAMPLE_RATE", 1)  # all of them, so that no lot decides
    root = make("drafts")
    first, second = jobs.parquet_files(root)
    change(first, draft=lambda draft: draft.replace("Monday", "Sunday"))
    change(second, draft=lambda draft: draft[:-1])
    done = back(harbour, root, workers)
    assert [sentence.partition(": ")[0] for sentence in done.rejected_files] == [str(first), str(second)]
    assert (
        "is another than the same bytes make here; nothing of this file is brought"
        in done.rejected_files[0]
    )
    assert "row 1 holds no draft" in done.rejected_files[1]
    assert one(harbour, "SELECT count(*) FROM extracted_page") == 0
    first.write_bytes(first.read_bytes()[:-100])
    assert "cannot be read as Parquet" in back(harbour, root, workers).rejected_files[0]


@SQLITE
def test_a_job_that_was_killed_goes_on_with_what_is_missing(
    make: Make, drafting: TableExtractor, tmp_path: Path
) -> None:
    whole = make("drafts")
    job = OfflineJob(tmp_path / "pages", tmp_path / "again")
    job.start()
    assert len(job.pending_files()) == 2
    first, second = job.pending_files()
    for name in (first, second):
        (job.extracted_folder / name).parent.mkdir(parents=True)
        shutil.copy(whole / name, job.extracted_folder / name)
    (job.extracted_folder / second).write_bytes(
        (job.extracted_folder / second).read_bytes()[:200]
    )  # as Ray leaves it, which writes in place
    assert job.pending_files() == [second]
    assert jobs.extract_job(job, drafting, lambda _: None) == 1
    assert (job.pending_files(), job.is_complete()) == ([], False)
    assert job.finish()["counts"] == {"drafts": 5}
    assert job.is_complete()
    assert manifest.verify(job.extracted_folder)[1] == []
    with pytest.raises(ConfigError, match="is there already and is no unfinished folder"):
        jobs.start_folder(tmp_path / "pages" / f"site={SITE}", "drafts")


@SQLITE
def test_drafts_that_exist_are_exported_as_they_would_be_made(
    harbour: Database, make: Make, workers: WorkerPool, tmp_path: Path
) -> None:
    back(harbour, make("drafts"), workers)
    told = export.export(
        harbour, Asked(since=NIGHT + DAY), "drafts", tmp_path / "out", terms=recipe_manifest([COURIER])
    )
    assert (told["counts"], told["extractors"], told["cleaning"][SITE]["timezone"]) == (
        {"drafts": 1},
        EXTRACTORS,
        "UTC",
    )
    ((name, there),) = [
        (path.parent.name, parquet.read_table(path, partitioning=None))
        for path in jobs.parquet_files(tmp_path / "out")
    ]
    _, made = jobs.parquet_files(tmp_path / "drafts")
    assert name == "month=2024-04"
    assert there.to_pylist() == parquet.read_table(made, partitioning=None).to_pylist()


@SQLITE
def test_the_commands_say_what_is_wrong_in_one_sentence(
    harbour: Database, make: Make, database_url: str, home: Path, tmp_path: Path
) -> None:
    root = make("drafts")

    def says(*words: str) -> str:
        done = nightdesk(home, "--database-url", database_url, *words)
        assert done.code == 3, done.out
        return done.error_line

    pages, out = str(tmp_path / "pages"), str(tmp_path / "out")
    assert "is an export as 'pages'; 'nightdesk draft' makes drafts of it" in says("import", pages)
    assert "drafts know their sites" in says("import", str(root), "--site", SITE)
    assert "leave out --query and --limit" in says(
        "export", out, "--format", "pages", "--query", "ferry"
    )
    assert "one as 'pages' is wanted here" in says("draft", str(root), out)
    assert "no Ray answers there" in says("draft", pages, out, "--address", "127.0.0.1:1")
    if find_spec("ray") is None:
        assert "pip install -e '.[ray]'" in says("draft", pages, out, "--ray")
    (root / manifest.NAME).write_text(
        (root / manifest.NAME).read_text("utf8").replace(EXTRACTORS, "another"), "utf8"
    )
    assert "were made by other extractors than those here" in says("import", str(root))
    (root / jobs.PART_MARKER).touch()
    assert "is not whole yet" in says("import", str(root))
