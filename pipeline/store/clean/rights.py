"""The rights of articles: what their hosts, their pages and their metadata declare, put together.

`article.rights` holds the statements of one article. What a host declares comes from the newest
robots.txt and tdmrep.json that the archive has of it. When one of these files changes, the rights
of all articles of the site are computed again: `rights_basis` says from which files they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy import Connection, Row, bindparam, func, select, update

from pipeline.core.models import SITE_RULE_KINDS, UrlKind
from pipeline.core.rights.page_rights import page_statements
from pipeline.core.rights.robots_groups import AGENTS_FILE, parse_robots
from pipeline.core.rights.statements import Statements, flags_of, from_json, to_json
from pipeline.core.rights.tdmrep import parse_tdmrep
from pipeline.core.urls import host_of
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.codec.serialization import metadata_from_json
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import (
    ArticleRow,
    CaptureRow,
    CleanResultRow,
    PageRow,
    PayloadRow,
    RightsBasisRow,
)
from pipeline.store.db.sql import chunks, storable, upsert
from pipeline.store.db.story_changes import mark_unindexed

RULES_VERSION: Final = 1  # of what this module makes of the same declarations
BATCH_SIZE: Final = 200  # articles in one transaction
MAX_CACHED_FILES: Final = 512  # parsed files of hosts

AnyRow = Row[*tuple[Any, ...]]


class HostRules(Protocol):
    """What a file of a host declares."""

    def statements(self, url: str) -> Statements:
        """Return what it says of a URL."""


@dataclass(frozen=True, slots=True)
class SiteDeclarations:
    """What the hosts of a site declare now.

    Attributes:
        rules: The parsed files by host.
        basis: A digest of the files.
    """

    rules: Mapping[str, Sequence[HostRules]] = field(default_factory=dict)
    basis: str = ""

    def statements(self, url: str) -> Statements:
        """Return what the host of a URL says of it."""
        statements: Statements = ()
        with suppress(ValueError):
            for rules in self.rules.get(host_of(url), ()):
                statements += rules.statements(url)
        return statements


def _parsed_file(db: Connection, kind: UrlKind, row: AnyRow) -> HostRules:
    """Return a parsed file: parsed once for each version, however many batches there are."""
    key = (kind, row.digest)
    if key not in _PARSED_FILES:
        if len(_PARSED_FILES) >= MAX_CACHED_FILES:
            _PARSED_FILES.clear()
        columns = select(*COMPRESSED_COLUMNS).where(PayloadRow.id == row.id)
        body = decompress_payload(db, *db.execute(columns).one())
        parse = parse_robots if kind is UrlKind.ROBOTS else parse_tdmrep
        _PARSED_FILES[key] = parse(body)
    return _PARSED_FILES[key]


_PARSED_FILES: dict[tuple[UrlKind, str], HostRules] = {}


def site_declarations(db: Connection, site: str) -> SiteDeclarations:
    """Read the newest robots.txt and tdmrep.json of each host of a site.

    A file that the host does not have any more declares nothing.

    Args:
        db: A connection that reads.
        site: The id of the site.

    Returns:
        What its hosts declare, and a digest of the files.
    """
    query = (
        select(PageRow.url, PageRow.kind, PayloadRow.digest, PayloadRow.id)
        .join(PayloadRow, PayloadRow.id == PageRow.payload_id)
        .where(
            PageRow.site == site,
            PageRow.kind != UrlKind.STORY,  # as the index of sources says
            PageRow.kind.in_(SITE_RULE_KINDS),
            PageRow.gone_at.is_(None),
        )
        .order_by(PageRow.url)
    )
    rules: dict[str, list[HostRules]] = defaultdict(list)
    digest = blake2b(f"{RULES_VERSION} {_agents_digest()}".encode(), digest_size=16)
    for row in db.execute(query).all():
        digest.update(f"\n{row.url} {row.digest}".encode())
        with suppress(ValueError):  # damaged bytes, which `verify` reports
            rules[host_of(row.url)].append(_parsed_file(db, UrlKind(row.kind), row))
    return SiteDeclarations(rules, digest.hexdigest())


@lru_cache
def _agents_digest() -> str:
    return blake2b(AGENTS_FILE.read_bytes(), digest_size=8).hexdigest()


def update_rights(
    db: Connection, pages: Sequence[int], declarations: Mapping[str, SiteDeclarations] | None = None
) -> dict[int, Statements]:
    """Compute the rights of articles and write those that have changed.

    Args:
        db: A write transaction.
        pages: The pages of the articles. A page without an article is left out.
        declarations: What hosts declare, by site, if it is known already.

    Returns:
        The rights of the articles that have changed, which the full-text index does not know yet.
    """
    by_site = dict(declarations or {})
    changed: dict[int, Statements] = {}
    for chunk in chunks(pages):
        rows = db.execute(_select_articles().where(ArticleRow.page_id.in_(chunk))).all()
        captures = _newest_captures(db, [row.page_id for row in rows])
        for row in rows:
            if row.site not in by_site:
                by_site[row.site] = site_declarations(db, row.site)
            statements = _statements(row, captures.get(row.page_id), by_site[row.site])
            if to_json(statements) != row.rights:
                changed[row.page_id] = statements
    values = [{"page": page, "rights": to_json(rights)} for page, rights in changed.items()]
    if values:
        this_row = ArticleRow.page_id == bindparam("page")
        db.execute(update(ArticleRow).where(this_row).values(rights=bindparam("rights")), values)
    return changed


def pages_with_other_rights(db: Connection, pages: Sequence[int]) -> list[int]:
    """Return the articles whose stored rights do not follow from what the archive has.

    Articles of a site whose hosts declare something new wait for the next clean, and are left out.
    """
    by_site: dict[str, SiteDeclarations | None] = {}  # None where a clean has to follow them
    wrong: list[int] = []
    for chunk in chunks(pages):
        rows = db.execute(_select_articles().where(ArticleRow.page_id.in_(chunk))).all()
        captures = _newest_captures(db, [row.page_id for row in rows])
        for row in rows:
            if row.site not in by_site:
                now = site_declarations(db, row.site)
                by_site[row.site] = now if _known_basis(db, row.site) == now.basis else None
            declarations = by_site[row.site]
            if declarations is None:
                continue
            try:
                statements = _statements(row, captures.get(row.page_id), declarations)
            except (ValueError, msgspec.MsgspecError):  # metadata that cannot be read
                continue
            if to_json(statements) != row.rights:
                wrong.append(row.page_id)
    return wrong


def _select_articles() -> Any:
    return (
        select(
            ArticleRow.page_id,
            ArticleRow.rights,
            PageRow.site,
            PageRow.url,
            CleanResultRow.chosen_metadata,
        )
        .join(PageRow, PageRow.id == ArticleRow.page_id)
        .join(CleanResultRow, CleanResultRow.id == ArticleRow.clean_result_id)
    )


def _newest_captures(db: Connection, pages: Sequence[int]) -> dict[int, AnyRow]:
    """Return the newest capture with bytes of each page."""
    newest = (
        select(func.max(CaptureRow.id))
        .where(CaptureRow.page_id.in_(pages), CaptureRow.payload_id.is_not(None))
        .group_by(CaptureRow.page_id)
    )
    query = select(CaptureRow.page_id, CaptureRow.opt_outs, CaptureRow.headers)
    return {row.page_id: row for row in db.execute(query.where(CaptureRow.id.in_(newest)))}


def _statements(row: AnyRow, capture: AnyRow | None, site: SiteDeclarations) -> Statements:
    opt_outs: Sequence[str] = ()
    headers: Mapping[str, str] = {}
    if capture is not None:
        opt_outs, headers = capture.opt_outs.split(), capture.headers
    metadata = metadata_from_json(row.chosen_metadata)
    statements = (*site.statements(row.url), *page_statements(opt_outs, headers, metadata))
    return tuple(_storable(statements))


def _storable(statements: Statements) -> Iterable[Any]:
    for one in statements:
        yield type(one)(one.use, storable(one.value), storable(one.source))


def flags_by_page(db: Connection, pages: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Return the values of `rights:` under which articles are found.

    Args:
        db: A connection that reads.
        pages: Ids of articles.

    Returns:
        The values, such as `no-train`, by page. An article without any has an empty tuple.
    """
    flags: dict[int, tuple[str, ...]] = {}
    query = select(ArticleRow.page_id, ArticleRow.rights)
    for chunk in chunks(pages):
        for page, rows in db.execute(query.where(ArticleRow.page_id.in_(chunk))):
            flags[page] = flags_of(from_json(rows))
    return flags


