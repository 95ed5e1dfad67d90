"""Choose the title of a story among its headings and what the page declares.

Readers see a heading, and editors word the declared title for search engines and social networks.
So the heading comes first, where something that the page declares confirms it, or where it is the
page's only headline. Names of the site and of its sections belong to no title.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from itertools import islice
from urllib.parse import unquote, urlsplit

from lxml.html import HtmlElement

from pipeline.extract.metadata.authors import name_key
from pipeline.extract.sanitize import single_line

SourcedValue = tuple[str, str]  # a value, and where it came from
MAX_TITLE_LENGTH = 2000
MAX_HEADING_LENGTH = 400
MAX_HEADINGS = 60
MAX_LINKS = 15  # at the top of a page, one of which may be the site's name
MAX_PIECES = 200  # elements of a heading
MAX_LEVELS = 25  # elements around a heading
MIN_CONFIRMED = 11  # letters of a heading with which a declared title begins
MIN_WORD = 4  # letters of a heading of one word
MIN_SMALL_HEADING = 12  # letters of an h2 or h3 that is a part of a declared title
MIN_HEADLINE_WORDS = 4  # of a heading that shares no word with what is declared
MIN_SHARED_LENGTH = 4  # letters of a word that counts as shared
MAX_NAME_WORDS = 6  # of a site's name
MAX_SECTION_WORDS = 4
MIN_REST = 3  # letters of a title without its affixes
MIN_LABEL = 3  # letters of a part of a host
MIN_HOST_LABEL = 4  # letters of a part of a host that a longer name may hold
BLOCK_TAGS = {"br", "div", "p", "h1", "h2", "h3", "h4", "li", "section", "header", "time"}
UNREAD_TAGS = {"style", "script", "svg", "button", "rt", "rp", "noscript", "template", "sup"}
CHROME_TAGS = {"nav", "footer", "aside", "form", "dialog"}
APART_CLASS = re.compile(
    r"(?<![a-z])(?:related|comments?|newsletter|sidebar|widget|teasers?|most-?read|recommended|"
    r"cookie|consent|modal|popup|share|social|logo|site-?(?:title|name|header|logo)|masthead)"
    r"(?![a-z])",
    re.I,
)
SITE_TITLE_CLASS = re.compile(
    r"(?<![a-z])(?:logo|site-?(?:title|name|logo)|masthead|branding?|blog-?title)(?![a-z])", re.I
)
KICKER_CLASS = re.compile(
    r"kicker|overline|over-?title|roof-?line|top-?line|eyebrow|dachzeile|spitzmarke|pre-?title|"
    r"pre-?headline|headline-?(?:prefix|intro)|supra-?title|surtitre|antetitulo|occhiello|"
    r"topic|title-?header",
    re.I,
)
HEADLINE_CLASS = re.compile(
    r"(?<![a-z])(?:headline|entry-?title|post-?title|article-?title|title)(?![a-z])", re.I
)
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
        "opinion", "opinions", "editorial", "analysis", "politics", "news", "sport", "sports",
        "business", "world", "local", "blog", "blogs", "video", "videos", "podcast", "letters",
        "culture", "technology", "health", "lifestyle", "article", "articles", "story", "home",
        "blog archive", "blog archiv", "blog archives", "archive", "latest news", "watch", "live",
        "meinung", "kommentar", "politik", "wirtschaft", "kultur", "wissen", "panorama",
        "aktuelles",
        "nachrichten", "neuigkeiten", "startseite", "pressemitteilung", "pressemitteilungen",
        "medienmitteilung", "medienmitteilungen", "opinión", "opinion", "política", "deportes",
        "noticias", "economía", "cultura", "sociedad", "actualité", "actualités", "politique",
        "économie", "société", "culture", "opinions", "tribune", "cronaca", "politica", "sport",
        "notizie", "economia", "новости", "политика", "спорт", "общество", "экономика", "мнение",
    )
)  # fmt: skip
COMMON_LABELS = {"www", "com", "co", "org", "net", "gov", "edu", "news", "blog", "blogs", "the"}
HOME_PATHS = ("", "/", "/index.html", "/index.php", "index.html", "index.php", "./")
ABOUT_CODE = re.compile(r"html|xml|entit|escap|ampersand|unicode", re.I)
COMPACT = re.compile(r"[\W_]+")
ESCAPED = re.compile(r"&(?:#\d{2,6}|#x[0-9a-f]{2,5}|[a-z]{2,8});", re.I)


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


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a page.

    Attributes:
        text: All of it.
        parts: The texts of its elements, where it has some.
        level: 1 for h1.
        has_mark: Whether the page marks it as a headline.
    """

    text: str
    parts: tuple[str, ...] = ()
    level: int = 1
    has_mark: bool = False


