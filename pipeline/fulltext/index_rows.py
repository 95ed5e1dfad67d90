"""An Article as it stands in the full-text index: a row of FTS5, or a tsvector.

Promises pure functions, so that rows can be made anywhere, also in a process that knows no database.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipeline.fulltext import tokenizer
from pipeline.fulltext.tokenizer import FILLER, IndexableArticle, ArticleTokens

IndexRow = dict[str, str]  # by column, without the key
PreparedRows = Mapping[IndexableArticle, IndexRow]  # that were made ahead
NO_PREPARED_ROWS: PreparedRows = MappingProxyType({})
COLUMNS = ("title", "body", "names", "marks")


def index_row(dialect: str, source: IndexableArticle) -> IndexRow:
    """The row of an Article for "sqlite" or "postgresql"."""
    made = tokenizer.article_tokens(source)
    if dialect == "sqlite":
        return {name: " ".join(getattr(made, name)) for name in COLUMNS}
    return {"words": tsvector(made)}


def tsvector(made: ArticleTokens) -> str:
    """The tokens as PostgreSQL reads a tsvector; they hold no quote and no backslash. One place is left free between the parts,
    so that no phrase reaches from one into the next. What stands beside what is there as tokens of its own, since PostgreSQL's
    index knows no places."""
    beside = {
        pair for part in (made.names, made.title, made.body) for pair in tokenizer.pairs(part)
    }
    places: dict[str, list[str]] = {}
    place = 0
    for part in (made.names, made.title, made.body):
        for place, token in enumerate(part, place + 1):  # noqa: B020 - goes on where the part before ended
            if token != FILLER:
                places.setdefault(token, []).append(str(place))
        place += 1
    placed = [f"'{token}':{','.join(found)}" for token, found in places.items()]
    return " ".join((*placed, *(f"'{token}'" for token in (*made.marks, *sorted(beside)))))
