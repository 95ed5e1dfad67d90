"""The public Python interface of Nightdesk.

    import nightdesk

    with nightdesk.open_archive("var/demo") as archive:
        for hit in archive.search("harbour levy", limit=3):
            print(hit.article.published_at, hit.article.title)

Names load on first use: `import nightdesk` does not load the database library.
"""

from typing import TYPE_CHECKING

from pipeline._version import __version__ as __version__
from pipeline.core.lazy_imports import lazy_names

if TYPE_CHECKING:
    from pipeline.core.changes.kinds import ChangeKind, Passage
    from pipeline.core.errors import (
        AlreadyRunning,
        ConfigError,
        DatabaseUnavailable,
        DiskError,
        NewerSchema,
        NightdeskError,
        StoreError,
    )
    from pipeline.core.models import (
        Block,
        BlockKind,
        DateConfidence,
        Figure,
        Metadata,
        Outcome,
        Reason,
    )
    from pipeline.fulltext.excerpts import Excerpt
    from pipeline.reader import Reader, open_archive
    from pipeline.store.read import (
        ArticleView,
        ChangeView,
        CountedQuery,
        CountRow,
        CountTable,
        ExplainedBlock,
        Explanation,
        LinkView,
        PageView,
        RevisionView,
        SearchHit,
        TopWord,
    )

__all__ = [
    "AlreadyRunning",
    "ArticleView",
    "Block",
    "BlockKind",
    "ChangeKind",
    "ChangeView",
    "ConfigError",
    "CountRow",
    "CountTable",
    "CountedQuery",
    "DatabaseUnavailable",
    "DateConfidence",
    "DiskError",
    "Excerpt",
    "ExplainedBlock",
    "Explanation",
    "Figure",
    "LinkView",
    "Metadata",
    "NewerSchema",
    "NightdeskError",
    "Outcome",
    "PageView",
    "Passage",
    "Reader",
    "Reason",
    "RevisionView",
    "SearchHit",
    "StoreError",
    "TopWord",
    "__version__",
    "open_archive",
]

_MODULES = {
    "pipeline.core.changes.kinds": ("ChangeKind", "Passage"),
    "pipeline.core.errors": (
        "AlreadyRunning",
        "ConfigError",
        "DatabaseUnavailable",
        "DiskError",
        "NewerSchema",
        "NightdeskError",
        "StoreError",
    ),
    "pipeline.core.models": (
        "Block",
        "BlockKind",
        "DateConfidence",
        "Figure",
        "Metadata",
        "Outcome",
        "Reason",
    ),
    "pipeline.fulltext.excerpts": ("Excerpt",),
    "pipeline.reader": ("Reader", "open_archive"),
    "pipeline.store.read": (
        "ArticleView",
        "ChangeView",
        "CountRow",
        "CountTable",
        "CountedQuery",
        "ExplainedBlock",
        "Explanation",
        "LinkView",
        "PageView",
        "RevisionView",
        "SearchHit",
        "TopWord",
    ),
}


__getattr__ = lazy_names(__name__, _MODULES)


def __dir__() -> list[str]:
    return __all__
