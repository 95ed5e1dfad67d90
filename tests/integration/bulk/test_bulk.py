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
from pipeline.jobs import import_drafts
from pipeline.jobs.clean import clean_site
from pipeline.jobs.import_drafts import Brought, bring
from pipeline.jobs.workers.pool import Workers
from pipeline.offline import clean_site as striking
from pipeline.offline import job as jobs
from pipeline.offline.extract_table import Drafting
from pipeline.offline.job import Job
from pipeline.offline.recipe_manifest import terms
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
def drafting() -> Iterator[Drafting]:
    with Drafting(1, 10, 1024) as drafting:
        yield drafting


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(1, 10, 1024) as workers:
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
def make(harbour: Database, drafting: Drafting, tmp_path: Path) -> Make:
    """Has the archive's pages drafted, and returns the folder."""

    def made(name: str) -> Path:
        if not (tmp_path / "pages").exists():
            export.export(harbour, Asked(), "pages", tmp_path / "pages", terms=terms([COURIER]))
        job = Job(tmp_path / "pages", tmp_path / name)
        job.begin()
        jobs.draft(job, drafting, lambda _: None)
        job.seal()
        return job.drafts

    return made


def back(
    store: Database, root: Path, workers: Workers, tell: Callable[[int], None] = lambda _: None
) -> Brought:
    files = [
        parquet_drafts.DraftFile(root, each["path"])
        for each in parquet_drafts.opened(root, "drafts")["files"]
    ]
    return bring(store, files, workers, tell)


def clean(store: Database, workers: Workers) -> int:
    """How many pages a clean had to extract."""
    return clean_site(store, COURIER, workers, lambda *_: None).drafted


def change(path: Path, **columns: Callable[[Any], Any]) -> None:
    """Writes a file anew with other values in the first row."""
    table = parquet.read_table(path, partitioning=None)
    found = table.to_pylist()
    found[0] |= {name: change(found[0][name]) for name, change in columns.items()}
    parquet.write_table(Table.from_pylist(found, table.schema), path)


def first_of(root: Path) -> Path:
    return next(jobs.parts(root))


