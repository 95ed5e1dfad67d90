"""What a message about new matches says, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pipeline.core.changes.kinds import ChangeKind
from pipeline.core.formatting import format_if, pluralize, shorten
from pipeline.core.local_times import DAY
from pipeline.store.monitoring.watches import MatchValues, WatchMessage
from pipeline.store.read import ArticleView, ChangeView

MAX_LISTED: Final = 40  # matches in one message for people
MAX_PASSAGE: Final = 120  # letters
ARTICLE: Final = "article"
MAYBE_SENT: Final = (
    "You may have this message already: the program ended while it was being sent, so it is sent"
    " again."
)


def article_match(article: ArticleView) -> MatchValues:
    """Return a new article as a match."""
    at = article.published_at or article.first_seen_at
    is_day = article.published_at is not None and article.published_precision == DAY
    return {
        "key": f"a{article.id}",
        "kind": ARTICLE,
        "article": article.id,
        "title": article.title,
        "site": article.site,
        "url": article.url,
        "at": f"{at:%Y-%m-%d}" if is_day else f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "before": "",
        "after": "",
    }


def change_match(change: ChangeView) -> MatchValues:
    """Return a change as a match."""
    passage = change.evidence[0] if change.evidence else None
    return {
        "key": f"c{change.key}",
        "kind": str(change.kind),
        "article": change.article,
        "title": change.title,
        "site": change.site,
        "url": change.url,
        "at": f"{change.at:%Y-%m-%dT%H:%M:%SZ}",
        "before": passage.before if passage else "",
        "after": passage.after if passage else "",
    }


def message_title(watch: str, matches: Sequence[MatchValues]) -> str:
    """Return the title of a message for people.

    Args:
        watch: The name of the watch.
        matches: The matches of the message, at least one.

    Returns:
        One line with the number of matches.
    """
    articles = sum(match["kind"] == ARTICLE for match in matches)
    changes = len(matches) - articles
    parts = []
    if articles:
        parts.append(pluralize(articles, "new article"))
    if changes:
        parts.append(pluralize(changes, "change"))
    return f"Nightdesk, {watch}: {' and '.join(parts) or 'nothing new'}"


def message_text(message: WatchMessage) -> str:
    """Return the text of a message for people, short enough to read on a phone.

    Args:
        message: The message.

    Returns:
        Plain text, one match after the other; what does not fit is counted.
    """
    paragraphs = [_paragraph(match) for match in message.matches[:MAX_LISTED]]
    if message.begun_at is not None:
        paragraphs.insert(0, MAYBE_SENT)
    more = len(message.matches) - MAX_LISTED
    if more > 0:
        paragraphs.append(f"and {more:,} more, which 'nightdesk search' and 'changes' list")
    return "\n\n".join(paragraphs)


def webhook_document(message: WatchMessage, query: str) -> dict[str, Any]:
    """Return a message for programs."""
    return {
        "delivery": message.delivery_id,
        "watch": message.watch,
        "query": query,
        "found_at": f"{message.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "matches": message.matches,
    }


def _paragraph(match: MatchValues) -> str:
    head = match["title"] or match["url"]
    if match["kind"] == ARTICLE:
        return f"{head}\n{match['site']}, {match['at'][:10]}\n{match['url']}"
    lines = [f"{match['kind']}: {head}", f"{match['site']}, {match['at'][:10]}"]
    if match["kind"] not in (ChangeKind.GONE, ChangeKind.BACK):
        before, after = (shorten(match[name], MAX_PASSAGE) for name in ("before", "after"))
        lines += filter(None, (format_if("- {}", before), format_if("+ {}", after)))
    return "\n".join((*lines, match["url"]))
