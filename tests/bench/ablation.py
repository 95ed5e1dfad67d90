"""What each rule is worth: the score without it, everything else as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pipeline.cleaning.apply_rules import RULES
from pipeline.config.site import Cleaning
from pipeline.jobs.batch_clean import Batch, Output
from pipeline.jobs.workers.pool import Workers
from tests.bench import scoring
from tests.bench.candidates import inputs
from tests.bench.sets import LabelledSet


def table(pages: LabelledSet, processes: int) -> list[list[str]]:
    """A line for each rule: how often it strikes, and what is lost without it. Pages are extracted once."""
    gold = {page["id"]: page for page in pages.pages}
    with Batch() as batch:
        with Workers(processes, 10.0, 1024) as workers:
            for _ in batch.draft(inputs(pages.pages), workers):
                pass
        strikes = Counter(
            strike.rule for output in batch.strike() for strike in output.extraction.removed
        )
        whole = _score(gold, batch.strike())
        lines = [[f"{pages.name}: without", "strikes", "F1", "its worth", "exact", "its worth"]]
        lines.append(
            [
                "(nothing)",
                str(strikes.total()),
                f"{whole['f1']:.4f}",
                "",
                f"{whole['exact']:.4f}",
                "",
            ]
        )
        every = tuple(rule.name for rule in RULES)
        for name, without in [*((name, (name,)) for name in every), ("(all rules)", every)]:
            less = _score(gold, batch.strike(Cleaning(without=without)))
            number = str(strikes[name]) if name in every else ""
            lines.append(
                [
                    name,
                    number,
                    *_worth(whole["f1"], less["f1"]),
                    *_worth(whole["exact"], less["exact"]),
                ]
            )
    return lines


def _score(gold: dict[str | int, dict[str, str]], outputs: Iterable[Output]) -> dict[str, float]:
    return scoring.score(
        scoring.mark(gold[each.id], {"text": each.extraction.text}) for each in outputs
    )


def _worth(whole: float, less: float) -> tuple[str, str]:
    return f"{less:.4f}", f"{whole - less:+.4f}"
