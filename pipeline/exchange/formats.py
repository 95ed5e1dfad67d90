"""The formats of an export, and the export itself: stream → file or folder → manifest.

A format is a function that writes a stream to a path and returns how many of what it wrote; to add one, add it to FORMATS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from pipeline.errors import ConfigError
from pipeline.exchange import columns, feeds, manifest, plain, warcs
from pipeline.exchange.wholes import whole_file, whole_folder
from pipeline.store import streams
from pipeline.store.engine import Store
from pipeline.store.streams import Asked, Seen, Sourced

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Format:
    """How a stream is written; of articles or of visits, into one file or a folder."""

    write: Callable[[Iterator[Any], Path], int]
    is_folder: bool = False
    of_visits: bool = False


FORMATS: Final[Mapping[str, Format]] = {
    "jsonl": Format(plain.jsonl),
    "csv": Format(plain.table),
    "parquet": Format(columns.parquet, is_folder=True),
    "warc": Format(warcs.warc, of_visits=True),
    "atom": Format(feeds.atom),
    "text": Format(plain.texts, is_folder=True),
}
ENDINGS: Final = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet", ".warc": "warc", ".atom": "atom",
}  # fmt: skip


@dataclass(slots=True)
class Tally:
    """What went by: how many, by Recipe and by Site."""

    total: int = 0
    recipes: Counter[str] = field(default_factory=Counter)
    sites: Counter[str] = field(default_factory=Counter)

    def articles(self, stream: Iterator[Sourced], tell: Callable[[int], None]) -> Iterator[Sourced]:
        for each in stream:
            self.recipes[each.recipe] += 1
            self.sites[each.article.site] += 1
            yield each
            self.total += 1
            tell(self.total)

    def visits(self, stream: Iterator[Seen], tell: Callable[[int], None]) -> Iterator[Seen]:
        for each in stream:
            yield each
            self.total += 1
            tell(self.total)


def named(name: str | None, out: Path) -> str:
    """The format that was asked for, or else the one that the ending of the file stands for. Raises ConfigError."""
    if name is not None:
        return name
    ending = out.name.lower().removesuffix(".gz")
    found = next((each for end, each in ENDINGS.items() if ending.endswith(end)), None)
    if found is None:
        raise ConfigError(f"{out}: its ending names no format; say which with --format, one of {', '.join(FORMATS)}")
    return found


def export(store: Store, asked: Asked, name: str, out: Path, tell: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
    """Writes what was asked for with its manifest beside or in it, and returns the manifest. `tell` hears of each step. Raises
    ConfigError, DiskError and StoreError; then nothing is there under the name."""
    form, tally = FORMATS[name], Tally()
    stream: Iterator[Any]
    if form.of_visits:
        stream = tally.visits(streams.visits(store, asked), tell)
    else:
        stream = tally.articles(streams.articles(store, asked), tell)
    head = manifest.head(name, asked)
    if form.is_folder:
        with whole_folder(out) as part:
            written = form.write(stream, part)
            return manifest.write(part / manifest.NAME, head, _counts(form, written, tally), manifest.listed(part))
    with whole_file(manifest.beside(out)) as beside, whole_file(out) as part:
        written = form.write(stream, part)
        return manifest.write(beside, head, _counts(form, written, tally), iter((manifest.entry(part, out.name),)))


def _counts(form: Format, written: int, tally: Tally) -> dict[str, Any]:
    told = {"recipes": dict(tally.recipes.most_common()), "sites": dict(sorted(tally.sites.items()))}
    return {"counts": {"records" if form.of_visits else "articles": written}} | ({} if form.of_visits else told)
