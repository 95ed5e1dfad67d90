"""Measure what each rule is worth: the score without it, with everything else unchanged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pipeline.config.site import CleaningOptions
from pipeline.core.clean_values import OPTIONAL_RULES
from pipeline.jobs.batch_clean import CleanedPage, PageBatch
from pipeline.jobs.workers.pool import WorkerPool
from tests.bench import scoring
from tests.bench.candidates import input_pages
from tests.bench.sets import LabelledSet, Row

EXTRACTION_SECONDS, EXTRACTION_MEMORY_MB = 10.0, 1024  # of one page
HEADINGS = ("removed", "F1", "its worth", "exact", "its worth")


def table(labelled_set: LabelledSet, processes: int) -> list[list[str]]:
    """Return a row for each rule: how many lines it removes, and the score without it.

    The pages are extracted once and cleaned once for each rule.
    """
    pages = {page["id"]: page for page in labelled_set.pages}
    with PageBatch() as batch:
        with WorkerPool(processes, EXTRACTION_SECONDS, EXTRACTION_MEMORY_MB) as workers:
            for _ in batch.extract(input_pages(labelled_set.pages), workers):
                pass
        removed = _count_removed(batch.clean())
        complete = _score(pages, batch.clean())
        rows = [[f"{labelled_set.name}: without", *HEADINGS]]
        total = str(removed.total())
        rows.append(
            ["(nothing)", total, f"{complete['f1']:.4f}", "", f"{complete['exact']:.4f}", ""]
        )
        for rule in OPTIONAL_RULES:
            reduced = _score(pages, batch.clean(CleaningOptions(without=(rule,))))
            rows.append([rule, str(removed[rule]), *_difference(complete, reduced)])
        reduced = _score(pages, batch.clean(CleaningOptions(without=OPTIONAL_RULES)))
        rows.append(["(all rules)", "", *_difference(complete, reduced)])
    return rows


def _count_removed(cleaned_pages: Iterable[CleanedPage]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for cleaned in cleaned_pages:
        for block in cleaned.result.removed:
            counts[block.rule] += 1
    return counts


def _score(pages: dict[str | int, Row], cleaned_pages: Iterable[CleanedPage]) -> dict[str, float]:
    scores = []
    for cleaned in cleaned_pages:
        scores.append(scoring.score_page(pages[cleaned.id], {"text": cleaned.result.text}))
    return scoring.average_scores(scores)


def _difference(complete: dict[str, float], reduced: dict[str, float]) -> list[str]:
    cells = []
    for measure in ("f1", "exact"):
        cells.append(f"{reduced[measure]:.4f}")
        cells.append(f"{complete[measure] - reduced[measure]:+.4f}")
    return cells
