"""Site files: `config/sites/<id>.toml` → `Site`.

Promises that a Site in hand is valid, and that a wrong file is refused with one sentence that names file, key and the nearest
known key. Which Links a Site lets in is decided here, in `Site.judge`; fetching and cleaning are others' business.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pipeline.config.cron import trigger
from pipeline.config.error_messages import explain_validation
from pipeline.config.regex_safety import check_patterns
from pipeline.core.errors import ConfigError
from pipeline.core.ip_addresses import is_inner
from pipeline.core.models import CrawlSource, Link, LinkDecision, Outcome, Reason, UrlKind
from pipeline.core.urls import (
    MAX_URL,
    canonical,
    host_of,
    is_calendar,
    looks_like_story,
    repeats,
    too_deep,
)

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
PLAIN = re.compile(r"[a-z0-9.:_-]*")
LEDGER_DAYS = 90  # of ledgers that are kept at the least
SITE_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class Table(BaseModel):
    """A table of a site file: frozen, and a key that we do not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Politeness(Table):
    """How we behave towards the Site. Robots rules are always obeyed and have no switch."""

    delay: Annotated[float, Field(ge=0, le=600)] = 1.0  # seconds between two requests, at the least
    concurrency: Annotated[int, Field(ge=1, le=16)] = 1
    timeout: Annotated[float, Field(ge=1, le=600)] = 30.0  # seconds for one answer
    max_pages: Annotated[int, Field(ge=1)] = 2000  # pages fetched in one night
    max_minutes: Annotated[float, Field(gt=0)] = 240.0
    max_megabytes: Annotated[float, Field(gt=0)] = 1000.0  # received in one night
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    obey_noarchive: bool = False  # a page that says noarchive is not kept
    obey_noai: bool = False  # nor one that says noai or reserves text and data mining


class Revisit(Table):
    """How long a story is looked at again after it was first seen, and how soon."""

    after_hours: Annotated[float, Field(ge=0)] = 12.0
    for_days: Annotated[float, Field(ge=0)] = 14.0


class Safety(Table):
    """Limits on what a server may do to us."""

    # hosts that may have loopback and private addresses (intranets, tests); true: those that the file names, and no others
    allow_private: bool | tuple[str, ...] = False
    max_bytes: Annotated[int, Field(ge=1024)] = 16 * 1024 * 1024  # of one decoded body


class Cleaning(Table):
    """The Site's own options in the Recipe."""

    strike: tuple[str, ...] = ()  # patterns: a Block that one of them matches whole is struck
    without: tuple[str, ...] = ()  # names of Rules that are not applied here

    @field_validator("strike")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return check_patterns(value, whole=True)


class Retention(Table):
    """What the archive lets go of, and after how many days; 0 keeps all. Bytes, Articles and Revisions always stay."""

    result_days: Annotated[int, Field(ge=0)] = (
        0  # results of cleaning that were replaced: what a rollback goes back to
    )
    ledger_days: Annotated[int, Field(ge=0)] = 0  # ledgers of Runs, whose sums stay

    @field_validator("ledger_days")
    @classmethod
    def _long_enough(cls, value: int) -> int:
        if 0 < value < LEDGER_DAYS:
            raise ValueError(
                f"{value} days are too few: the nights of the last {LEDGER_DAYS} are what a night is compared with"
            )
        return value


