"""The archive is looked through, and what can be made again is: Drafts, results, Articles, the index, the sums of ledgers.

Promises that what is mended is made from the stored bytes by the way of every clean, that a Site which is being cleaned is left
alone, and that what is left wrong is known by looking again, not by believing what was done.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from pipeline.config.site import Site
from pipeline.core.errors import AlreadyRunning, NightdeskError
from pipeline.extract import EXTRACTORS
from pipeline.jobs.clean import clean_site
from pipeline.jobs.workers.pool import Workers
from pipeline.store.clean.session import CleanSession
from pipeline.store.codec import dictionary_training
from pipeline.store.db import site_counts
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import repair, verify_derived, verify_sources
from pipeline.store.maintenance.verify_sources import Asked, Fault, Looked, Tell
from pipeline.store.search import index

LOT = 500  # faults mended together

Progress = Callable[[str, str, int, int], None]  # (site, stage, done, of)


@dataclass(slots=True)
class Mended:
    """What was made again, in numbers, and what stood in the way."""

    done: Counter[str] = field(default_factory=Counter)
    sentences: list[str] = field(default_factory=list)
    times: dict[int, datetime] = field(default_factory=dict)
    sites: set[str] = field(default_factory=set)


def look(
    store: Database, asked: Asked, looked: Looked, tell: Tell, *, bytes_too: bool = True
) -> Iterator[Fault]:
    """All that is wrong, as it is found; each damaged Draft once. Raises StoreError where the database cannot be read on."""
    yield from verify_sources.dictionaries(store, looked, tell)
    if bytes_too:
        yield from verify_sources.database(store, asked, tell)
        yield from verify_sources.payloads(store, asked, looked, tell)
    known: set[int] = set()
    for each in verify_derived.results(store, asked, looked, tell):
        if each.mend != "draft" or each.id not in known:
            known |= {each.id} if each.mend == "draft" else set()
            yield each
    yield from verify_derived.drafts(store, asked, looked, tell)
    yield from verify_derived.articles(store, asked, looked, tell)
    if asked == Asked():
        yield from verify_derived.missing(store, tell)
        yield from verify_sources.pages(store, looked, tell)
        yield from verify_derived.index(store, tell)
        yield from verify_sources.words(store)
        yield from verify_sources.counts(store, tell)
    yield from verify_sources.ledgers(store, asked, looked, tell)


def mend(
    store: Database,
    sites: Sequence[Site],
    found: Iterable[Fault],
    workers: Workers,
    progress: Progress,
) -> Mended:
    """Makes again what can be made again of what is wrong, and cleans the Sites that it was of."""
    mended, known = Mended(), {site.id: site for site in sites}
    source = _without_dictionaries(store, found, mended)
    while lot := list(islice(source, LOT)):
        _mend(store, known, lot, workers, mended)
    for site in sorted(mended.sites):
        try:
            result = clean_site(
                store, known[site], workers, lambda *said, site=site: progress(site, *said)
            )
            mended.done["pages cleaned again"] += sum(result.counts.values())
        except NightdeskError as error:
            mended.sentences.append(str(error))
    repair.put_back_times(store, mended.times)
    return mended


def _without_dictionaries(
    store: Database, found: Iterable[Fault], mended: Mended
) -> Iterator[Fault]:
    """Makes dictionaries again at once, since the look at the payloads comes next."""
    for each in found:
        if each.mend == "dictionary":
            _mend_dictionary(store, each, mended)
        else:
            yield each


def _mend_dictionary(store: Database, fault: Fault, mended: Mended) -> None:
    if dictionary_training.make_again(store, fault.id):
        mended.done["dictionaries made again"] += 1
    else:
        mended.sentences.append(
            f"dictionary {fault.id}: a page that it was made of is damaged too; a backup has it"
        )


def _mend(
    store: Database, known: dict[str, Site], lot: Sequence[Fault], workers: Workers, mended: Mended
) -> None:
    by = defaultdict[str, list[Fault]](list)
    for each in lot:
        by[each.mend].append(each)
    for each in by["ledger"]:
        mended.sentences.append(f"run {each.id}: {repair.recount(store, each.id)}")
        mended.done["ledgers counted anew"] += 1
    if by["count"]:
        for site, *_ in site_counts.wrong(store):
            site_counts.keep(store, site)
        mended.done["sites counted anew"] += len(by["count"])
    if by["stray"]:
        repair.drop_strays(store, [each.id for each in by["stray"]])
        mended.done["entries taken out of the index"] += len(by["stray"])
    if by["words"]:
        repair.rebuild_words(store)
        mended.done["full-text index rebuilt"] += 1
    mine = [
        (
            each,
            each.pages or (repair.pages_of_draft(store, each.id) if each.mend == "draft" else ()),
        )
        for each in (*by["draft"], *by["result"], *by["article"], *by["index"])
    ]
    owners = repair.sites_of(store, [page for _, pages in mine for page in pages])
    here = defaultdict[str, list[Fault]](list)
    for each, pages in mine:
        here[owners.get(pages[0], "") if pages else ""].append(each)
    for site, some in here.items():
        _mend_site(store, site, some, workers, mended, is_known=site in known)


def _mend_site(
    store: Database,
    site: str,
    some: Sequence[Fault],
    workers: Workers,
    mended: Mended,
    *,
    is_known: bool,
) -> None:
    if site and not is_known:
        mended.sentences.append(
            f"{site}: has no site file by which its pages could be cleaned again; write one, and repair again"
        )
        return
    try:
        with CleanSession(store, site).locked():
            _mend_locked(store, site, some, workers, mended)
    except AlreadyRunning as error:
        mended.sentences.append(f"{error}, and repair again")


def _mend_locked(
    store: Database, site: str, some: Sequence[Fault], workers: Workers, mended: Mended
) -> None:
    ids = {
        mend: [each.id for each in some if each.mend == mend]
        for mend in ("draft", "result", "article", "index")
    }
    if ids["draft"]:
        _mend_drafts(store, ids["draft"], workers, mended)
    if ids["result"]:
        mended.times |= repair.drop_results(store, ids["result"])
        mended.done["results made anew"] += len(ids["result"])
    if ids["article"]:
        mended.times |= repair.take_down(store, ids["article"])
        mended.done["articles made anew"] += len(ids["article"])
    if ids["index"]:
        repair.reindex(store, ids["index"])
        while index.catch_up(store, site):
            pass
        mended.done["articles indexed anew"] += len(ids["index"])
    if site:
        mended.sites.add(site)


def _mend_drafts(store: Database, drafts: Sequence[int], workers: Workers, mended: Mended) -> None:
    """By the extractors of today a Draft becomes what it was. One by older ones is dropped with what was made of it."""
    for number in drafts:
        source = repair.source(store, number)
        if source is None:
            mended.sentences.append(
                f"draft {number}: its bytes are damaged themselves, so it stays as it is"
            )
            continue
        if source[0] != EXTRACTORS:
            mended.times |= repair.drop_draft(store, number)
        else:
            for payload, draft in workers.drafts((source[1],)):
                repair.put_draft(store, payload.source.payload_id, draft)
        mended.done["drafts made anew"] += 1
