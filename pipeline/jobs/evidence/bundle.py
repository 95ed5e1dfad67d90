"""Make an evidence bundle: one WACZ file with the bytes of a story, its history and its proofs."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, Final

from pipeline.core.errors import ConfigError
from pipeline.core.rights.statements import to_json, to_texts
from pipeline.evidence import bundle_verifier
from pipeline.formats.article_record import format_timestamp
from pipeline.formats.atomic_files import atomic_file
from pipeline.formats.writers.wacz import write_wacz
from pipeline.store import read
from pipeline.store.db.engine import Database
from pipeline.store.read import evidence_proofs, export_articles
from pipeline.store.read.export_articles import ExportedFetch

VERIFIER: Final = Path(bundle_verifier.__file__)
HOW_TO_VERIFY: Final = "unzip BUNDLE evidence/verify.py && python3 evidence/verify.py BUNDLE"
STYLE: Final = "body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto}td{padding:0 1em 0 0}"


@dataclass(frozen=True, slots=True)
class BundleSummary:
    """What is in a bundle."""

    captures: int
    runs: int
    is_signed: bool
    tokens: int


@dataclass(frozen=True, slots=True)
class _Contents:
    """The proofs of a bundle, and the pages whose fetches it has."""

    url: str
    site: str
    proofs: dict[str, Any]
    state: evidence_proofs.ProvenState
    pages: tuple[int, ...]


def write_page_bundle(database: Database, page: read.PageView, out: Path) -> BundleSummary:
    """Write the evidence for a page.

    Args:
        database: The archive.
        page: The page of a story.
        out: The file to make.

    Raises:
        ConfigError: None of its captures is sealed at the newest checkpoint.
        StoreError: The archive has no log yet.
    """
    origin = read.article_origin(database, page.id)
    pages = [page.id]
    for part in origin.parts if origin is not None else ():
        if part.page != page.id:
            pages.append(part.page)
    rules = read.robots_in_force(database, page.site, page.url, page.first_seen_at)
    if rules is None:
        rules = read.robots_in_force(database, page.site, page.url, datetime.now(UTC))
    robots = None if rules is None else read.find_page(database, rules.url)
    if robots is not None:
        pages.append(robots.id)
    with database.read() as db:
        state = evidence_proofs.proven_state(db)
        captures = evidence_proofs.captures_of(db, pages)
        proofs: dict[str, Any] = {
            "archive": state.archive,
            "key": state.key,
            "captures": evidence_proofs.capture_proofs(db, captures, state.size),
            "runs": [
                *evidence_proofs.ledger_proofs(db, page.site, page.url, state.size),
                *evidence_proofs.result_proofs(db, page.id, state.size),
            ],
        }
    if not any(proof["fields"]["url"] == page.url for proof in proofs["captures"]):
        raise ConfigError(
            f"{page.url}: none of its captures is sealed at the newest checkpoint yet; the next"
            " crawl makes one"
        )
    contents = _Contents(page.url, page.site, proofs, state, tuple(pages))
    return _write(database, contents, out, _article_files(database, page))


def write_absence_bundle(database: Database, site: str, url: str, out: Path) -> BundleSummary:
    """Write the evidence that no source of a site listed a URL in its newest nights.

    Args:
        database: The archive.
        site: The site.
        url: The canonical URL.
        out: The file to make.

    Raises:
        ConfigError: No sealed ledger of the site can prove that.
        StoreError: The archive has no log yet.
    """
    with database.read() as db:
        state = evidence_proofs.proven_state(db)
        runs = evidence_proofs.ledger_proofs(db, site, url, state.size)
    if not runs:
        raise ConfigError(
            f"{url}: no crawl of '{site}' is sealed at the newest checkpoint, so nothing proves"
            " that it was not listed"
        )
    proofs = {"archive": state.archive, "key": state.key, "captures": [], "runs": runs}
    return _write(database, _Contents(url, site, proofs, state, ()), out, {})


def _write(
    database: Database, contents: _Contents, out: Path, files: dict[str, bytes]
) -> BundleSummary:
    state, proofs = contents.state, contents.proofs
    files = {
        "evidence/proofs.json": json.dumps(proofs, ensure_ascii=False, indent=1).encode(),
        "evidence/checkpoint.txt": state.note.encode(),
        "evidence/verify.py": VERIFIER.read_bytes(),
        "evidence/summary.html": _summary_page(contents, files),
        **files,
    }
    for number, (authority, token) in enumerate(sorted(state.tokens.items()), 1):
        files[f"evidence/token-{number}.tsr"] = token
        files[f"evidence/token-{number}.txt"] = f"{authority}\n".encode()
    fetches = _proven_fetches(database, contents)
    with atomic_file(out) as part:
        write_wacz(fetches, part, title=f"Evidence for {contents.url}", files=files)
    return BundleSummary(
        len(proofs["captures"]), len(proofs["runs"]), bool(state.key), len(state.tokens)
    )


def _proven_fetches(database: Database, contents: _Contents) -> Iterator[ExportedFetch]:
    """Yield those fetches of the pages whose captures are proven."""
    proven: set[tuple[str, str]] = set()
    for proof in contents.proofs["captures"]:
        proven.add((proof["fields"]["url"], proof["fields"]["fetched_at"]))
    for fetch in export_articles.fetches_of(database, contents.pages):
        at = fetch.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if (fetch.url, at) in proven:
            yield fetch


def _article_files(database: Database, page: read.PageView) -> dict[str, bytes]:
    """Return the clean text, how it was made, and its revisions."""
    article = read.get_article(database, page.id)
    if article is None:
        return {}
    explanation = read.explain_page(database, page)
    removed: list[dict[str, str]] = []
    for block in explanation.blocks if explanation else ():
        if block.rule:
            removed.append({"text": block.block.text, "rule": block.rule, "why": block.why})
    revisions = read.list_revisions(database, page.id)
    described = {
        "url": article.url,
        "title": article.title,
        "authors": article.authors,
        "published_at": format_timestamp(article.published_at),
        "published_precision": article.published_precision,
        "recipe": explanation.recipe if explanation else "",
        "removed": removed,
        "rights": to_json(article.rights),
        "revisions": [_revision_json(revisions, number) for number in range(len(revisions))],
    }
    text = json.dumps(described, ensure_ascii=False, indent=1)
    return {
        "evidence/article.json": text.encode("utf8", "replace"),
        "evidence/text.txt": article.text.encode("utf8", "replace"),
        "evidence/rights.txt": "".join(f"{one}\n" for one in to_texts(article.rights)).encode(),
    }


def _revision_json(revisions: Any, number: int) -> dict[str, Any]:
    """Return a revision with its difference to the one before."""
    revision = revisions[number]
    before = revisions[number - 1].text.split("\n") if number else []
    after = revision.text.split("\n")
    values = asdict(revision)
    values["first_seen_at"] = format_timestamp(revision.first_seen_at)
    values["last_seen_at"] = format_timestamp(revision.last_seen_at)
    values["diff"] = list(difflib.unified_diff(before, after, lineterm="", n=0)) if number else []
    return values


def _summary_page(contents: _Contents, files: dict[str, bytes]) -> bytes:
    """Return one page for people. What it says is proven by `proofs.json` only."""
    rows: list[str] = []
    for proof in contents.proofs["captures"]:
        said = proof["fields"]
        what = said["payload"] or said["outcome"]
        rows.append(f"<tr><td>{said['fetched_at']}<td>{escape(said['url'])}<td><code>{what}</code>")
    nights: list[str] = []
    for run in contents.proofs["runs"]:
        if run["tree"] == "ledger":
            started = run["run"]["fields"]["started_at"]
            outcome = "not listed by any source of this site in this night"
            if run["is_listed"]:
                outcome = run["entries"][0]["fields"]["outcome"]
            nights.append(f"<tr><td>{started}<td>{escape(outcome)}")
    text = files.get("evidence/text.txt", b"").decode()
    paragraphs = "".join(f"<p>{escape(line)}" for line in text.split("\n") if line)
    state = contents.state
    signed = "It is signed." if state.key else "It is not signed."
    page = f"""<!doctype html><html lang="en"><meta charset="utf-8">
<title>Evidence for {escape(contents.url)}</title><style>{STYLE}</style>
<h1>Evidence for {escape(contents.url)}</h1>
<p>From the archive {state.archive}, site {escape(contents.site)}. The proofs lead to the checkpoint
of {state.size:,} leaves. {signed} It has {len(state.tokens)} timestamps of other authorities.
<p>Nobody has to believe this page. To verify the bundle with Python alone:
<pre>{HOW_TO_VERIFY}</pre>
<h2>Captures</h2><table>{"".join(rows) or "<tr><td>none"}</table>
<h2>Nights</h2><table>{"".join(nights) or "<tr><td>none"}</table>
<h2>Text</h2>{paragraphs or "<p>none"}
</html>
"""
    return page.encode("utf8", "replace")