class Site(Table):
    """One publication, as its file describes it. `id` is the file's name."""

    id: str
    name: str
    url: str
    language: str = ""  # ISO 639-1; a hint where a page declares nothing
    timezone: str = "UTC"  # of dates that name no zone, and of the cron line
    cron: str = "30 2 * * *"
    enabled: bool = True
    hosts: tuple[str, ...] = ()  # further hosts that belong to the Site
    feeds: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    archives: tuple[
        str, ...
    ] = ()  # lists of a day, month or year, with {year}, {month:02} and {day:02}; read by a back-fill
    section_pages: Annotated[int, Field(ge=1, le=100)] = (
        5  # of one section, by `rel=next`, while each shows what is new
    )
    allow: tuple[
        str, ...
    ] = ()  # patterns searched in the URL; none: whatever the feeds and sitemaps name
    deny: tuple[str, ...] = ()
    render: bool = False  # stories and sections are built by a browser, which runs their scripts
    render_seconds: Annotated[float, Field(ge=1, le=120)] = (
        10.0  # that the scripts of one page may take
    )
    headers: dict[str, str] = Field(
        default_factory=dict
    )  # `${NAME}` in a value is that variable of the environment
    cookies: dict[str, str] = Field(default_factory=dict)  # likewise
    politeness: Politeness = Politeness()
    revisit: Revisit = Revisit()
    safety: Safety = Safety()
    cleaning: Cleaning = Cleaning()
    retention: Retention = Retention()

    @field_validator("url", "feeds", "sitemaps", "sections")
    @classmethod
    def _urls(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for url in (value,) if isinstance(value, str) else value:
            try:
                canonical(url)
            except ValueError as error:
                raise ValueError(f"{url!r} is {error}") from None
        return value

    @field_validator("archives")
    @classmethod
    def _dated(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            check_dated(pattern)
        return value

    @field_validator("allow", "deny")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return check_patterns(value)

    @field_validator("headers", "cookies")
    @classmethod
    def _header_values(cls, values: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        for name, value in values.items():
            if not TOKEN.fullmatch(name):
                raise ValueError(f"{name!r} is no name for one of the {info.field_name}")
            if not value.isprintable() or (info.field_name == "cookies" and ";" in value):
                raise ValueError(
                    f"the value of {name!r} has characters that none of the {info.field_name} may have"
                )
        return values

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{value!r} is no time zone; write one like 'Asia/Dushanbe'") from None
        return value

    @model_validator(mode="after")
    def _has_a_time(self) -> Site:
        trigger(self.cron, self.timezone)
        return self

    @model_validator(mode="after")
    def _has_a_place(self) -> Site:
        if not (self.feeds or self.sitemaps or self.sections):
            raise ValueError("a site needs at least one of feeds, sitemaps or sections")
        return self

    @property
    def places(self) -> tuple[CrawlSource, ...]:
        """Feeds first (they say most of a story), then sitemaps, then sections."""
        kinds = (
            (UrlKind.FEED, self.feeds),
            (UrlKind.SITEMAP, self.sitemaps),
            (UrlKind.SECTION, self.sections),
        )
        found: dict[str, CrawlSource] = {}
        for kind, urls in kinds:
            for url in urls:
                found.setdefault(canonical(url), CrawlSource(url, kind))
        return tuple(found.values())

    @cached_property
    def _own_hosts(self) -> frozenset[str]:
        named = (
            host_of(self.url),
            host_of(canonical(self.url)),
            *(host.lower() for host in self.hosts),
        )
        return frozenset(map(bare_host, (*named, *filter(None, map(_as_asked, self.hosts)))))

    @cached_property
    def _named_hosts(self) -> frozenset[str]:
        """All hosts that the file names, with and without a leading `www.`."""
        bare = self._own_hosts | {bare_host(host_of(place.url)) for place in self.places}
        return bare | {f"www.{host}" for host in bare}

    @cached_property
    def _allow(self) -> tuple[re.Pattern[str], ...]:
        return tuple(map(re.compile, self.allow))

    @cached_property
    def _deny(self) -> tuple[re.Pattern[str], ...]:
        return tuple(map(re.compile, self.deny))

    def owns(self, url: str) -> bool:
        """Whether a URL lies on a host of this Site; `www.` makes no difference, a port does."""
        host = bare_host(host_of(url))
        if host in self._own_hosts:
            return True
        return not PLAIN.fullmatch(host) and bare_host(_as_asked(host)) in self._own_hosts

    def allows_private(self, url: str) -> bool:
        """Whether the host of a URL may have a private address."""
        allowed = self.safety.allow_private
        return host_of(url) in (
            self._named_hosts if allowed is True else {host.lower() for host in allowed or ()}
        )

    def renders(self, kind: UrlKind) -> bool:
        """Whether a page of this kind is rendered: never a Feed or a Sitemap."""
        return self.render and kind in (UrlKind.STORY, UrlKind.SECTION)

    def decide(self, link: Link, found_on: UrlKind) -> LinkDecision:
        """Whether a Link is ours to follow. `found_on` is the kind of the Place that showed it."""
        reason = self._refusal(link, found_on)
        return LinkDecision(link, Outcome.REFUSED, reason) if reason else LinkDecision(link)

    def _refusal(self, link: Link, found_on: UrlKind) -> Reason:
        if len(link.url) > MAX_URL:
            return Reason.URL_TOO_LONG
        try:
            url = canonical(link.url)
        except ValueError:
            return Reason.BAD_URL
        if not self.owns(url):
            return (
                Reason.BLOCKED_ADDRESS
                if is_inner(urlsplit(url).hostname or "")
                else Reason.OFF_SITE
            )
        if link.kind is not UrlKind.STORY:
            return Reason.NONE
        if trap := _trap(url, found_on):
            return trap
        if any(pattern.search(url) for pattern in self._deny):
            return Reason.DENIED
        if self._allow:
            allowed = any(pattern.search(url) for pattern in self._allow)
        else:
            allowed = found_on is not UrlKind.SECTION or looks_like_story(url)
        return Reason.NONE if allowed else Reason.NOT_ALLOWED


def _trap(url: str, found_on: UrlKind) -> Reason:
    """Why following a URL could have no end. A feed is written by hand or out of a list of stories: it names no empty days."""
    if repeats(url):
        return Reason.REPEATING_PATH
    if too_deep(url):
        return Reason.TOO_DEEP
    if found_on is not UrlKind.FEED and is_calendar(url):
        return Reason.CALENDAR
    return Reason.NONE


class CrawlJob(Table):
    """All that a child process needs to crawl one Site; it reads it as one JSON line from its standard input."""

    site: Site
    database_url: str
    user_agent: str
    log_file: str = ""  # "": standard error
    log_level: str = "INFO"
    log_format: str = "text"
    log_megabytes: float = 10.0  # of one file
    log_files: int = 5  # older ones beside it
    log_days: int = 90  # that an older one is kept
    chromium: str = ""  # the browser's path, where the Site is rendered
    room_folder: str = ""  # where so many megabytes are to be left free
    free_megabytes: int = 0
    since: datetime | None = (
        None  # a back-fill: only sitemaps are read, and of them only what is no older than this
    )


def _as_asked(host: str) -> str:
    """A host as requests spell it: in ASCII, whatever the script of its name; "" for what is no host."""
    try:
        return host_of(canonical(f"http://{host}/"))
    except ValueError:
        return ""


def bare_host(host: str) -> str:
    """A host without a leading `www.`."""
    return host.removeprefix("www.")


DATED = re.compile(r"\{(year|month|day)(?::(?:02|2)?d?)?\}")


def check_dated(pattern: str) -> None:
    """Raises ValueError where an address of lists by date is none."""
    parts = DATED.findall(pattern)
    if re.search(r"[{}]", DATED.sub("", pattern)):
        raise ValueError(
            f"{pattern!r} has braces around something else than {{year}}, {{month:02}} or {{day:02}}"
        )
    if "year" not in parts or ("day" in parts and "month" not in parts):
        raise ValueError(
            f"{pattern!r} names no year, month or day; write one like 'https://www.example.org/{{year}}/{{month:02}}/'"
        )
    try:
        canonical(pattern.format(year=2026, month=1, day=1))
    except ValueError as error:
        raise ValueError(f"{pattern!r} is {error}") from None


def parse(site_id: str, text: str, where: str) -> Site:
    """A Site from the text of its file; `where` names the file in errors. Raises ConfigError."""
    if not SITE_ID.fullmatch(site_id):
        raise ConfigError(
            f"{where}: '{site_id}' is no site id; use lower-case letters, digits, '-', '_' and '.'"
        )
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: not valid TOML: {error}") from None
    if "id" in values:
        raise ConfigError(f"{where}: 'id' is not a key; the file's name is the site's id")
    try:
        return Site(id=site_id, **values)
    except ValidationError as error:
        raise ConfigError(explain_validation(where, error, Site)) from None


def load(path: Path) -> Site:
    """The Site of one file. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    return parse(path.stem, text, str(path))


def files(folder: Path) -> Iterator[Path]:
    """The site files of a folder, by name."""
    yield from sorted(path for path in folder.glob("*.toml") if path.is_file())


def load_all(folder: Path) -> tuple[tuple[Site, ...], tuple[ConfigError, ...]]:
    """All Sites of a folder, and an error for each file that is wrong: one bad file stops no other site."""
    sites: list[Site] = []
    errors: list[ConfigError] = []
    for path in files(folder):
        try:
            sites.append(load(path))
        except ConfigError as error:
            errors.append(error)
    return tuple(sites), tuple(errors)
