"""An archive of two nights: an edited article (page 2), a hostile one (3), some in Arabic and Chinese, a page that is none.

`archive_factory.draft_of` has to be exchanged for `drafted`, which says hostile things in every field.
"""

from __future__ import annotations

from typing import Any

from pipeline.core.models import Block, BlockKind, ExtractedPage, Metadata
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from tests.support import archive_factory
from tests.support.archive_factory import DAY, NIGHT, clean, night, url

HOSTILE = (
    "<script>alert(1)</script>\"'><img src=/beacon onerror=alert(2)><iframe src=/beacon></iframe>"
    "<link rel=stylesheet href=/beacon>"
    "\u202egnp.exe\u2066 {{ 7*7 }} &lt;b&gt; \x1b[31m"
)
ARABIC = "\u0635\u0628\u0627\u062d \u0627\u0644\u062e\u064a\u0631"
CHINESE = "\u6e2f\u53e3\u65b0\u95fb" * 40
BODIES = {
    url("edited"): "Levy\nThe levy is 12 a night.",
    url("hostile"): f"{HOSTILE}\nThe ferry was late again on Monday.\n{ARABIC}\n{'x' * 500}",
    url("arabic"): f"{ARABIC}\n{f'{ARABIC} ' * 60}",
    url("chinese"): f"{CHINESE[:8]}\n{CHINESE}",
    url("wall"): archive_factory.WALL,
}
LANGUAGES = {ARABIC: "ar", CHINESE[:8]: "zh", HOSTILE: '"><script>'}
made = archive_factory.draft_of


def drafted(body: bytes, *_: object) -> ExtractedPage:
    """What the stand-in makes of a body, with a container and metadata that mean ill."""
    draft = made(body)
    title = draft.metadata.title
    told: dict[str, Any] = {
        "authors": (HOSTILE,),
        "tags": (HOSTILE,),
        "section": HOSTILE,
        "language": LANGUAGES.get(title, "en"),
    }
    blocks = tuple(
        Block(BlockKind.PARAGRAPH, each.text, element_path="div.<i>x</i> > p")
        for each in draft.blocks
    )
    return ExtractedPage(
        draft.extractors, blocks, Metadata(title, canonical_url="javascript:alert(3)", **told)
    )


def build(store: Database, archive: CrawlSession) -> None:
    """Both nights. The second one finds another levy, and keeps a line that the first one struck."""
    first = {address: body.encode() for address, body in BODIES.items()}
    night(archive, first)
    clean(store, strike=HOSTILE)
    night(archive, first | {url("edited"): b"Levy\nThe levy is 9 a night."}, NIGHT + DAY)
    clean(store)
