"""Cookies of one chain of redirects. Nothing is kept when the chain is over.

Some servers set a cookie, redirect, and answer only a request that brings the cookie back.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from scrapy.http import Headers

COOKIES_META = "nightdesk_cookies"  # in a request's meta: the ChainCookies
MAX_COOKIES = 20
MAX_COOKIE_LENGTH = 4096  # characters of a name and its value; the limit of browsers


class ChainCookies:
    """The cookies that the answers of one chain have set, by the host that may get them back."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str], str] = {}  # by domain and name

    def remember(self, url: str, set_cookie: Iterable[str]) -> None:
        """Keep the cookies of an answer.

        Args:
            url: The URL that was answered.
            set_cookie: The values of its Set-Cookie headers.
        """
        host = urlsplit(url).hostname or ""
        for value in set_cookie:
            pair, *attributes = value.split(";")
            name, equals, _ = pair.strip().partition("=")
            is_usable = equals and name and pair.isprintable() and len(pair) <= MAX_COOKIE_LENGTH
            key = (_domain(host, attributes), name)
            if is_usable and (key in self._cookies or len(self._cookies) < MAX_COOKIES):
                self._cookies[key] = pair.strip()

    def header_for(self, url: str) -> str:
        """Return the Cookie header of a request; "" for none.

        Args:
            url: The URL that is requested next in the chain.

        Returns:
            Cookies whose domain, path and scheme fit the URL (RFC 6265).
        """
        host = urlsplit(url).hostname or ""
        pairs: list[str] = []
        for (domain, _), pair in self._cookies.items():
            is_parent = domain.startswith(".") and f".{host}".endswith(domain)
            if domain == host or is_parent:
                pairs.append(pair)
        return "; ".join(pairs)


def set_cookie_values(headers: Headers) -> list[str]:
    """Return the values of the Set-Cookie headers of an answer."""
    values = [value for value in headers.getlist("Set-Cookie") if value is not None]
    return [value.decode("latin-1") for value in values]


def _domain(host: str, attributes: Iterable[str]) -> str:
    """The host of a cookie, or ".example.org" where it names a domain around its host."""
    for attribute in attributes:
        name, _, value = attribute.strip().partition("=")
        domain = "." + value.strip().lower().lstrip(".")
        if name.lower() == "domain" and domain.count(".") > 1 and f".{host}".endswith(domain):
            return domain
    return host
