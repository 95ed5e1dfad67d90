"""URLs: one spelling for each, and the key by which a Page is known.

Promises pure functions over strings. What a Site lets in is decided in `sites`; what a page declares as its canonical URL is
never used here.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from urllib.parse import urljoin, urlsplit, urlunsplit

from w3lib.url import canonicalize_url, url_query_cleaner

MAX_URL = 2000  # characters; longer ones are refused as url_too_long

# Parameters that say where a reader came from and never what is shown.
TRACKING = (
    "fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "yclid", "ysclid", "msclkid", "twclid", "igshid", "mc_cid",
    "mc_eid", "_openstat", "cmpid", "ref_src", "at_medium", "at_campaign", "ns_mchannel", "ns_source", "ns_campaign",
    "ns_linkname", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id", "utm_name",
    "utm_brand", "utm_social", "utm_referrer", "utm_source_platform", "utm_creative_format",
)  # fmt: skip
DEFAULT_PORTS = {"http": 80, "https": 443}


def canonical(url: str) -> str:
    """The one spelling of an http(s) URL: host in lower case, no credentials, default port, fragment or tracking.

    Raises ValueError with a reason for people where the URL is none that can be fetched.
    """
    parts = urlsplit(url.strip())
    if parts.scheme.lower() not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError("not an http or https URL")
    clean = urlunsplit((parts.scheme.lower(), host_of(url), parts.path or "/", parts.query, ""))
    if parts.query:
        clean = url_query_cleaner(clean, TRACKING, remove=True, unique=False)
    return str(canonicalize_url(clean, keep_blank_values=True))


def host_of(url: str) -> str:
    """The host, with its port unless that is the scheme's own, in lower case; "" where there is none."""
    parts = urlsplit(url.strip())
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    port = parts.port  # raises ValueError on a port that is no number
    return host if port is None or port == DEFAULT_PORTS.get(parts.scheme.lower()) else f"{host}:{port}"


def url_key(url: str) -> str:
    """128 bits of BLAKE2b over the canonical URL, as 32 hex digits: fits any index, whatever the URL's length."""
    return blake2b(canonical(url).encode("utf8", "replace"), digest_size=16).hexdigest()


def resolve(base: str, href: str) -> str | None:
    """An absolute http(s) URL for a reference on a page, or None for anchors, scripts, mail and broken ones."""
    href = href.strip()
    if not href or href.startswith("#"):
        return None
    try:
        absolute = urljoin(base, href)
        canonical(absolute)
    except ValueError:
        return None
    return absolute


STORY_SIGNS = re.compile(
    r"""/(19|20)\d\d[/-]\d{1,2}\b      # a date in the path
      | \d{5,}                         # an article number
      | /[^/]*[^/\W]+(-[^/\W]+){3,}    # a slug of four words
      | /(news|article|story|stories|node|post)/.*\d
    """,
    re.VERBOSE,
)


def looks_like_story(url: str) -> bool:
    """Whether a URL found on a section page looks like a story's rather than a list's: used where a Site has no patterns."""
    path = urlsplit(url).path
    return len(path) > 1 and STORY_SIGNS.search(path) is not None
