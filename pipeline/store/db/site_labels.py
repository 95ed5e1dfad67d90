"""The countries and groups of sites, as their files say: searches turn them into lists of sites.

Site files are the truth. Commands that read them save what they say, so that programs without the
files (Python, SQL, a copy of the archive) find the same articles.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, insert, select

from pipeline.store.db.engine import Database
from pipeline.store.db.schema import SiteLabelRow

LABEL_KINDS = ("group", "country")

Labels = Iterable[tuple[str, str]]
"""Kinds and values, such as ("group", "state-media")."""


def load_labels(db: Connection, kind: str) -> dict[str, tuple[str, ...]]:
    """Return the values of one kind by site, in alphabetical order.

    Args:
        db: A connection that reads.
        kind: `group` or `country`.

    Returns:
        The values by the id of the site. Sites without one are absent.
    """
    query = select(SiteLabelRow.site, SiteLabelRow.value).where(SiteLabelRow.kind == kind)
    values: dict[str, list[str]] = defaultdict(list)
    for site, value in db.execute(query.order_by(SiteLabelRow.site, SiteLabelRow.value)):
        values[site].append(value)
    return {site: tuple(site_values) for site, site_values in values.items()}


def save_labels(database: Database, labels_by_site: Mapping[str, Labels]) -> None:
    """Save the labels of some sites. Those of other sites stay. Nothing is written if all are same.

    Args:
        labels_by_site: The labels of each site, as its file says now.
    """
    wanted = {site: set(labels) for site, labels in labels_by_site.items()}
    with database.read() as db:
        stored: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for site, kind, value in db.execute(
            select(SiteLabelRow.site, SiteLabelRow.kind, SiteLabelRow.value)
        ):
            stored[site].add((kind, value))
    changed = [site for site, labels in wanted.items() if labels != stored[site]]
    if changed:
        _replace(database, changed, wanted)


def _replace(
    database: Database, sites: Sequence[str], labels: Mapping[str, set[tuple[str, str]]]
) -> None:
    rows: list[dict[str, str]] = []
    for site in sites:
        for kind, value in sorted(labels[site]):
            rows.append({"site": site, "kind": kind, "value": value})
    with database.write() as db:
        for site in sites:
            db.execute(delete(SiteLabelRow).where(SiteLabelRow.site == site))
        if rows:
            db.execute(insert(SiteLabelRow), rows)
