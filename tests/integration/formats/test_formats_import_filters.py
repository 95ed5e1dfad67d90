"""An import takes the chosen pages of a large WARC, and goes on after a kill where it was."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from warcio.warcwriter import WARCWriter

from pipeline.config.site import parse_site
from pipeline.extract.languages.page_language import page_language
from pipeline.formats import import_pages as importing
from pipeline.formats.import_filter import ImportFilter
from pipeline.formats.import_pages import ImportLimits, ImportResult, minimal_site_file
from pipeline.formats.import_position import ImportPosition, ImportPositions
from pipeline.store.db.engine import Database
from tests.support import warc_files
from tests.support.cli import nightdesk
from tests.support.warc_files import WarcResponse, story, write_warc

RUSSIAN = (
    "<html lang=en><title>Паром</title><h1>Паром</h1><p>Паром вернулся в гавань вечером, сообщил"
    " начальник порта.</p><p>Никто не пострадал, а рыбаки получили деньги за сети.</p></html>"
).encode()
SITE_FILE = minimal_site_file("https://gazette.example/")
GAZETTE = parse_site("gazette", SITE_FILE, "gazette.toml")


def write_news(path: Path, hosts: int) -> Path:
    """Write a WARC with three pages of each host, on three days."""
    with path.open("wb") as stream:
        writer = WARCWriter(stream, gzip=path.suffix == ".gz")
        for number in range(hosts * 3):
            response = WarcResponse(
                f"https://www.paper{number // 3}.example/{number}", story(f"Story {number}")
            )
            date = f"2026-11-0{number % 3 + 1}T10:00:00Z"
            writer.write_record(warc_files.response_record(writer, response, date))
    return path


def run(
    store: Database,
    path: Path,
    wanted: ImportFilter,
    positions: ImportPositions | None = None,
    batch_pages: int = 50,
) -> ImportResult:
    return importing.import_pages(
        store,
        [path],
        None,
        (GAZETTE,),
        limits=ImportLimits(batch_pages=batch_pages),
        wanted=wanted,
        positions=positions or ImportPositions(),
    )


def test_only_pages_of_the_named_hosts_and_those_below_are_taken(
    store: Database, tmp_path: Path
) -> None:
    pages = (
        WarcResponse("https://www.gazette.example/1", story("One")),
        WarcResponse("https://local.gazette.example/2", story("Two")),
        WarcResponse("https://notgazette.example/3", story("Three")),
        WarcResponse("https://gazette.example/logo.png", b"PNG", media_type="image/png"),
    )
    path = write_warc(tmp_path / "a.warc.gz", *pages)
    result = run(store, path, ImportFilter(hosts=("gazette.example",)))
    assert result.sites.total() == 2
    assert result.skipped == {"other host": 1, "no HTML": 1}
    assert [record.url for record in result.skipped_records] == ["https://gazette.example/logo.png"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_only_pages_of_sites_with_a_file_are_taken(store: Database, tmp_path: Path) -> None:
    pages = (
        WarcResponse("https://gazette.example/1", story("One")),
        WarcResponse("https://evening.example/2", story("Two")),
    )
    path = write_warc(tmp_path / "a.warc", *pages)
    result = run(store, path, ImportFilter(sites=(GAZETTE,)))
    assert (result.sites, result.skipped) == ({"gazette": 1}, {"no site file": 1})


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_only_pages_of_the_named_days_are_taken(store: Database, tmp_path: Path) -> None:
    path = write_news(tmp_path / "a.warc.gz", 2)
    second, third = datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)
    result = run(store, path, ImportFilter(since=second, until=third))
    assert (result.sites.total(), result.skipped) == (2, {"other time": 4})


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_text_tells_the_language_and_not_the_template(store: Database, tmp_path: Path) -> None:
    pages = (
        WarcResponse("https://gazette.example/1", story("One")),
        WarcResponse("https://gazette.example/2", RUSSIAN),
    )
    path = write_warc(tmp_path / "a.warc.gz", *pages)
    result = run(store, path, ImportFilter(languages=("ru",), detect_language=page_language))
    assert (result.sites.total(), result.skipped) == (1, {"other language": 1})
    assert page_language(b"<" * 300_000) == ""


class KilledError(BaseException):
    """Ends an import as a kill would."""


def test_a_killed_import_goes_on_after_the_last_batch(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_news(tmp_path / "a.warc.gz", 3)
    positions = ImportPositions(tmp_path / "imports", "here")
    saved = importing.PageImporter._save_batch
    batches = 0

    def save_or_die(importer: importing.PageImporter) -> None:
        nonlocal batches
        batches += 1
        if batches == 3:
            raise KilledError
        saved(importer)

    monkeypatch.setattr(importing.PageImporter, "_save_batch", save_or_die)
    with pytest.raises(KilledError):
        run(store, path, ImportFilter(), positions, batch_pages=2)
    assert positions.load(path).records == 4
    result = run(store, path, ImportFilter(), positions, batch_pages=2)
    assert result.resumed == 4
    assert result.outcomes == {("fetched", "new"): 5}
    assert result.resumed_sites == {"paper0", "paper1"}
    assert set(result.site_urls) == {"paper0", "paper1", "paper2"}
    assert positions.load(path) == ImportPosition()
    again = run(store, path, ImportFilter(), positions)
    assert again.outcomes == {("unchanged", "same_bytes"): 9}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_position_counts_only_for_the_same_file_and_choice(
    store: Database, tmp_path: Path
) -> None:
    path = write_news(tmp_path / "a.warc.gz", 1)
    ImportPositions(tmp_path / "imports", "one").save(path, ImportPosition(2))
    assert (
        run(store, path, ImportFilter(), ImportPositions(tmp_path / "imports", "two")).resumed == 0
    )
    write_news(path, 2)
    assert (
        run(store, path, ImportFilter(), ImportPositions(tmp_path / "imports", "one")).resumed == 0
    )
    for damaged in ("", "[]", '{"records": "x", "site_urls": {}}'):
        positions = ImportPositions(tmp_path / "imports", "one")
        positions.save(path, ImportPosition(3))
        for file in (tmp_path / "imports").glob("*.json"):
            file.write_text(damaged)
        assert positions.load(path) == ImportPosition()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_warc_of_many_hosts_writes_no_site_files_unasked(
    home: Path, store: Database, tmp_path: Path
) -> None:
    path = write_news(tmp_path / "CC-NEWS.warc.gz", 30)
    words = ("--database-url", str(store.url), "import", str(path), "--no-clean")
    before = set((home / "config" / "sites").glob("*.toml"))
    refused = nightdesk(home, *words)
    assert refused.code == 3
    assert "has pages of 30 hosts" in refused.error_line
    assert "paper7.example" in refused.out
    assert "and 10 more hosts" in refused.out
    assert len(nightdesk(home, *words, "--json").json["new_hosts"]) == 30
    assert set((home / "config" / "sites").glob("*.toml")) == before
    named = nightdesk(home, *words, "--host", "paper3.example", "--since", "2026-11-02", "--json")
    assert (named.code, named.json["sites"]) == (0, {"paper3": 2})
    known = nightdesk(home, *words, "--known", "--json").json
    assert known["sites"] == {"paper3": 3}
    assert known["skipped"] == {"no site file": 87}
    everything = nightdesk(home, *words, "--all-hosts", "--json").json
    assert len(everything["sites"]) == 30
    assert not list((home / "var" / "imports").glob("*"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--host", "http://[x"), "is not the name of a host"),
        (("--language", "Russian"), "is not a code of two letters"),
        (("--all-hosts", "--known"), "leave out --known"),
        (("--since", "2026-02-01", "--until", "2026-01-01"), "is later than --until"),
    ],
)
def test_a_wrong_choice_is_refused_with_a_sentence(
    home: Path, tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    path = write_news(tmp_path / "a.warc", 1)
    answer = nightdesk(home, "import", str(path), *words)
    assert answer.code == 3
    assert sentence in answer.error_line
