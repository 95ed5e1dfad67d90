"""Measure what each step of cleaning costs: `python -m tests.bench.steps FILES…`.

It takes the pages of labelled sets or other files through all steps in one process, and prints the
CPU milliseconds of each step a page and its share. A step counts without the steps inside it.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from tests.bench.sets import exit_with_message

EXTRACT: Final = "pipeline.extract."
# Module, function, and the step that it is part of.
FUNCTIONS: Final = (
    ("charset", "decode", "charset"),
    ("sanitize", "repair_markup", "repairs and limits"),
    ("document", "complexity_problem", "repairs and limits"),
    ("html", "parse_html", "parsing"),
    ("metadata.metadata", "read_metadata", "metadata"),
    ("metadata.date_selection", "select_dates", "dates"),
    ("readings.declared_text", "find_article_body", "readings"),
    ("readings.second_reading", "compare_readings", "readings"),
    ("readings.hidden_story", "find_hidden_story", "readings"),
    ("text_lines", "read_lines", "walk over the tree"),
    ("features.line_features", "LineFeatures.__init__", "features of lines"),
    ("features.line_features", "LineFeatures.features", "features of lines"),
    ("features.line_features", "LineFeatures.with_context", "features of lines"),
    ("features.line_features", "LineFeatures.add_probabilities", "features of lines"),
    ("features.line_features", "LineFeatures.add_votes", "features of lines"),
    ("line_classifier", "trafilatura_lines", "trafilatura"),
    ("line_classifier", "_block", "structure and figures"),
    ("line_classifier", "story_figures", "structure and figures"),
    ("lists.list_classifier", "judge_list", "lists"),
    ("languages.detection", "detect_language_with_source", "language"),
    ("document", "needs_javascript", "readings"),
)
OTHER: Final = "trees and the rest of extraction"


class Steps:
    """CPU seconds by step, each without the steps inside it."""

    def __init__(self) -> None:
        """Start without seconds."""
        self.seconds = Counter[str]()
        self._inside = [0.0]

    def timed(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same, and counts its time for a step."""

        def measured(*words: Any, **options: Any) -> Any:
            start = time.process_time()
            self._inside.append(0.0)
            try:
                return function(*words, **options)
            finally:
                seconds = time.process_time() - start
                self.seconds[step] += seconds - self._inside.pop()
                self._inside[-1] += seconds

        return measured


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.steps", description="Measures the steps of cleaning."
    )
    parser.add_argument("files", metavar="FILES", nargs="*")
    files = parser.parse_args(arguments).files
    if not files:
        exit_with_message("no files were given: name HTML files, folders or labelled pages")
    steps = Steps()
    page_count = measure(files, steps)
    if not page_count:
        exit_with_message("the files hold no page")
    total = sum(steps.seconds.values())
    for step, seconds in steps.seconds.most_common():
        sys.stdout.write(f"{step:36}{1000 * seconds / page_count:8.2f} ms{seconds / total:7.1%}\n")
    sys.stdout.write(f"{'all':36}{1000 * total / page_count:8.2f} ms, {page_count} pages\n")
    return 0


def measure(files: Sequence[str], steps: Steps) -> int:
    """Clean the pages of some files, count the time of each step, and return how many there are."""
    from pipeline import extract
    from pipeline.formats.readers.extract_input import read_input
    from pipeline.jobs.batch_clean import PageBatch, to_json

    extract.warm_up()
    _wrap_functions(steps)
    extract_page = steps.timed(OTHER, extract.extract)

    class Extractor:
        """Extracts in this process."""

        def extract(self, payloads: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
            for payload in payloads:
                yield payload, pickle.loads(hand_over(extract_page(payload.raw_page)))

    hand_over = steps.timed("hand-over between processes", pickle.dumps)
    write_line = steps.timed("output", lambda page: json.dumps(to_json(page), ensure_ascii=False))
    with PageBatch() as batch:
        batch._add = steps.timed("hand-over between processes", batch._add)  # type: ignore[method-assign]
        extractor: Any = Extractor()
        for _ in batch.extract(read_input(files, lambda *_: None), extractor):
            pass
        pages = batch.clean()
        clean_next = steps.timed("rules", lambda: next(pages, None))
        while (page := clean_next()) is not None:
            write_line(page)
        return batch.pages


def _wrap_functions(steps: Steps) -> None:
    """Put functions that count their time in the place of those of the steps."""
    modules = [module for name, module in sys.modules.items() if name.startswith(EXTRACT)]
    for name, path, step in FUNCTIONS:
        owner: Any = import_module(EXTRACT + name)
        *outer, last = path.split(".")
        for attribute in outer:
            owner = getattr(owner, attribute)
        function = getattr(owner, last)
        measured = steps.timed(step, function)
        if not isinstance(owner, ModuleType):
            setattr(owner, last, measured)
            continue
        for module in modules:
            if getattr(module, last, None) is function:
                setattr(module, last, measured)


if __name__ == "__main__":
    sys.exit(main())
