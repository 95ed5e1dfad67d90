"""URLs: one canonical spelling for each, and the keys that identify pages and stories.

Which URLs a site follows is decided in `link_rules` and `config.site`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from w3lib.url import canonicalize_url

MAX_URL_LENGTH = 2000  # characters; longer URLs are refused as url_too_long
CACHE_SIZE = 4096  # URLs; a crawl asks for the same one in about a dozen places
DEFAULT_PORTS = {"http": 80, "https": 443}
# Characters that browsers send as they are
SENT_IN_PATH = "!$%&'()*+,-./:;=@[]_|~"
SENT_IN_QUERY = "!$%&()*+,-./:;=?@[]^_`{|}~"

# Parameters that say where a reader came from, or name a session. They never change the content.
TRACKING_PARAMETERS = re.compile(
    r"""utm_.+ | fbclid | g(?:clid|clsrc|braid) | wbraid | dclid | ysclid | yclid | msclkid
      | twclid | ttclid | igshi?d? | mc_[ce]id | _openstat | cmpid | ref_src
      | at_(?:medium|campaign) | ns_(?:mchannel|source|campaign|linkname) | xtor
      | wt_z?mc | _g[al] | mkt_tok | s_cid | __twitter_impression
      | phpsessid | jsessionid | aspsessionid.* | sessionid | session_id | cfid | cftoken
      | oscsid | zenid""",
    re.VERBOSE | re.IGNORECASE,
)
USERINFO = re.compile(r"^(\w+://)[^/?#@]*@")
PATH_SESSION = re.compile(r";jsessionid=[^/;]*", re.IGNORECASE)

# Domains under which every name belongs to somebody else.
SHARED_HOSTING_DOMAINS = frozenset(
    {
        "blogspot.com",
        "wordpress.com",
        "github.io",
        "gitlab.io",
        "substack.com",
        "livejournal.com",
        "medium.com",
        "tumblr.com",
        "narod.ru",
        "ucoz.ru",
        "ucoz.net",
        "wixsite.com",
        "weebly.com",
        "ghost.io",
        "netlify.app",
        "pages.dev",
        "vercel.app",
    }
)
SECOND_LEVEL_LABELS = ("co", "com", "org", "net", "gov", "ac", "edu", "or", "ne")


@lru_cache(CACHE_SIZE)
def canonicalize(url: str) -> str:
    """Return the one spelling of an http(s) URL that the archive uses.

    The host is in lower case. Credentials, the default port, the fragment, tracking parameters
    and session ids are removed.

    Raises:
        ValueError: If the URL cannot be fetched. The message says why.
    """
    parts = urlsplit(url.strip())
    is_http = parts.scheme.lower() in DEFAULT_PORTS and bool(parts.hostname)
    if not is_http or "\\" in parts.netloc:  # parsers disagree about the host of "a\b"
        raise ValueError("not an http or https URL")
    path = parts.path or "/"
    query = parts.query
    if ";" in path:
        path = PATH_SESSION.sub("", path)
    if query:
        query = _without_tracking(query)
    clean = urlunsplit((parts.scheme.lower(), host_of(url), path, query, ""))
    return str(canonicalize_url(clean, keep_blank_values=True))


@lru_cache(CACHE_SIZE)
def requested_spelling(url: str) -> str:
    """Return the spelling in which a URL is requested: that of the site that shows it.

    Some servers know a URL in one spelling only: with the parameters in their order, without the
    "=" of an empty parameter, with their percent codes. Only what is never sent or never counts is
    removed: credentials, the fragment, tracking parameters and session ids. Characters are encoded
    as browsers do it (the URL standard's percent-encode sets).

    Raises:
        ValueError: If the URL cannot be fetched.
    """
    canonical = urlsplit(canonicalize(url))
    parts = urlsplit(url.strip())
    path = _encoded(PATH_SESSION.sub("", parts.path or "/"), SENT_IN_PATH)
    query = _encoded(_without_tracking(parts.query), SENT_IN_QUERY)
    return urlunsplit((canonical.scheme, canonical.netloc, path, query, ""))


def _encoded(text: str, safe: str) -> str:
    return quote(text, safe, "utf8", "replace")


def _without_tracking(query: str) -> str:
    kept = []
    for parameter in query.split("&"):
        name = parameter.partition("=")[0]
        if not TRACKING_PARAMETERS.fullmatch(name):
            kept.append(parameter)
    return "&".join(kept)


@lru_cache(CACHE_SIZE)
def host_of(url: str) -> str:
    """Return the host in lower case, with its port unless that is the default of the scheme.

    Returns:
        The host, or "" if the URL has none.

    Raises:
        ValueError: If the port is not a number.
    """
    parts = urlsplit(url.strip())
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        host = f"[{host}]"
    port = parts.port
    if port is None or port == DEFAULT_PORTS.get(parts.scheme.lower()):
        return host
    return f"{host}:{port}"


def without_credentials(url: str) -> str:
    """Return a URL without the user name and password before its host."""
    return USERINFO.sub(r"\1", url)


def without_www(host: str) -> str:
    """Return a host without a leading `www.`."""
    return host.removeprefix("www.")


def parent_domain(url: str) -> str:
    """Return the domain that sister hosts share: `example.org` for `news.example.org`.

    This is a guess without a public suffix list. It keeps three labels where the last two are
    short, as in `bbc.co.uk`.

    Args:
        url: An absolute URL.

    Returns:
        The domain in lower case, without `www`; an IP address as it is.
    """
    try:
        host = without_www(urlsplit(url).hostname or "")
        port = host_of(url).rpartition(":")[2] if ":" in host_of(url) else ""
    except ValueError:
        return ""
    suffix = f":{port}" if port else ""
    labels = host.split(".")
    is_short = labels[-1].isdigit() or len(labels) < 3
    if is_short or ".".join(labels[-2:]) in SHARED_HOSTING_DOMAINS:
        return host + suffix
    count = 2
    if len(labels[-1]) == 2 and labels[-2] in SECOND_LEVEL_LABELS:
        count = 3
    return ".".join(labels[-count:]) + suffix


def path_prefix(url: str) -> str:
    """Return the path under which a site lives: `/ru/` for `https://example.org/ru/index.html`.

    Args:
        url: The URL of a front page.

    Returns:
        The path with a slash at both ends; "/" for a site at the root of its host.
    """
    path = urlsplit(url).path
    segments = [segment for segment in path.split("/") if segment]
    if segments and "." in segments[-1] and not path.endswith("/"):
        segments.pop()
    return f"/{'/'.join(segments)}/" if segments else "/"


def url_key(url: str) -> str:
    """Return 128 bits of BLAKE2b over the canonical URL as 32 hex digits.

    The key fits any index, however long the URL is.
    """
    return blake2b(canonicalize(url).encode("utf8", "replace"), digest_size=16).hexdigest()


def resolve_href(base: str, href: str) -> str | None:
    """Return the absolute http(s) URL of a reference on a page.

    Returns:
        The URL, or None for anchors, scripts, mail addresses and broken references.
    """
    href = href.strip()
    if not href or href.startswith("#"):
        return None
    try:
        absolute = urljoin(base, href)
        canonicalize(absolute)
    except ValueError:
        return None
    return absolute


# Duplicates: several URLs that a site gives to one story.

EDITION_HOST = re.compile(r"^(?:www\d?|m|mobile|amp)\.(?=[^.]+\.)")
EDITION_PATH = re.compile(
    r"/(?:amp|mobile|print)(?=/|$)|(?:\.amp|-print|_print)(?=(?:\.\w{1,5})?$)", re.IGNORECASE
)
EDITION_PARAMETER = re.compile(
    r"(?:amp|mobile|print|outputtype|output)(?:=(?:1|true|yes|amp|amphtml|print)?)?", re.IGNORECASE
)
ARTICLE_NUMBER = re.compile(r"\d{5,}")
DATE_NUMBER = re.compile(r"(?:19|20)\d{6}")
MIN_DISTINCTIVE_SLUG = 12  # characters; a slug of this length belongs to one story only


def story_key(url: str) -> str:
    """Return a key that all editions of a story share.

    The scheme, `www`, a final slash, and the marks of mobile, AMP and print editions do not count.

    Args:
        url: An absolute URL.

    Returns:
        The key, which is no URL. Equal keys mean that the URLs are editions of one page.
    """
    parts = urlsplit(canonicalize(url))
    parameters = parts.query.split("&")
    query = "&".join(text for text in parameters if not EDITION_PARAMETER.fullmatch(text))
    path = EDITION_PATH.sub("", parts.path).rstrip("/")
    bare_url = f"{EDITION_HOST.sub('', parts.netloc)}{path}?{query}"
    return blake2b(bare_url.encode("utf8", "replace"), digest_size=16).hexdigest()


def may_be_same_story(one: str, other: str) -> bool:
    """Return whether two URLs may name one story: the same edition key, slug or article number.

    Args:
        one: The URL of a story.
        other: The URL that a page declares as canonical, or that a redirect leads to.

    Returns:
        False only if nothing in the two URLs agrees, as with a page that declares the front page.
    """
    if story_key(one) == story_key(other):
        return True
    slug = _slug(one)
    if len(slug) >= MIN_DISTINCTIVE_SLUG and slug == _slug(other):
        return True
    return bool(_article_numbers(one) & _article_numbers(other))


def _slug(url: str) -> str:
    """Return the last path segment without its file ending; "" if it is not made of words."""
    segment = EDITION_PATH.sub("", urlsplit(url).path).rstrip("/").rpartition("/")[2]
    slug = re.sub(r"\.\w{1,5}$", "", segment)
    return slug if re.search(r"[-_]", slug) else ""


def _article_numbers(url: str) -> set[str]:
    parts = urlsplit(url)
    numbers = ARTICLE_NUMBER.findall(f"{parts.path}?{parts.query}")
    return {number for number in numbers if not DATE_NUMBER.fullmatch(number)}