def test_what_is_drafted_elsewhere_is_brought_back_as_if_it_had_been_made_here(
    harbour: Database, make: Make, workers: Workers, engine: str, tmp_path: Path
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
    found = [parquet_drafts.site_of(path.relative_to(root).as_posix()) for path in jobs.parts(root)]
    assert found == [SITE, SITE]  # of two months
    done = back(harbour, root, workers)
    assert (dict(done.sites), done.refused, dict(done.left_out)) == ({SITE: 5}, [], {})
    assert done.proven == 2  # one of each file
    assert clean(harbour, workers) == 0
    if engine == "sqlite":
        assert without_times(
            dump(harbour, "line_sighting", "container", "article", "revision")
        ) == without_times(expected)
    texts = tmp_path / "texts"
    assert (
        striking.strike_site(
            SITE, parquet_drafts.opened(root, "drafts"), list(jobs.parts(root)), texts
        )
        == 5
    )
    struck = {
        each["url"]: each["text"]
        for path in jobs.parts(texts)
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
    harbour: Database, make: Make, workers: Workers
) -> None:
    root = make("drafts")

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back(harbour, root, workers, stop)
    first = one(harbour, "SELECT count(*) FROM extracted_page")
    assert 0 < first < 5
    done = back(harbour, root, workers)
    assert (done.there, done.sites.total()) == (first, 5 - first)
    done = back(harbour, root, workers)
    assert (done.there, done.sites.total(), done.proven) == (5, 0, 0)
    assert one(harbour, "SELECT count(*) FROM extracted_page") == 5


@SQLITE
def test_what_does_not_match_is_left_out_by_its_digest_and_its_reason(
    harbour: Database, make: Make, workers: Workers
) -> None:
    root = make("drafts")
    first, second = jobs.parts(root)
    (payload,) = parquet.read_table(second, partitioning=None)["payload_sha256"].to_pylist()
    for reason, column, value in (
        (import_drafts.UNKNOWN, "payload_sha256", "0" * 64),
        (import_drafts.OTHER_EXTRACTORS, "extractors", "another"),
        (import_drafts.OTHER_CHARSET, "charset", "koi8-r"),
        (import_drafts.LIMITED, "reason", Reason.EXTRACTOR_TIMEOUT),
    ):
        shutil.copy(second, root / "kept")
        change(second, **{column: lambda _, value=value: value})
        assert back(harbour, root, workers).named == [
            ("0" * 64 if reason is import_drafts.UNKNOWN else payload, reason)
        ]
        shutil.move(root / "kept", second)
    elsewhere = "site=other/month=2024-03/part-0.parquet"
    (root / elsewhere).parent.mkdir(parents=True)
    first.rename(root / elsewhere)
    done = bring(harbour, [parquet_drafts.DraftFile(root, elsewhere)], workers)
    assert done.left_out == {import_drafts.OTHER_SITE: 4}
    assert done.there == 0


@SQLITE
def test_a_file_with_a_draft_that_the_bytes_do_not_make_is_refused_whole(
    harbour: Database, make: Make, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_drafts, "ONE_IN", 1)  # all of them, so that no lot decides
    root = make("drafts")
    first, second = jobs.parts(root)
    change(first, draft=lambda draft: draft.replace("Monday", "Sunday"))
    change(second, draft=lambda draft: draft[:-1])
    done = back(harbour, root, workers)
    assert [sentence.partition(": ")[0] for sentence in done.refused] == [str(first), str(second)]
    assert (
        "is another than the same bytes make here; nothing of this file is brought"
        in done.refused[0]
    )
    assert "row 1 holds no draft" in done.refused[1]
    assert one(harbour, "SELECT count(*) FROM extracted_page") == 0
    first.write_bytes(first.read_bytes()[:-100])
    assert "cannot be read as Parquet" in back(harbour, root, workers).refused[0]


@SQLITE
def test_a_job_that_was_killed_goes_on_with_what_is_missing(
    make: Make, drafting: Drafting, tmp_path: Path
) -> None:
    whole = make("drafts")
    job = Job(tmp_path / "pages", tmp_path / "again")
    job.begin()
    assert len(job.left()) == 2
    first, second = job.left()
    for name in (first, second):
        (job.drafts / name).parent.mkdir(parents=True)
        shutil.copy(whole / name, job.drafts / name)
    (job.drafts / second).write_bytes(
        (job.drafts / second).read_bytes()[:200]
    )  # as Ray leaves it, which writes in place
    assert job.left() == [second]
    assert jobs.draft(job, drafting, lambda _: None) == 1
    assert (job.left(), job.is_whole()) == ([], False)
    assert job.seal()["counts"] == {"drafts": 5}
    assert job.is_whole()
    assert manifest.verify(job.drafts)[1] == []
    with pytest.raises(ConfigError, match="is there already and is no unfinished folder"):
        jobs.begin(tmp_path / "pages" / f"site={SITE}", "drafts")


@SQLITE
def test_drafts_that_exist_are_exported_as_they_would_be_made(
    harbour: Database, make: Make, workers: Workers, tmp_path: Path
) -> None:
    back(harbour, make("drafts"), workers)
    told = export.export(
        harbour, Asked(since=NIGHT + DAY), "drafts", tmp_path / "out", terms=terms([COURIER])
    )
    assert (told["counts"], told["extractors"], told["cleaning"][SITE]["timezone"]) == (
        {"drafts": 1},
        EXTRACTORS,
        "UTC",
    )
    ((name, there),) = [
        (path.parent.name, parquet.read_table(path, partitioning=None))
        for path in jobs.parts(tmp_path / "out")
    ]
    _, made = jobs.parts(tmp_path / "drafts")
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
        return done.sentence

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
    (root / jobs.MARK).touch()
    assert "is not whole yet" in says("import", str(root))
