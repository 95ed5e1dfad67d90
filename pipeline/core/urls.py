"""URLs: one spelling for each, and the key by which a Page is known.

Promises pure functions over strings. What a Site lets in is decided in `sites`; whether the address that a page declares is
believed, in the crawler's `targets`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import urljoin, urlsplit, urlunsplit

from w3lib.url import canonicalize_url

MAX_URL = 2000  # characters; longer ones are refused as url_too_long

# Parameters that say where a reader came from or which visit of theirs it is, and never what is shown.
TRACKING = re.compile(
    r"""utm_.+ | fbclid | g(?:clid|clsrc|braid) | wbraid | dclid | ysclid | yclid | msclkid | twclid | ttclid | igshi?d?
      | mc_[ce]id | _openstat | cmpid | ref_src | at_(?:medium|campaign) | ns_(?:mchannel|source|campaign|linkname) | xtor
      | wt_z?mc | _g[al] | mkt_tok | s_cid | __twitter_impression
      | phpsessid | jsessionid | aspsessionid.* | sessionid | session_id | cfid | cftoken | oscsid | zenid""",
    re.VERBOSE | re.IGNORECASE,
)
PATH_SESSION = re.compile(r";jsessionid=[^/;]*", re.IGNORECASE)
CACHED = 4096  # addresses: a crawl asks for the same one at a dozen places
DEFAULT_PORTS = {"http": 80, "https": 443}


@lru_cache(CACHED)
def canonical(url: str) -> str:
    """The one spelling of an http(s) URL: host in lower case, no credentials, default port, fragment, tracking or session.

    Raises ValueError with a reason for people where the URL is none that can be fetched.
    """
    parts = urlsplit(url.strip())
    if (
        parts.scheme.lower() not in DEFAULT_PORTS or not parts.hostname or "\\" in parts.netloc
    ):  # two parsers, two hosts
        raise ValueError("not an http or https URL")
    path, query = parts.path or "/", parts.query
    if ";" in path:
        path = PATH_SESSION.sub("", path)
    if query:
        query = "&".join(
            each for each in query.split("&") if not TRACKING.fullmatch(each.partition("=")[0])
        )
    clean = urlunsplit((parts.scheme.lower(), host_of(url), path, query, ""))
    return str(canonicalize_url(clean, keep_blank_values=True))


@lru_cache(CACHED)
def host_of(url: str) -> str:
    """The host, with its port unless that is the scheme's own, in lower case; "" where there is none."""
    parts = urlsplit(url.strip())
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    port = parts.port  # raises ValueError on a port that is no number
    return (
        host
        if port is None or port == DEFAULT_PORTS.get(parts.scheme.lower())
        else f"{host}:{port}"
    )


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


# Traps: URLs of which a site can make ever more. Each is judged by itself; how many are followed is the budget's business.

MOST_PARTS = 16
MOST_PARAMETERS = 12
MOST_TIMES = 2
DAY_LIST = re.compile(
    r"/(?:19|20)\d\d(?:[/.-](?:0?[1-9]|1[0-2])(?:[/.-](?:0?[1-9]|[12]\d|3[01]))?)?/?(?:index\.\w+)?$"
)
CALENDAR_WORD = re.compile(
    r"/(?:calend[ae]r|calendrier|calendario|kalendar|taqvim)(?:/|\.\w+$|$)", re.IGNORECASE
)
CALENDAR_KEY = re.compile(
    r"(?:^|&)(?:cal\w*|month|mon|year|yr|day|eventdate|event_date|tribe-bar-date|ical)=[^&]*\d",
    re.IGNORECASE,
)
STORY_ID = re.compile(r"(?:^|&)(?:\w*id|p|n|news|article|story)=\d+", re.IGNORECASE)


def repeats(url: str) -> bool:
    """Whether a part of the path comes back again and again. Numbers may: a day may be the eleventh of the eleventh."""
    parts = [part for part in urlsplit(url).path.split("/") if part and not part.isdigit()]
    return any(parts.count(part) > MOST_TIMES for part in set(parts))


def too_deep(url: str) -> bool:
    """Whether a path or a query goes on for longer than that of any story."""
    parts = urlsplit(url)
    return parts.path.count("/") > MOST_PARTS or parts.query.count("&") >= MOST_PARAMETERS


def is_calendar(url: str) -> bool:
    """Whether a URL names the list of a day, a month or a year, and no story."""
    parts = urlsplit(url)
    if STORY_ID.search(parts.query):
        return False
    listed = DAY_LIST.search(parts.path) or (
        CALENDAR_WORD.search(parts.path) and not SLUG.search(parts.path)
    )
    return bool(listed or CALENDAR_KEY.search(parts.query))


SLUG = re.compile(r"/[^/]*[^/\W]+(?:-[^/\W]+){2,}[^/]*/?$")


# Twins: addresses that sites give to one story.

EDITION_HOST = re.compile(r"^(?:www\d?|m|mobile|amp)\.(?=[^.]+\.)")
EDITION_PART = re.compile(
    r"/(?:amp|mobile|print)(?=/|$)|(?:\.amp|-print|_print)(?=(?:\.\w{1,5})?$)", re.IGNORECASE
)
EDITION_KEY = re.compile(
    r"(?:amp|mobile|print|outputtype|output)(?:=(?:1|true|yes|amp|amphtml|print)?)?", re.IGNORECASE
)
NUMBER = re.compile(r"\d{5,}")
DAY = re.compile(r"(?:19|20)\d{6}")
TELLING = 12  # letters of a slug that no other story has


def key_of_story(url: str) -> str:
    """The key of a URL without what tells one edition of a story from another: its scheme, www, mobile, AMP, print, a slash."""
    parts = urlsplit(canonical(url))
    query = "&".join(each for each in parts.query.split("&") if not EDITION_KEY.fullmatch(each))
    path = EDITION_PART.sub("", parts.path).rstrip("/")
    bare = f"{EDITION_HOST.sub('', parts.netloc)}{path}?{query}"
    return blake2b(bare.encode("utf8", "replace"), digest_size=16).hexdigest()


def are_akin(one: str, other: str) -> bool:
    """Whether two URLs may well be of one story: editions of one address, or one slug or number under two."""
    if key_of_story(one) == key_of_story(other):
        return True
    if _slug(one) == _slug(other) and len(_slug(one)) >= TELLING:
        return True
    return bool(_numbers(one) & _numbers(other))


def _slug(url: str) -> str:
    """The last part of the path, without an ending; "" where it is not made of words."""
    last = EDITION_PART.sub("", urlsplit(url).path).rstrip("/").rpartition("/")[2]
    slug = re.sub(r"\.\w{1,5}$", "", last)
    return slug if re.search(r"[-_]", slug) else ""


def _numbers(url: str) -> set[str]:
    parts = urlsplit(url)
    return {
        number
        for number in NUMBER.findall(f"{parts.path}?{parts.query}")
        if not DAY.fullmatch(number)
    }
