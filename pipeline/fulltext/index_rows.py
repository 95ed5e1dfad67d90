"""Make the row of an article in the full-text index: a row of FTS5, or a tsvector.

The functions need no database, so any process can make rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pipeline.fulltext import tokenizer
from pipeline.fulltext.tokenizer import FILLER, ArticleTokens, IndexableArticle

IndexRow = dict[str, str]  # values by column, without the key
PreparedRows = Mapping[IndexableArticle, IndexRow]  # rows that were made in advance
NO_PREPARED_ROWS: PreparedRows = MappingProxyType({})
FTS5_COLUMNS = ("title", "body", "names", "marks")


def index_row(dialect: str, article: IndexableArticle) -> IndexRow:
    """Return the row of an article.

    Args:
        dialect: "sqlite" or "postgresql".
        article: The article.
    """
    tokens = tokenizer.article_tokens(article)
    if dialect == "sqlite":
        return {name: " ".join(getattr(tokens, name)) for name in FTS5_COLUMNS}
    return {"words": tsvector(tokens)}


def with_rights(dialect: str, row: IndexRow, rights: Sequence[str]) -> IndexRow:
    """Return a row with the tokens of an article's rights.

    Args:
        dialect: "sqlite" or "postgresql".
        row: The row without them.
        rights: Values of the filter `rights:`.
    """
    tokens = [tokenizer.field_token("rights", right) for right in rights]
    if not tokens:
        return row
    if dialect == "sqlite":
        return {**row, "marks": " ".join((row["marks"], *tokens))}
    return {**row, "words": " ".join((row["words"], *(f"'{token}'" for token in tokens)))}


def tsvector(tokens: ArticleTokens) -> str:
    """Return tokens in the syntax of PostgreSQL's tsvector.

    Tokens hold no quote and no backslash. One position between the parts stays free, so that no
    phrase reaches from one part into the next. Pairs of neighbours become tokens, because
    PostgreSQL's index has no positions.

    Args:
        tokens: The tokens of an article.

    Returns:
        A text that PostgreSQL casts to `tsvector`.
    """
    pairs: set[str] = set()
    positions: dict[str, list[str]] = {}
    position = 0
    for part in (tokens.names, tokens.title, tokens.body):
        pairs |= tokenizer.pair_tokens(part)
        for token in part:
            position += 1
            if token != FILLER:
                positions.setdefault(token, []).append(str(position))
        position += 1
    lexemes = []
    for token, numbers in positions.items():
        lexemes.append(f"'{token}':{','.join(numbers)}")
    for token in (*tokens.marks, *sorted(pairs)):
        lexemes.append(f"'{token}'")
    return " ".join(lexemes)