def choose_title(
    tree: HtmlElement, declared: Sequence[SourcedValue], headline: str, site: Site
) -> SourcedValue:
    """Return the title of a story, and where it came from.

    Args:
        tree: The parsed page.
        declared: Titles that the page declares, with the source of each, the best first.
        headline: The headline of the story's JSON-LD.
        site: What the page says of its site.
    """
    names = _SiteNames(site, _home_names(tree))
    declared = [(unescape_text(text), source) for text, source in declared]
    headline = unescape_text(headline)
    texts = [text for text, _ in declared]
    cleaned = [(names.strip_affixes(text), source) for text, source in declared]
    cleaned = [(text, source) for text, source in cleaned if not names.is_site(text)]
    known = [text for text in (*texts, headline) if text]
    goals = [text for text in (*[text for text, _ in cleaned], headline) if text]
    headings = [each for each in _headings(tree) if not names.is_site(each.text)]
    if chosen := _heading_title(headings, known, goals, headline, names):
        return chosen[0][:MAX_TITLE_LENGTH], chosen[1]
    if headline and len(cleaned) and headline in cleaned[0][0]:
        return headline[:MAX_TITLE_LENGTH], "json-ld"
    if cleaned:
        return cleaned[0][0][:MAX_TITLE_LENGTH], cleaned[0][1]
    if headline:
        return names.strip_affixes(headline)[:MAX_TITLE_LENGTH], "json-ld"
    for level in (1, 2):
        same = [each for each in headings if each.level == level]
        if same and (level == 2 or len(same) == 1):
            return same[0].text[:MAX_TITLE_LENGTH], f"h{level}"
    if declared:
        return names.strip_affixes(texts[0])[:MAX_TITLE_LENGTH], declared[0][1]
    return "", "h1"


def unescape_text(text: str) -> str:
    """Return a text whose references were escaped twice ("&amp;quot;") as it is read."""
    if "&" in text and ESCAPED.search(text) and not ABOUT_CODE.search(text):
        for _ in range(2):
            text = ESCAPED.sub(lambda match: unescape(match[0]), text)
    return single_line(text)


def _heading_title(
    headings: Sequence[Heading],
    known: Sequence[str],
    goals: Sequence[str],
    headline: str,
    names: _SiteNames,
) -> SourcedValue | None:
    """Return the title that a heading gives; None where no heading is sure enough.

    Args:
        headings: The headings of the page but the site's name.
        known: What the page declares.
        goals: The same without names of the site.
        headline: The headline of the story's JSON-LD.
        names: The names of the site.
    """
    first = [each for each in headings if each.level == 1]
    known_keys = list(map(name_key, known))
    goal_keys = list(map(name_key, goals))
    if chosen := _confirmed(first, known, known_keys, goal_keys, names):
        return chosen, "h1"
    for heading in first:
        for text, key in zip(goals, goal_keys, strict=True):
            # A kicker, a date or a byline is glued to the headline.
            if len(key) >= MIN_CONFIRMED and f" {key} " in f" {name_key(heading.text)} ":
                return text, "h1"
    sure = [*goals[:1], headline]
    if small := _small_heading(headings, list(map(name_key, filter(None, sure)))):
        return small
    if only := _only_headline(first, known_keys, names):
        return only
    parts = [key for text in known[:1] for key in (*_part_keys(text), *_colon_keys(text))]
    return _small_heading(headings, parts)


