"""The extractors that are compared.

To add one, write a function from markup and URL to a row, and add it to CANDIDATES. A candidate
that fails on a page has an empty text there. All candidates get the same decoded markup. Each
function imports its own library, so that an environment needs only the candidates that it runs.
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
TIMEOUT = 60  # seconds for one page
EXTRACTION_SECONDS, EXTRACTION_MEMORY_MB = 10.0, 1024  # of one page, for Nightdesk
# The parts of `pipeline` that decide a text: their digest is the version of Nightdesk.
SOURCES = ("extract", "cleaning", "core/local_times.py", "jobs/batch_clean.py")
Extract = Callable[[str, str], Row]


@dataclass(frozen=True)
class Candidate:
    """One extractor in one setting.

    Attributes:
        name: As users select it.
        package: The distribution from which it comes.
        extract: Makes a row of markup and URL; None for Nightdesk, which sees all pages at once.
    """

    name: str
    package: str
    extract: Extract | None

    @property
    def version(self) -> str:
        """Return the version, or "" where the candidate is not installed."""
        if self.extract is None:
            return _source_digest()
        try:
            return version(self.package)
        except PackageNotFoundError:
            return ""


def _source_digest() -> str:
    root = Path(__file__).parents[2] / "pipeline"
    if not root.is_dir():
        return ""
    digest = sha256()
    for name in SOURCES:
        paths = [root / name] if name.endswith(".py") else sorted((root / name).rglob("*.py"))
        for path in paths:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _trafilatura(markup: str, url: str, **options: Any) -> Row:
    from trafilatura import bare_extraction

    document = bare_extraction(markup, url=url or None, with_metadata=True, **options)
    values: Row = {}
    if isinstance(document, dict):
        values = document
    elif document:
        values = document.as_dict()
    return {
        "text": values.get("text"),
        "title": values.get("title"),
        "authors": values.get("author"),
        "date": values.get("date"),
    }


def trafilatura(markup: str, url: str) -> Row:
    """Extract with trafilatura in its usual setting."""
    return _trafilatura(markup, url)


def trafilatura_precision(markup: str, url: str) -> Row:
    """Extract with trafilatura in favour of precision."""
    return _trafilatura(markup, url, include_comments=False, favor_precision=True)


def trafilatura_recall(markup: str, url: str) -> Row:
    """Extract with trafilatura in favour of recall."""
    return _trafilatura(markup, url, include_comments=False, favor_recall=True)


def readability(markup: str, url: str) -> Row:
    """Extract with readability-lxml."""
    from lxml.html import fromstring
    from readability import Document

    document = Document(markup)
    text = "\n".join(fromstring(document.summary()).itertext())
    return {"text": text, "title": document.short_title()}


def newspaper(markup: str, url: str) -> Row:
    """Extract with newspaper4k."""
    from newspaper import Article

    article = Article(url or "https://page.example/", fetch_images=False)
    article.download(input_html=markup)
    article.parse()
    return {
        "text": article.text,
        "title": article.title,
        "authors": article.authors,
        "date": str(article.publish_date or ""),
    }


def justext(markup: str, url: str) -> Row:
    """Extract with jusText."""
    import justext as library

    paragraphs = library.justext(markup, library.get_stoplist("English"))
    texts = [paragraph.text for paragraph in paragraphs if not paragraph.is_boilerplate]
    return {"text": "\n".join(texts)}


CANDIDATES = {
    "trafilatura": Candidate("trafilatura", "trafilatura", trafilatura),
    "trafilatura-precision": Candidate(
        "trafilatura-precision", "trafilatura", trafilatura_precision
    ),
    "trafilatura-recall": Candidate("trafilatura-recall", "trafilatura", trafilatura_recall),
    "readability": Candidate("readability", "readability-lxml", readability),
    "newspaper": Candidate("newspaper", "newspaper4k", newspaper),
    "justext": Candidate("justext", "jusText", justext),
    OURS: Candidate(OURS, OURS, None),
}


def run_candidate(candidate: Candidate, labelled_set: LabelledSet, processes: int) -> list[Row]:
    """Return a row for each page of a set."""
    if candidate.extract is None:
        return _run_nightdesk(labelled_set, processes)
    jobs = []
    for page in labelled_set.pages:
        jobs.append((candidate.name, page["id"], page["html"], page.get("url") or ""))
    with get_context("spawn").Pool(processes, maxtasksperchild=500) as pool:
        return list(pool.imap(run_on_page, jobs, chunksize=4))


def run_on_page(job: tuple[str, str, str, str]) -> Row:
    """Run a candidate on one page.

    Args:
        job: The name of the candidate, and the page's id, markup and URL.
    """
    name, page_id, markup, url = job
    extract = CANDIDATES[name].extract
    assert extract is not None
    try:
        with _time_limit(TIMEOUT):
            return {"id": page_id, **extract(markup, url)}
    except Exception as error:  # noqa: BLE001  an extractor that fails on a page has no text there
        return {"id": page_id, "text": "", "error": f"{type(error).__name__}: {error}"[:200]}


@contextmanager
def _time_limit(seconds: int) -> Iterator[None]:
    def raise_timeout(*_: object) -> None:
        raise TimeoutError(f"took more than {seconds} s")

    previous = signal.signal(signal.SIGALRM, raise_timeout)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def input_pages(pages: Iterable[Row]) -> Iterator[Any]:
    """Yield labelled pages as `nightdesk extract` reads them."""
    from pipeline.jobs.batch_clean import InputPage

    for page in pages:
        site, url = page.get("site") or "", page.get("url") or ""
        body = page["html"].encode("utf8", "replace")
        yield InputPage(page["id"], "", site, url, body, "utf-8")


def _run_nightdesk(labelled_set: LabelledSet, processes: int) -> list[Row]:
    from pipeline.jobs.batch_clean import clean_batch, to_json
    from pipeline.jobs.workers.pool import WorkerPool

    pages = input_pages(labelled_set.pages)
    with WorkerPool(processes, EXTRACTION_SECONDS, EXTRACTION_MEMORY_MB) as workers:
        return [to_json(cleaned) for cleaned in clean_batch(pages, workers, lambda *_: None)]
