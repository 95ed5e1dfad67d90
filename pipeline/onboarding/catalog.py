"""The catalogue of publishers that ships with Nightdesk: facts from public lists, one a line.

Nothing of it is crawled by itself. `nightdesk add --catalog` probes an entry as it probes any site.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from pipeline.core.errors import ConfigError
from pipeline.core.suggestions import did_you_mean
from pipeline.onboarding.site_lists import RequestedSite

DATA: Final = "publishers.jsonl"
MAX_FEEDS: Final = 6  # of an entry that a probe requests
MAX_SITEMAPS: Final = 3
MAX_NAMED: Final = 8  # entries that a message names
# Of countries whose papers nearly all have one language, for entries that name none.
MAIN_LANGUAGES: Final = {
    "at": "de",
    "au": "en",
    "br": "pt",
    "de": "de",
    "es": "es",
    "fr": "fr",
    "gb": "en",
    "ie": "en",
    "it": "it",
    "jp": "ja",
    "mx": "es",
    "ng": "en",
    "pl": "pl",
    "py": "es",
    "us": "en",
}


@dataclass(frozen=True, slots=True)
class Publisher:
    """An entry of the catalogue.

    Attributes:
        id: Its name in commands.
        name: Its name for people.
        url: Its front page, or the host of its feed.
        country: ISO 3166-1 code in lower case.
        languages: ISO 639-1 codes, as far as they are known.
        feeds: URLs of feeds.
        news_sitemaps: URLs of news sitemaps.
        sitemaps: URLs of other sitemaps.
        listed: The month or years in which a public list had it.
        checked: The day on which a probe last found stories; "" if none has.
    """

    id: str
    name: str
    url: str
    country: str
    languages: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    news_sitemaps: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    listed: str = ""
    checked: str = ""

    @property
    def likely_languages(self) -> tuple[str, ...]:
        """Return its languages; where none is known, the main language of its country."""
        main = MAIN_LANGUAGES.get(self.country)
        return self.languages or ((main,) if main else ())

    @property
    def requested_site(self) -> RequestedSite:
        """Return it as a site that a user wants to add."""
        sitemaps = (*self.news_sitemaps, *self.sitemaps)
        return RequestedSite(
            self.url,
            self.feeds[:MAX_FEEDS],
            self.name,
            f"catalogue, {self.id}",
            sitemaps=sitemaps[:MAX_SITEMAPS],
        )

    def to_json(self) -> str:
        """Return its line of the catalogue. Empty fields are left out."""
        values = {name: value for name, value in asdict(self).items() if value}
        return json.dumps(values, ensure_ascii=False)


def parse_publisher(line: str) -> Publisher:
    """Parse a line of the catalogue.

    Raises:
        ValueError: The line is no entry.
    """
    values: dict[str, Any] = json.loads(line)
    for name in ("languages", "feeds", "news_sitemaps", "sitemaps"):
        values[name] = tuple(values.get(name, ()))
    try:
        return Publisher(**values)
    except TypeError as error:
        raise ValueError(str(error)) from None


@cache
def load_catalog() -> tuple[Publisher, ...]:
    """Return all entries, by country and name."""
    text = files(__package__).joinpath(DATA).read_text(encoding="utf8")
    return tuple(parse_publisher(line) for line in text.splitlines())


def search_catalog(
    words: Iterable[str] = (), country: str = "", language: str = ""
) -> tuple[Publisher, ...]:
    """Return the entries that have all words, in this country and language.

    Args:
        words: Words, or beginnings of words, of the name, the id or the host.
        country: ISO 3166-1 code; "" for all.
        language: ISO 639-1 code; "" for all.
    """
    wanted = _folded(" ".join(words)).split()
    publishers: list[Publisher] = []
    for publisher in load_catalog():
        is_elsewhere = country and publisher.country != country.lower()
        if is_elsewhere or (language and language.lower() not in publisher.likely_languages):
            continue
        if _has_words(publisher, wanted):
            publishers.append(publisher)
    return tuple(publishers)


def find_publisher(name: str) -> Publisher:
    """Return the entry with an id, or the only one that has all words of a name.

    Raises:
        ConfigError: There is none, or there are several.
    """
    for publisher in load_catalog():
        if publisher.id == name.lower():
            return publisher
    publishers = search_catalog((name,))
    if len(publishers) == 1:
        return publishers[0]
    if publishers:
        ids = ", ".join(publisher.id for publisher in publishers[:MAX_NAMED])
        more = ", …" if len(publishers) > MAX_NAMED else ""
        raise ConfigError(f"--catalog: '{name}' fits several publishers; name one: {ids}{more}")
    hint = did_you_mean(name, [publisher.id for publisher in load_catalog()])
    raise ConfigError(
        f"--catalog: no publisher is called '{name}'; {hint}; 'nightdesk catalog' lists them"
    )


def _has_words(publisher: Publisher, wanted: Sequence[str]) -> bool:
    have = re.split(r"[\W_]+", _folded(f"{publisher.name} {publisher.id} {publisher.url}"))
    return all(any(word.startswith(part) for word in have) for part in wanted)


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