def _confirmed(
    headings: Sequence[Heading],
    known: Sequence[str],
    known_keys: Sequence[str],
    goal_keys: Sequence[str],
    names: _SiteNames,
) -> str:
    """Return the first h1 that is a declared title, begins it or is a part of it; "" for none."""
    for heading in headings:
        key = name_key(heading.text)
        if key and key in goal_keys:
            return names.strip_affixes(heading.text)
        parts = {name_key(part): part for part in heading.parts}
        for goal_key in reversed(goal_keys):
            if goal_key in parts:
                return names.strip_affixes(parts[goal_key])
        if len(key) >= MIN_CONFIRMED and any(text.startswith(key) for text in known_keys):
            return names.strip_affixes(heading.text)
        parts_of_known = list(map(_part_keys, known))
        if " " in key and any(key in keys for keys in parts_of_known):
            return heading.text
        if len(key) >= MIN_WORD and any(key == keys[0] for keys in parts_of_known if keys):
            return heading.text
    return ""


def _part_keys(text: str) -> list[str]:
    """Return the keys of the parts of a text between separators."""
    return list(filter(None, map(name_key, SEPARATOR.split(text))))


def _small_heading(headings: Sequence[Heading], keys: Sequence[str]) -> SourcedValue | None:
    """Return the first h2 or h3 that has one of some keys."""
    for heading in headings:
        key = name_key(heading.text)
        if heading.level > 1 and len(key) >= MIN_SMALL_HEADING and key in keys:
            return heading.text, f"h{heading.level}"
    return None


def _colon_keys(text: str) -> list[str]:
    return list(filter(None, map(name_key, COLON.split(text, maxsplit=1))))


def _only_headline(
    headings: Sequence[Heading], known_keys: Sequence[str], names: _SiteNames
) -> SourcedValue | None:
    """Return the only h1 of a page, or the only one that tells what the declared titles tell."""
    declared_words = {word for key in known_keys for word in key.split()}
    unique = list({name_key(each.text): each for each in headings}.values())
    fitting = []
    for heading in unique:
        words = name_key(heading.text).split()
        shared = {word for word in words if len(word) >= MIN_SHARED_LENGTH} & declared_words
        is_long = len(words) >= MIN_HEADLINE_WORDS
        is_told = is_long and (heading.has_mark or len(shared) * 2 >= len(words))
        is_short_and_told = len(words) > 1 and declared_words.issuperset(words)
        if is_told or (len(unique) == 1 and (is_long or is_short_and_told)):
            fitting.append(heading)
    if len(unique) == 1 and not known_keys and not fitting:
        fitting = unique
    if fitting:
        return names.strip_affixes(fitting[0].text), "h1"
    return None


def _headings(tree: HtmlElement) -> list[Heading]:
    """Return the headings that may be a headline, h1 first."""
    headings: list[Heading] = []
    for tags in (("h1",), ("h2", "h3")):
        for number, element in enumerate(tree.iter(*tags)):
            if number >= MAX_HEADINGS:
                break
            if _is_apart(element):
                continue
            text, parts = _heading_text(element)
            if 0 < len(text) <= MAX_HEADING_LENGTH:
                mark = " ".join(filter(None, map(element.get, ("class", "id", "itemprop"))))
                has_mark = HEADLINE_CLASS.search(mark) is not None
                headings.append(Heading(text, parts, int(element.tag[1]), has_mark))
    return headings


def _is_apart(element: HtmlElement) -> bool:
    """Tell whether a heading is that of the site, or of something beside the story."""
    node: HtmlElement | None = element
    for level in range(MAX_LEVELS):
        if node is None or node.tag in ("body", "html"):
            return False
        if node.tag in CHROME_TAGS and not (node.tag == "form" and level > 3):
            return True
        if element.tag == "h1" and level == 0 and _leads_home(element):
            return True
        if level < 3:
            mark = f"{node.get('class') or ''} {node.get('id') or ''}"
            pattern = SITE_TITLE_CLASS if element.tag == "h1" else APART_CLASS
            if pattern.search(mark):
                return True
        if node.tag in ("article", "main"):
            return False
        node = node.getparent()
    return False


