"""How a URL may end in a run, and why. People filter by these codes, so they keep their meaning."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """How one URL ended in one run. Every URL that a run saw has exactly one outcome."""

    PENDING = "pending"
    FETCHED = "fetched"
    UNCHANGED = "unchanged"
    KNOWN = "known"
    REDIRECTED = "redirected"
    GONE = "gone"
    REFUSED = "refused"
    FAILED = "failed"
    DEFERRED = "deferred"
    ARCHIVED = "archived"
    REVISED = "revised"
    RECLEANED = "recleaned"
    HELD = "held"
    NOT_ARTICLE = "not_article"
    QUARANTINED = "quarantined"


class Reason(StrEnum):
    """Why a URL has its outcome. NONE: the outcome says everything."""

    NONE = ""
    NEW = "new"
    CHANGED = "changed"
    NOT_MODIFIED = "not_modified"
    SAME_BYTES = "same_bytes"
    NOT_DUE = "not_due"
    LEASED = "leased"
    READ_AGAIN = "read_again"
    ROBOTS = "robots"
    ROBOTS_UNREACHABLE = "robots_unreachable"
    OFF_SITE = "off_site"
    NOT_ALLOWED = "not_allowed"
    DENIED = "denied"
    OTHER_SITE = "other_site"
    BLOCKED_ADDRESS = "blocked_address"
    BAD_URL = "bad_url"
    URL_TOO_LONG = "url_too_long"
    CALENDAR = "calendar"
    REPEATING_PATH = "repeating_path"
    TOO_DEEP = "too_deep"
    OPTED_OUT = "opted_out"
    TAKEN_DOWN = "taken_down"
    DNS = "dns"
    CONNECT = "connect"
    TIMEOUT = "timeout"
    TLS = "tls"
    HTTP_STATUS = "http_status"
    TOO_LARGE = "too_large"
    HEADERS_TOO_LARGE = "headers_too_large"
    BROKEN_RESPONSE = "broken_response"
    UNKNOWN_ENCODING = "unknown_encoding"
    NOT_HTML = "not_html"
    NOT_PICTURE = "not_picture"
    TOO_MANY_PIXELS = "too_many_pixels"
    UNREADABLE = "unreadable"
    NO_LINKS = "no_links"
    EMPTY_BODY = "empty_body"
    RENDER_FAILED = "render_failed"
    XML_DOCTYPE_REFUSED = "xml_doctype_refused"
    TOO_MANY_LINKS = "too_many_links"
    TOO_COMPLEX = "too_complex"
    INTERNAL = "internal"
    HTTP_REDIRECT = "http_redirect"
    DUPLICATE = "duplicate"
    NOT_FOUND = "not_found"
    BUDGET = "budget"
    INTERRUPTED = "interrupted"
    QUEUED = "queued"
    TRY_AGAIN = "try_again"
    SAME_TEXT = "same_text"
    NO_TEXT = "no_text"
    TOO_SHORT = "too_short"
    LISTING = "listing"
    CONSENT_WALL = "consent_wall"
    SOFT_404 = "soft_404"
    PAYWALL_STUB = "paywall_stub"
    SCRIPT_SHELL = "script_shell"
    EXTRACTOR_TIMEOUT = "extractor_timeout"
    EXTRACTOR_DIED = "extractor_died"
    EXTRACTOR_MEMORY = "extractor_memory"
    EXTRACTOR_ERROR = "extractor_error"
    LOST_TEXT = "lost_text"
    LOST_ARTICLE = "lost_article"
    LOST_TITLE = "lost_title"
    LOST_DATE = "lost_date"
    REJECTED = "rejected"
    ROLLED_BACK = "rolled_back"


OUTCOME_MEANINGS: Final[Mapping[Outcome, tuple[str, str]]] = {
    Outcome.PENDING: ("crawl, clean", "Seen, not yet decided. Only while the run lasts."),
    Outcome.FETCHED: ("crawl", "New bytes were stored."),
    Outcome.UNCHANGED: (
        "crawl, clean",
        "Requested, and nothing new; or cleaned into the same text as before.",
    ),
    Outcome.KNOWN: ("crawl", "In the archive already, and not due tonight."),
    Outcome.REDIRECTED: ("crawl", "Answers under another URL, which has an outcome of its own."),
    Outcome.GONE: ("crawl", "404 or 410. What was archived stays."),
    Outcome.REFUSED: ("crawl", "Not fetched on purpose: robots, scope, patterns, address."),
    Outcome.FAILED: ("crawl", "Tried, and not obtained."),
    Outcome.DEFERRED: (
        "crawl, clean",
        "Not done in this run. It is still due, and the next run takes it.",
    ),
    Outcome.ARCHIVED: ("clean", "Cleaned into an article for the first time."),
    Outcome.REVISED: ("clean", "The publication changed its text."),
    Outcome.RECLEANED: ("clean, review, rollback", "The same bytes, and another text than before."),
    Outcome.HELD: (
        "clean",
        (
            "The same bytes, cleaned into much less than before. The article stays as it was until "
            "you review it."
        ),
    ),
    Outcome.NOT_ARTICLE: ("clean", "Stored, but no story: it is not in `articles`."),
    Outcome.QUARANTINED: (
        "clean",
        "The page broke its extractor. Its bytes are kept for a later version.",
    ),
}
"""For each outcome the kinds of runs that set it, and what it means to users."""

REASON_MEANINGS: Final[Mapping[Reason, tuple[str, str]]] = {
    Reason.NEW: ("fetched, archived", "Seen for the first time."),
    Reason.CHANGED: (
        "fetched, revised, recleaned",
        "Other bytes or another text than the archive had.",
    ),
    Reason.NOT_MODIFIED: ("unchanged", "The server answered 304."),
    Reason.SAME_BYTES: ("unchanged", "A full answer with the bytes that the archive has."),
    Reason.NOT_DUE: ("known", "Its next visit is later."),
    Reason.LEASED: ("known", "Another run works on it."),
    Reason.READ_AGAIN: ("known", "`nightdesk discover --again` read its stored versions."),
    Reason.ROBOTS: ("refused", "robots.txt forbids it."),
    Reason.ROBOTS_UNREACHABLE: ("refused", "robots.txt could not be fetched, which means no."),
    Reason.OFF_SITE: ("refused", "It is on a host that is not the site's."),
    Reason.NOT_ALLOWED: (
        "refused",
        "It matches no `allow` pattern, or does not look like a story.",
    ),
    Reason.DENIED: ("refused", "It matches a `deny` pattern."),
    Reason.OTHER_SITE: ("refused", "It belongs to another site of the archive."),
    Reason.BLOCKED_ADDRESS: (
        "refused",
        "Its host has a private or loopback address, and `safety.allow_private` does not name it.",
    ),
    Reason.BAD_URL: ("refused", "It is no URL that can be fetched."),
    Reason.URL_TOO_LONG: ("refused", "It is longer than 2,000 characters."),
    Reason.CALENDAR: (
        "refused",
        (
            "It is the list of a day, month or year; a calendar has no end. What a feed or a "
            "sitemap lists is believed, and what a pattern of `allow` matches up to its end."
        ),
    ),
    Reason.REPEATING_PATH: (
        "refused",
        "A part of its path comes three times, as where relative links form a loop.",
    ),
    Reason.TOO_DEEP: (
        "refused",
        "Its path has more than 16 parts, or it has more than 12 parameters.",
    ),
    Reason.OPTED_OUT: (
        "refused",
        (
            "The page says `noarchive` or `noai`, or reserves text and data mining, and the site "
            "file says to obey that."
        ),
    ),
    Reason.TAKEN_DOWN: (
        "refused",
        (
            "It was removed with `nightdesk forget`, and is not fetched again. The ledger does not "
            "name its URL."
        ),
    ),
    Reason.DNS: ("failed", "Its host has no address."),
    Reason.CONNECT: ("failed", "No server answers there."),
    Reason.TIMEOUT: ("failed", "No answer came in time."),
    Reason.TLS: ("failed", "Its certificate or TLS is wrong."),
    Reason.HTTP_STATUS: ("failed", "The server answered with an error status."),
    Reason.TOO_LARGE: (
        "failed",
        "It has more bytes than `safety.max_bytes`, or is a picture of more than 2 MiB.",
    ),
    Reason.HEADERS_TOO_LARGE: (
        "failed",
        "It has a header line of more than 16 kB, or more than 256 kB or 5,000 lines of headers.",
    ),
    Reason.BROKEN_RESPONSE: ("failed", "The answer ended early or is no valid HTTP."),
    Reason.UNKNOWN_ENCODING: (
        "failed",
        "It is compressed in a way that was not asked for and cannot be undone.",
    ),
    Reason.NOT_HTML: ("failed", "A story that is no HTML page."),
    Reason.NOT_PICTURE: (
        "failed",
        "A lead picture that is no JPEG, PNG, WebP or GIF by its bytes.",
    ),
    Reason.TOO_MANY_PIXELS: (
        "failed",
        "A lead picture with more than 12 million pixels, or a side of more than 8,192.",
    ),
    Reason.UNREADABLE: (
        "failed",
        "It is neither a feed nor a sitemap; of an import, a file that cannot be read.",
    ),
    Reason.NO_LINKS: ("failed", "A feed or sitemap with entries of which none links to a page."),
    Reason.EMPTY_BODY: ("failed", "An answer without a body."),
    Reason.RENDER_FAILED: (
        "failed",
        "The browser could not build the page: its scripts did not end, or it crashed.",
    ),
    Reason.XML_DOCTYPE_REFUSED: ("failed", "A sitemap that declares entities."),
    Reason.TOO_MANY_LINKS: ("fetched", "A source with more links than are taken."),
    Reason.TOO_COMPLEX: (
        "failed, quarantined",
        (
            "It has far more elements, attributes or text than any page of a story. The bytes of a "
            "story are kept."
        ),
    ),
    Reason.INTERNAL: ("failed, deferred", "A fault of Nightdesk. The log has a traceback."),
    Reason.HTTP_REDIRECT: (
        "redirected, failed",
        "The server redirected the request; failed: in a circle, or to no page that we follow.",
    ),
    Reason.DUPLICATE: ("redirected", "The story is kept already under another URL of the site."),
    Reason.NOT_FOUND: ("gone", "The server answered 404 or 410."),
    Reason.BUDGET: ("deferred", "`max_pages`, `max_minutes` or `max_megabytes` were used up."),
    Reason.INTERRUPTED: ("deferred", "The run was stopped or killed before its turn."),
    Reason.QUEUED: (
        "deferred",
        "`nightdesk discover --again` found it in a stored source. The next crawl fetches it.",
    ),
    Reason.TRY_AGAIN: ("deferred", "The server is overloaded or down, or asked to wait."),
    Reason.SAME_TEXT: ("unchanged", "Other bytes or another recipe, the same text."),
    Reason.NO_TEXT: ("not_article", "No text was left."),
    Reason.TOO_SHORT: ("not_article", "It has too few words for a story."),
    Reason.LISTING: (
        "not_article",
        (
            "It lists other pages and tells no story: a section, a tag, search results, a category "
            "of a shop. `explain` shows the evidence; `accept_lists` keeps such pages."
        ),
    ),
    Reason.CONSENT_WALL: (
        "not_article, failed",
        "A page that asks for consent; of a crawl, the story redirects to one.",
    ),
    Reason.SOFT_404: (
        "not_article, gone",
        (
            "The page says that there is no such page, or the URL of the story leads to the front "
            "page."
        ),
    ),
    Reason.PAYWALL_STUB: (
        "not_article",
        "The page calls its story paywalled and shows only the beginning of it.",
    ),
    Reason.SCRIPT_SHELL: (
        "not_article",
        (
            "Scripts build the page in the browser: the server sends no text. `render = true` in "
            "the site file may help."
        ),
    ),
    Reason.EXTRACTOR_TIMEOUT: ("quarantined", "It cost more than `page_seconds`."),
    Reason.EXTRACTOR_DIED: ("quarantined", "The extraction process crashed on it."),
    Reason.EXTRACTOR_MEMORY: ("quarantined", "It cost more than `page_megabytes`."),
    Reason.EXTRACTOR_ERROR: ("quarantined", "The extractor raised an error."),
    Reason.LOST_TEXT: (
        "held",
        "A text of 80 words or more would keep less than six tenths of its words.",
    ),
    Reason.LOST_ARTICLE: ("held", "What is an article would be none."),
    Reason.LOST_TITLE: ("held", "The title would be lost."),
    Reason.LOST_DATE: ("held", "The date of publication would be lost."),
    Reason.REJECTED: ("unchanged", "You rejected this result, or rolled back its run."),
    Reason.ROLLED_BACK: ("recleaned", "The article is again what it was before a run."),
}
"""For each reason the outcomes it goes with, and what it means to users."""
