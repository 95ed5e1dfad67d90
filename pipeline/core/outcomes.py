"""How a URL may fare, and why: codes that people filter by, so they never change their meaning.

The README's tables explain each. The house imports them from `model`, where they stand beside the other words.
"""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How one URL fared in one Run. Every URL that a Run saw ends in exactly one of these."""

    PENDING = "pending"  # seen, not yet settled: only while the Run lives
    FETCHED = "fetched"  # new bytes were kept
    UNCHANGED = "unchanged"  # asked, and nothing new
    KNOWN = "known"  # in the archive already and not due tonight
    REDIRECTED = "redirected"  # answers under another URL, which has an outcome of its own
    GONE = "gone"  # 404 or 410; what was archived stays
    REFUSED = "refused"  # not ours to fetch: robots, scope, patterns, address
    FAILED = "failed"  # tried and not obtained
    DEFERRED = "deferred"  # still due: the next Run takes it up
    ARCHIVED = "archived"  # cleaned into an Article for the first time
    REVISED = "revised"  # the publication changed its text
    RECLEANED = "recleaned"  # the same bytes, cleaned into another text than before
    HELD = "held"  # the same bytes, cleaned into much less than before: the Article stays until somebody reviews it
    NOT_ARTICLE = "not_article"  # kept, but no story: stays out of `articles`
    QUARANTINED = "quarantined"  # the page broke its extractor; kept for a later one


class Reason(StrEnum):
    """Why an Outcome came about. Codes are stable: people filter by them."""

    NONE = ""
    # fetched, unchanged, known
    NEW = "new"
    CHANGED = "changed"
    NOT_MODIFIED = "not_modified"  # the server answered 304
    SAME_BYTES = "same_bytes"  # a full answer with the digest we have
    NOT_DUE = "not_due"
    LEASED = "leased"  # another Run is at it
    # refused
    ROBOTS = "robots"
    ROBOTS_UNREACHABLE = "robots_unreachable"
    OFF_SITE = "off_site"
    NOT_ALLOWED = "not_allowed"  # matches no allow pattern
    DENIED = "denied"  # matches a deny pattern
    OTHER_SITE = "other_site"  # the Page belongs to another Site of the archive
    BLOCKED_ADDRESS = "blocked_address"
    BAD_URL = "bad_url"
    URL_TOO_LONG = "url_too_long"
    CALENDAR = "calendar"  # a list of a day or month, of which a calendar has no end
    REPEATING_PATH = "repeating_path"
    TOO_DEEP = "too_deep"
    OPTED_OUT = "opted_out"  # the page says noarchive, noai or tdm-reservation, and the site file obeys that
    # failed
    DNS = "dns"
    CONNECT = "connect"
    TIMEOUT = "timeout"
    TLS = "tls"
    HTTP_STATUS = "http_status"
    TOO_LARGE = "too_large"
    HEADERS_TOO_LARGE = "headers_too_large"
    BROKEN_RESPONSE = "broken_response"
    UNKNOWN_ENCODING = "unknown_encoding"  # packed in a way that we did not ask for
    NOT_HTML = "not_html"
    UNREADABLE = "unreadable"  # a feed or sitemap that is none
    EMPTY_BODY = "empty_body"
    RENDER_FAILED = "render_failed"  # the browser could not build the page
    XML_DOCTYPE_REFUSED = "xml_doctype_refused"
    TOO_MANY_LINKS = "too_many_links"
    TOO_COMPLEX = "too_complex"  # more elements than any page, feed or sitemap has; also of pages that are not cleaned for that
    INTERNAL = "internal"  # our own fault, logged with a traceback
    # redirected, gone
    HTTP_REDIRECT = "http_redirect"
    DUPLICATE = "duplicate"  # the story is kept already, under another URL of the Site
    NOT_FOUND = "not_found"
    # deferred
    BUDGET = "budget"
    INTERRUPTED = "interrupted"
    TRY_AGAIN = "try_again"
    # cleaning
    SAME_TEXT = "same_text"
    NO_TEXT = "no_text"
    TOO_SHORT = "too_short"
    LISTING = "listing"
    CONSENT_WALL = "consent_wall"
    SOFT_404 = (
        "soft_404"  # "page not found", served as a page; or a story that leads to the front page
    )
    PAYWALL_STUB = "paywall_stub"
    SCRIPT_SHELL = "script_shell"  # built in the browser: there is no text in what the server sends
    EXTRACTOR_TIMEOUT = "extractor_timeout"
    EXTRACTOR_DIED = "extractor_died"
    EXTRACTOR_MEMORY = "extractor_memory"
    EXTRACTOR_ERROR = "extractor_error"
    # cleaning again
    LOST_TEXT = "lost_text"
    LOST_ARTICLE = "lost_article"
    LOST_TITLE = "lost_title"
    LOST_DATE = "lost_date"
    REJECTED = "rejected"
    ROLLED_BACK = "rolled_back"