def _home_names(tree: HtmlElement) -> list[str]:
    """Return the texts of the first links to the home page, and those of their pictures."""
    names: list[str] = []
    for link in islice(tree.iter("a"), MAX_LINKS):
        if _leads_home(link):
            names.append(link.text_content())
            names += [image.get("alt") or "" for image in link.iter("img")]
    return [name for name in names if 0 < len(name.split()) <= MAX_NAME_WORDS]


def _leads_home(element: HtmlElement) -> bool:
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


def _heading_text(element: HtmlElement) -> tuple[str, tuple[str, ...]]:
    """Return the text of a heading without its kicker, and the texts of its children."""
    pieces: list[str] = []
    children = list(element)[:MAX_PIECES]
    texts = [single_line("".join(_texts(child))) for child in children]
    rest = single_line(element.text or "")
    for number, child in enumerate(children):
        is_kicker = number == 0 and not rest and KICKER_CLASS.search(str(child.get("class") or ""))
        following = " ".join([*texts[number + 1 :], *[each.tail or "" for each in children]])
        if is_kicker and len(following.split()) > 1:
            pieces.append(child.tail or "")
            continue
        pieces += [*_texts(child), child.tail or ""]
    parts = (*texts, rest, *[each.tail or "" for each in children])
    text = "".join((element.text or "", *pieces)).lstrip(" -–—|:/\n\t")
    return unescape_text(text), tuple(filter(None, map(unescape_text, parts)))


def _texts(element: HtmlElement) -> Iterator[str]:
    """Yield what readers see of an element, with a space beside each block."""
    stack: list[HtmlElement | str] = [element]
    for _ in range(MAX_PIECES):
        if not stack:
            return
        item = stack.pop()
        if isinstance(item, str):
            yield item
            continue
        tag = item.tag
        if not isinstance(tag, str) or tag in UNREAD_TAGS or _is_hidden(item):
            continue
        space = " " if tag in BLOCK_TAGS else ""
        yield space + (item.text or "")
        stack.append(space)
        for child in reversed(item):
            stack += [child.tail or "", child]


def _is_hidden(element: HtmlElement) -> bool:
    style = (element.get("style") or "").replace(" ", "").lower()
    return element.get("hidden") is not None or "display:none" in style


class _SiteNames:
    """Know the names of a site and of its sections."""

    def __init__(self, site: Site, home_names: Sequence[str] = ()) -> None:
        self._home = set(map(compact, home_names)) - {""}
        self._names: set[str] = set()
        for name in site.names:
            for part in (name, *SEPARATOR.split(name)):
                if 0 < len(part.split()) <= MAX_NAME_WORDS:
                    self._names.add(compact(part))
        self._names.discard("")
        self._labels, self._path = host_labels(site.url), _folders(site.url)
        self._sections = {name_key(name) for name in site.sections} | self._path | SECTION_WORDS

    def is_site(self, text: str) -> bool:
        """Tell whether a text is the site's name and no more."""
        key = compact(text)
        if not key:
            return True
        if len(text.split()) > MAX_NAME_WORDS:
            return False
        return key in self._names or key in self._labels or key in self._home

    def is_like_site(self, text: str) -> bool:
        """Tell whether a part of a title names the site, perhaps with another word."""
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
        """Return a title without the site's and the section's name before or after it."""
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


def _is_made_of(label: str, words: Sequence[str]) -> bool:
    """Tell whether some words of a name, in order, make a part of a host."""
    position = 0
    for word in words:
        if word and label.startswith(word, position):
            position += len(word)
    return position == len(label) and len(label) >= MIN_HOST_LABEL


def host_labels(url: str) -> set[str]:
    """Return the names in the host of a URL: its parts, and all of it."""
    try:
        host = (urlsplit(url).hostname or "").encode().decode("idna").removeprefix("www.")
    except (ValueError, UnicodeError):
        return set()
    labels = {compact(label) for label in host.split(".")[:-1] if label not in COMMON_LABELS}
    return {label for label in (*labels, compact(host)) if len(label) >= MIN_LABEL}


def _folders(url: str) -> set[str]:
    """Return the keys of the folders in the path of a URL."""
    try:
        folders = unquote(urlsplit(url).path).rstrip("/").split("/")[1:-1]
    except ValueError:
        return set()
    return {name_key(folder) for folder in folders if not folder.isdigit()} - {""}
