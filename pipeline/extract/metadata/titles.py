"""Choose the title of a story among its headings and what the page declares.

Readers see a heading, and editors word the declared title for search engines and social networks.
So the heading comes first, where something that the page declares confirms it, or where it is the
page's only headline. Names of the site and of its sections belong to no title.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import unescape
from itertools import islice

from lxml.html import HtmlElement

from pipeline.extract.metadata.authors import name_key
from pipeline.extract.metadata.site_names import COLON, SEPARATOR, Site, SiteNames, leads_home
from pipeline.extract.sanitize import single_line

SourcedValue = tuple[str, str]  # a value, and where it came from
MAX_TITLE_LENGTH = 2000
MAX_HEADING_LENGTH = 400
MAX_HEADINGS = 60
MAX_PIECES = 200  # elements of a heading
MAX_LEVELS = 25  # elements around a heading
MIN_CONFIRMED = 11  # letters of a heading with which a declared title begins
SECOND_LEVEL = 2  # of an h2
MIN_WORD = 4  # letters of a heading of one word
MIN_SMALL_HEADING = 12  # letters of an h2 or h3 that is a part of a declared title
MIN_HEADLINE_WORDS = 4  # of a heading that shares no word with what is declared
MIN_SHARED_LENGTH = 4  # letters of a word that counts as shared
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
ABOUT_CODE = re.compile(r"html|xml|entit|escap|ampersand|unicode", re.I)
ESCAPED = re.compile(r"&(?:#\d{2,6}|#x[0-9a-f]{2,5}|[a-z]{2,8});", re.I)


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
    names = SiteNames(site, tree)
    declared = [(unescape_text(text), source) for text, source in declared]
    headline = unescape_text(headline)
    texts = [text for text, _ in declared]
    cleaned = [(names.strip_affixes(text), source) for text, source in declared]
    cleaned = [(text, source) for text, source in cleaned if not names.is_site(text)]
    known = [text for text in (*texts, headline) if text]
    goals = [text for text in (*[text for text, _ in cleaned], headline) if text]
    headings = _Headings(tree, names)
    if chosen := _heading_title(headings, known, goals, headline, names):
        return chosen[0][:MAX_TITLE_LENGTH], chosen[1]
    if headline and len(cleaned) and headline in cleaned[0][0]:
        return headline[:MAX_TITLE_LENGTH], "json-ld"
    if cleaned:
        return cleaned[0][0][:MAX_TITLE_LENGTH], cleaned[0][1]
    if headline:
        return names.strip_affixes(headline)[:MAX_TITLE_LENGTH], "json-ld"
    if len(headings.first) == 1:
        return headings.first[0].text[:MAX_TITLE_LENGTH], "h1"
    for heading in headings.smaller:
        if heading.level == SECOND_LEVEL:
            return heading.text[:MAX_TITLE_LENGTH], "h2"
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
    headings: _Headings,
    known: Sequence[str],
    goals: Sequence[str],
    headline: str,
    names: SiteNames,
) -> SourcedValue | None:
    """Return the title that a heading gives; None where no heading is sure enough.

    Args:
        headings: The headings of the page but the site's name.
        known: What the page declares.
        goals: The same without names of the site.
        headline: The headline of the story's JSON-LD.
        names: The names of the site.
    """
    first = headings.first
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
    names: SiteNames,
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


def _small_heading(headings: _Headings, keys: Sequence[str]) -> SourcedValue | None:
    """Return the first h2 or h3 that has one of some keys."""
    keys = [key for key in keys if len(key) >= MIN_SMALL_HEADING]
    if not keys:
        return None
    for heading in headings.smaller:
        if name_key(heading.text) in keys:
            return heading.text, f"h{heading.level}"
    return None


def _colon_keys(text: str) -> list[str]:
    return list(filter(None, map(name_key, COLON.split(text, maxsplit=1))))


def _only_headline(
    headings: Sequence[Heading], known_keys: Sequence[str], names: SiteNames
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


class _Headings:
    """Read the headings of a page that may be a headline: all but the site's name.

    Most pages are decided by their h1, so the smaller ones are read only when they are asked for.
    """

    def __init__(self, tree: HtmlElement, names: SiteNames) -> None:
        self._tree, self._names = tree, names

    @cached_property
    def first(self) -> list[Heading]:
        """Return each h1."""
        return list(self._read("h1"))

    @cached_property
    def smaller(self) -> list[Heading]:
        """Return each h2 and h3."""
        return list(self._read("h2", "h3"))

    def _read(self, *tags: str) -> Iterator[Heading]:
        for element in islice(self._tree.iter(*tags), MAX_HEADINGS):
            if _is_apart(element):
                continue
            text, parts = _heading_text(element)
            if 0 < len(text) <= MAX_HEADING_LENGTH and not self._names.is_site(text):
                mark = " ".join(filter(None, map(element.get, ("class", "id", "itemprop"))))
                has_mark = HEADLINE_CLASS.search(mark) is not None
                yield Heading(text, parts, int(element.tag[1]), has_mark)


def _is_apart(element: HtmlElement) -> bool:
    """Tell whether a heading is that of the site, or of something beside the story."""
    node: HtmlElement | None = element
    for level in range(MAX_LEVELS):
        if node is None or node.tag in ("body", "html"):
            return False
        if node.tag in CHROME_TAGS and not (node.tag == "form" and level > 3):
            return True
        if element.tag == "h1" and level == 0 and leads_home(element):
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


def _heading_text(element: HtmlElement) -> tuple[str, tuple[str, ...]]:
    """Return the text of a heading without its kicker, and the texts of its children."""
    pieces: list[str] = []
    children = list(element)[:MAX_PIECES]
    texts = [single_line("".join(_texts(child))) for child in children]
    rest = single_line(element.text or "")
    for number, child in enumerate(children):
        is_kicker = number == 0 and not rest and KICKER_CLASS.search(str(child.get("class") or ""))
        if is_kicker and _has_words([*texts[1:], *[each.tail or "" for each in children]]):
            pieces.append(child.tail or "")
            continue
        pieces += [*_texts(child), child.tail or ""]
    parts = (*texts, rest, *[each.tail or "" for each in children])
    text = "".join((element.text or "", *pieces)).lstrip(" -–—|:/\n\t")
    return unescape_text(text), tuple(filter(None, map(unescape_text, parts)))


def _has_words(texts: Sequence[str]) -> bool:
    return len(" ".join(texts).split()) > 1


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
