"""The extractors that are compared. To add one: a function from markup and address to a row, and a line in CANDIDATES.

Promises that a candidate which fails on a page has an empty text there, and that each gets the same decoded markup. Libraries
are imported when asked for, so that a candidate can be run in an environment that holds nothing but it.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.bench.sets import LabelledSet, Row

OURS = "nightdesk"
SECONDS = 60  # for one page
CRAFT = ("extract", "cleaning", "core/local_times.py", "jobs/batch_clean.py")
Make = Callable[[str, str], Row]


@dataclass(frozen=True)
class Candidate:
    """One extractor in one setting, and the distribution it comes from."""

    name: str
    package: str
    make: Make | None  # None: our own, which sees all pages at once

    @property
    def version(self) -> str:
        """Its version, "" where it is not installed; of ours, a digest of the craft's sources."""
        if self.make is None:
            return _craft()
        try:
            return version(self.package)
        except PackageNotFoundError:
            return ""


def _craft() -> str:
    root = Path(__file__).parents[2] / "pipeline"
    found = [
        path
        for name in CRAFT
        for path in ([root / name] if name.endswith(".py") else sorted((root / name).rglob("*.py")))
    ]
    return (
        sha256(b"".join(path.read_bytes() for path in found)).hexdigest()[:12]
        if root.is_dir()
        else ""
    )


def _trafilatura(markup: str, url: str, **options: Any) -> Row:
    from trafilatura import bare_extraction

    made = bare_extraction(markup, url=url or None, with_metadata=True, **options)
    values = made if isinstance(made, dict) else made.as_dict() if made else {}
    return {
        "text": values.get("text"),
        "title": values.get("title"),
        "authors": values.get("author"),
        "date": values.get("date"),
    }


def trafilatura(markup: str, url: str) -> Row:
    return _trafilatura(markup, url)


def trafilatura_precision(markup: str, url: str) -> Row:
    return _trafilatura(markup, url, include_comments=False, favor_precision=True)


def trafilatura_recall(markup: str, url: str) -> Row:
    return _trafilatura(markup, url, include_comments=False, favor_recall=True)


def readability(markup: str, url: str) -> Row:
    from lxml.html import fromstring
    from readability import Document

    made = Document(markup)
    return {"text": "\n".join(fromstring(made.summary()).itertext()), "title": made.short_title()}


def newspaper(markup: str, url: str) -> Row:
    from newspaper import Article

    made = Article(url or "https://page.example/", fetch_images=False)
    made.download(input_html=markup)
    made.parse()
    return {
        "text": made.text,
        "title": made.title,
        "authors": made.authors,
        "date": str(made.publish_date or ""),
    }


def justext(markup: str, url: str) -> Row:
    import justext as library

    stoplist = library.get_stoplist("English")
    return {
        "text": "\n".join(
            each.text for each in library.justext(markup, stoplist) if not each.is_boilerplate
        )
    }


CANDIDATES = {
    each.name: each
    for each in (
        Candidate("trafilatura", "trafilatura", trafilatura),
        Candidate("trafilatura-precision", "trafilatura", trafilatura_precision),
        Candidate("trafilatura-recall", "trafilatura", trafilatura_recall),
        Candidate("readability", "readability-lxml", readability),
        Candidate("newspaper", "newspaper4k", newspaper),
        Candidate("justext", "jusText", justext),
        Candidate(OURS, OURS, None),
    )
}


def run(candidate: Candidate, pages: LabelledSet, processes: int) -> list[Row]:
    """A row for each page of a set."""
    if candidate.make is None:
        return _ours(pages, processes)
    with get_context("spawn").Pool(processes, maxtasksperchild=500) as pool:
        work = (
            (candidate.name, page["id"], page["html"], page.get("url") or "")
            for page in pages.pages
        )
        return list(pool.imap(_row, work, chunksize=4))


def _row(work: tuple[str, str, str, str]) -> Row:
    name, page, markup, url = work
    make = CANDIDATES[name].make
    assert make is not None
    try:
        with _limited(SECONDS):
            return {"id": page, **make(markup, url)}
    except Exception as error:  # noqa: BLE001  an extractor that fails on a page has found nothing there
        return {"id": page, "text": "", "error": f"{type(error).__name__}: {error}"[:200]}


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def inputs(pages: Iterable[Row]) -> Iterator[Any]:
    """Labelled pages as `nightdesk extract` reads them."""
    from pipeline.jobs.batch_clean import Input

    for page in pages:
        body = page["html"].encode("utf8", "replace")
        yield Input(page["id"], "", page.get("site") or "", page.get("url") or "", body, "utf-8")


def _ours(pages: LabelledSet, processes: int) -> list[Row]:
    from pipeline.jobs.batch_clean import clean_batch, to_json
    from pipeline.jobs.workers.pool import Workers

    with Workers(processes, 10.0, 1024) as workers:
        return [
            to_json(output) for output in clean_batch(inputs(pages.pages), workers, lambda *_: None)
        ]
