"""An archive of two nights with hostile content, for tests of the web app.

Page 2 is an edited article and page 3 a hostile one. Others are in Arabic and Chinese, and page 4
is not an article. Patch `EXTRACTOR` with `hostile_extracted_page` before you build it.
"""

from __future__ import annotations

from pipeline.core.models import Block, BlockKind, ExtractedPage, Metadata
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from tests.support import archive_factory
from tests.support.archive_factory import DAY, NIGHT, clean, night, url

EXTRACTOR = "tests.support.archive_factory.extracted_of"
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
LANGUAGE_BY_TITLE = {ARABIC: "ar", CHINESE[:8]: "zh", HOSTILE: '"><script>'}
_original_extractor = archive_factory.extracted_of


def hostile_extracted_page(body: bytes, *_: object) -> ExtractedPage:
    """Extract a page as the factory does, with hostile metadata and element paths."""
    page = _original_extractor(body)
    title = page.metadata.title
    metadata = Metadata(
        title,
        authors=(HOSTILE,),
        tags=(HOSTILE,),
        section=HOSTILE,
        language=LANGUAGE_BY_TITLE.get(title, "en"),
        canonical_url="javascript:alert(3)",
    )
    blocks = []
    for block in page.blocks:
        blocks.append(Block(BlockKind.PARAGRAPH, block.text, element_path="div.<i>x</i> > p"))
    return ExtractedPage(page.extractors, tuple(blocks), metadata)


def build_hostile_archive(store: Database, archive: CrawlSession) -> None:
    """Add both nights.

    The second night has another levy, and its clean keeps a line that the first clean removed.
    """
    first = {address: body.encode() for address, body in BODIES.items()}
    night(archive, first)
    clean(store, remove=HOSTILE)
    night(archive, first | {url("edited"): b"Levy\nThe levy is 9 a night."}, NIGHT + DAY)
    clean(store)