def has_other_declarations(database: Database, site: str) -> bool:
    """Return whether the hosts of a site declare something else than its articles' rights say."""
    with database.read() as db:
        return _known_basis(db, site) != site_declarations(db, site).basis


def _known_basis(db: Connection, site: str) -> str | None:
    basis: str | None = db.scalar(select(RightsBasisRow.basis).where(RightsBasisRow.site == site))
    return basis


def follow_declarations(database: Database, site: str) -> int:
    """Compute the rights of all articles of a site again, if its hosts declare something else now.

    The caller holds the clean lock of the site. A kill in between repeats some work.

    Returns:
        How many articles have other rights than before.
    """
    with database.read() as db:
        declarations = site_declarations(db, site)
        known = _known_basis(db, site)
    if known == declarations.basis:
        return 0
    changed, after = 0, 0
    while True:
        with database.write() as db:
            pages = list(db.scalars(_next_articles(site, after)))
            if not pages:
                basis = {"site": site, "basis": declarations.basis}
                db.execute(upsert(db, RightsBasisRow, ["site"], ["basis"]), [basis])
                return changed
            new = update_rights(db, pages, {site: declarations})
            mark_unindexed(db, list(new))
        changed += len(new)
        after = pages[-1]


def _next_articles(site: str, after: int) -> Any:
    query = select(ArticleRow.page_id).join(PageRow, PageRow.id == ArticleRow.page_id)
    query = query.where(PageRow.site == site, ArticleRow.page_id > after)
    return query.order_by(ArticleRow.page_id).limit(BATCH_SIZE)
