"""Know the names of a site and of its sections, which stand before and after titles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from urllib.parse import unquote, urlsplit

from lxml.html import HtmlElement

from pipeline.extract.metadata.authors import name_key

MAX_LINKS = 15  # at the top of a page, one of which may be the site's name
MAX_NAME_WORDS = 6  # of a site's name
MAX_SECTION_WORDS = 4
MIN_REST = 3  # letters of a title without its affixes
MIN_LABEL = 3  # letters of a part of a host
MIN_HOST_LABEL = 4  # letters of a part of a host that a longer name may hold
CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af」》？！"
SEPARATOR = re.compile(
    r"\s+(?:[-–—|·•»«│/~:]+|--|::|>>?|‹|›)\s+|\s*[|│｜]\s*|\s+[-–—]\s*$"
    f"|(?<=[{CJK}])\\s*[_–—-]\\s*(?=[\\w])|_(?=[{CJK}])"
)
STRONG_SEPARATOR = re.compile(r"[|│｜»•·_]|::")
DOMAIN = re.compile(r"(?:www\.)?[\w-]+(?:\.[\w-]+)*\.[a-z]{2,6}", re.I)
COLON = re.compile(r"\s?:\s+")
# What stands before or after a headline, on sites of all kinds.
SECTION_WORDS = frozenset(
    (
        "opinion",
        "opinions",
        "editorial",
        "analysis",
        "politics",
        "news",
        "sport",
        "sports",
        "business",
        "world",
        "local",
        "blog",
        "blogs",
        "video",
        "videos",
        "podcast",
        "letters",
        "culture",
        "technology",
        "health",
        "lifestyle",
        "article",
        "articles",
        "story",
        "home",
        "blog archive",
        "blog archiv",
        "blog archives",
        "archive",
        "latest news",
        "watch",
        "live",
        "meinung",
        "kommentar",
        "politik",
        "wirtschaft",
        "kultur",
        "wissen",
        "panorama",
        "aktuelles",
        "nachrichten",
        "neuigkeiten",
        "startseite",
        "pressemitteilung",
        "pressemitteilungen",
        "medienmitteilung",
        "medienmitteilungen",
        "opinión",
        "opinion",
        "política",
        "deportes",
        "noticias",
        "economía",
        "cultura",
        "sociedad",
        "actualité",
        "actualités",
        "politique",
        "économie",
        "société",
        "culture",
        "opinions",
        "tribune",
        "cronaca",
        "politica",
        "sport",
        "notizie",
        "economia",
        "новости",
        "политика",
        "спорт",
        "общество",
        "экономика",
        "мнение",
    )
)
COMMON_LABELS = {"www", "com", "co", "org", "net", "gov", "edu", "news", "blog", "blogs", "the"}
HOME_PATHS = ("", "/", "/index.html", "/index.php", "index.html", "index.php", "./")
COMPACT = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Site:
    """What a page says of its site.

    Attributes:
        names: Names of the site and of its publisher.
        sections: Names of the story's section.
        url: The page's own address, or "".
    """

    names: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    url: str = ""


class SiteNames:
    """Know the names of a site and of its sections."""

    def __init__(self, site: Site, tree: HtmlElement) -> None:
        self._tree = tree
        self._names: set[str] = set()
        for name in site.names:
            for part in (name, *SEPARATOR.split(name)):
                if 0 < len(part.split()) <= MAX_NAME_WORDS:
                    self._names.add(compact(part))
        self._names.discard("")
        self._labels, self._path = host_labels(site.url), _folders(site.url)
        self._sections = {name_key(name) for name in site.sections} | self._path | SECTION_WORDS

    @cached_property
    def _home(self) -> set[str]:
        return set(map(compact, _home_names(self._tree))) - {""}

    def is_site(self, text: str) -> bool:
        """Tell whether a text is the site's name and no more.

        Args:
            text: A title, or a part of one between separators.

        Returns:
            True where nothing but the name, the host or the declared `og:site_name` is left.
        """
        key = compact(text)
        if not key:
            return True
        if len(text.split()) > MAX_NAME_WORDS:
            return False
        return key in self._names or key in self._labels or key in self._home

    def is_like_site(self, text: str) -> bool:
        """Tell whether a part of a title names the site, perhaps with another word.

        Args:
            text: A part of a title between separators.

        Returns:
            True for "The Gazette Online" of a site called "Gazette".
        """
        if self.is_site(text):
            return True
        key = compact(text)
        if len(text.split()) > MAX_NAME_WORDS or len(key) < 3:
            return False
        for name in (*self._names, *self._labels):
            if len(name) >= MIN_HOST_LABEL and name in key:
                return True
            if len(key) >= MIN_HOST_LABEL and key in name:
                return True
        words = list(map(compact, text.split()))
        return any(_is_made_of(label, words) for label in self._labels)

    def strip_affixes(self, text: str) -> str:
        """Return a title without the site's and the section's name before or after it.

        Args:
            text: The `<title>` or `og:title` of a page.

        Returns:
            The title of the story; the whole text where nothing would be left.
        """
        parts, separators = _split(text)
        while len(parts) > 1 and self._is_suffix(parts[-1]):
            if sum(map(len, parts[:-1])) < MIN_REST:
                break
            parts.pop()
            separators.pop()
        follows_site = False
        while len(parts) > 1 and self._is_prefix(parts, separators[0], follows_site):
            parts.pop(0)
            separators.pop(0)
            follows_site = True
        title = parts[0]
        for separator, part in zip(separators, parts[1:], strict=True):
            title += separator + part
        return self._strip_colon(title)

    def _is_suffix(self, part: str) -> bool:
        is_domain = DOMAIN.fullmatch(part) is not None
        return is_domain or self.is_like_site(part) or self._is_section(part)

    def _is_prefix(self, parts: Sequence[str], separator: str, follows_site: bool) -> bool:
        if len(compact(" ".join(parts[1:]))) < MIN_REST:
            return False
        if self.is_site(parts[0]):
            return True
        is_strong = follows_site or STRONG_SEPARATOR.search(separator) is not None
        return is_strong and self._is_section(parts[0])

    def _is_section(self, part: str) -> bool:
        return len(part.split()) <= MAX_SECTION_WORDS and name_key(part) in self._sections

    def _strip_colon(self, title: str) -> str:
        match = COLON.search(title)
        if match is None:
            return title
        before, after = title[: match.start()], title[match.end() :]
        if self.is_site(before) and " " in after.strip():
            return after.strip()
        return title


def _split(text: str) -> tuple[list[str], list[str]]:
    """Return the parts of a title and the separators between them."""
    parts: list[str] = []
    separators: list[str] = []
    position = 0
    for match in SEPARATOR.finditer(text):
        if not text[position : match.start()].strip() and not parts:
            position = match.end()
            continue
        parts.append(text[position : match.start()])
        separators.append(match[0])
        position = match.end()
    parts.append(text[position:])
    if len(parts) > 1 and not parts[-1].strip():
        parts.pop()
        separators.pop()
    return parts, separators


def compact(text: str) -> str:
    """Return the letters and digits of a text in lower case, without accents."""
    return COMPACT.sub("", name_key(text))


def host_labels(url: str) -> set[str]:
    """Return the names in the host of a URL: its parts, and all of it."""
    try:
        host = (urlsplit(url).hostname or "").encode().decode("idna").removeprefix("www.")
    except (ValueError, UnicodeError):
        return set()
    labels = {compact(label) for label in host.split(".")[:-1] if label not in COMMON_LABELS}
    return {label for label in (*labels, compact(host)) if len(label) >= MIN_LABEL}


def _home_names(tree: HtmlElement) -> list[str]:
    """Return the texts of the first links to the home page, and those of their pictures."""
    names: list[str] = []
    for link in islice(tree.iter("a"), MAX_LINKS):
        if leads_home(link):
            names.append(link.text_content())
            names += [image.get("alt") or "" for image in link.iter("img")]
    return [name for name in names if 0 < len(name.split()) <= MAX_NAME_WORDS]


def leads_home(element: HtmlElement) -> bool:
    """Tell whether a heading or a link leads to the home page, as names of sites do."""
    for link in element.iter("a"):
        address = (link.get("href") or "#").strip()
        address = address[max(address.rfind("http"), 0) :]  # archives of the web prepend theirs
        try:
            parts = urlsplit(address)
        except ValueError:
            return False
        is_home = parts.path in HOME_PATHS and not parts.query and not parts.fragment
        return is_home and address != "#"
    return False


def _is_made_of(label: str, words: Sequence[str]) -> bool:
    """Tell whether some words of a name, in order, make a part of a host."""
    position = 0
    for word in words:
        if word and label.startswith(word, position):
            position += len(word)
    return position == len(label) and len(label) >= MIN_HOST_LABEL


def _folders(url: str) -> set[str]:
    """Return the keys of the folders in the path of a URL."""
    try:
        folders = unquote(urlsplit(url).path).rstrip("/").split("/")[1:-1]
    except ValueError:
        return set()
    return {name_key(folder) for folder in folders if not folder.isdigit()} - {""}
