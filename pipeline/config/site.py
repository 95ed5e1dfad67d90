"""Site files: read `config/sites/<id>.toml` into a `Site`.

A `Site` is always valid. A wrong file is refused with one sentence that names the file, the key
and the nearest known key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
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

from pipeline.config.cron import cron_trigger
from pipeline.config.error_messages import explain_validation
from pipeline.config.regex_safety import check_patterns
from pipeline.core.clean_values import OPTIONAL_RULES
from pipeline.core.errors import ConfigError
from pipeline.core.link_rules import LinkRules, ascii_host
from pipeline.core.models import CrawlSource, Link, LinkDecision, Outcome, UrlKind
from pipeline.core.suggestions import did_you_mean
from pipeline.core.urls import canonicalize, host_of, without_www

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # "token" of RFC 9110
SITE_ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
DATE_FIELD = re.compile(r"\{(year|month|day)(?::(?:02|2)?d?)?\}")
RENDERED_KINDS = (UrlKind.STORY, UrlKind.PART, UrlKind.SECTION, UrlKind.FRONT_PAGE)
COUNTRY = re.compile(r"[a-z]{2}")
GROUP = re.compile(r"\w[\w.-]{0,62}")
MIN_LEDGER_DAYS = 90  # a night is compared with the nights of so many days


class FrozenModel(BaseModel):
    """A validated value that cannot change. An unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Politeness(FrozenModel):
    """How requests treat the site's server. Robots rules are always obeyed and have no switch."""

    delay: Annotated[float, Field(ge=0, le=600)] = 1.0
    """Least number of seconds between two requests."""
    concurrency: Annotated[int, Field(ge=1, le=16)] = 1
    """Requests at the same time."""
    timeout: Annotated[float, Field(ge=1, le=600)] = 30.0
    """Seconds to wait for one response."""
    max_pages: Annotated[int, Field(ge=1)] = 2000
    """Pages that one night fetches at most."""
    max_minutes: Annotated[float, Field(gt=0)] = 240.0
    """Minutes that one night takes at most."""
    max_megabytes: Annotated[float, Field(gt=0)] = 1000.0
    """Megabytes that one night receives at most."""
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    """How often a failed request is repeated."""
    obey_noarchive: bool = False
    """Do not keep a page that says `noarchive`."""
    obey_noai: bool = False
    """Do not keep a page that says `noai` or reserves text and data mining."""


class Revisit(FrozenModel):
    """When a story is fetched again after it was first seen."""

    after_hours: Annotated[float, Field(ge=0)] = 12.0
    """Hours until the first repeated fetch; the pause grows with the age of the story."""
    for_days: Annotated[float, Field(ge=0)] = 14.0
    """Days after which a story is not fetched again."""


class Safety(FrozenModel):
    """Limits on what a server may do to this machine."""

    allow_private: bool | tuple[str, ...] = False
    """Hosts that may have loopback or private addresses, for intranets and tests. `true` stands
    for the hosts that this file names."""
    max_bytes: Annotated[int, Field(ge=1024)] = 16 * 1024 * 1024
    """Largest decoded body of one response, in bytes."""


class CleaningOptions(FrozenModel):
    """The site's own options for its clean text. They are part of the recipe."""

    remove: tuple[str, ...] = ()
    """Regular expressions. A block that one of them matches as a whole is removed."""
    without: tuple[str, ...] = ()
    """Names of rules that are not applied to this site."""
    accept_lists: bool = False
    """Whether pages that list other pages are archived as articles, too."""

    @field_validator("remove")
    @classmethod
    def _check_patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        return check_patterns(patterns, whole=True)

    @field_validator("without")
    @classmethod
    def _check_rules(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in OPTIONAL_RULES:
                hint = did_you_mean(name, OPTIONAL_RULES, "a site can leave out:")
                raise ValueError(f"no rule '{name}' can be left out; {hint}")
        return names


class RetentionOptions(FrozenModel):
    """What `prune` deletes, and after how many days.

    0 keeps everything. The bytes of stories, articles and revisions always stay.
    """

    result_days: Annotated[int, Field(ge=0)] = 0
    """Days that replaced cleaning results are kept. A rollback needs them."""
    ledger_days: Annotated[int, Field(ge=0)] = 0
    """Days that the ledgers of runs are kept. Their totals always stay."""

    source_days: Annotated[int, Field(ge=0)] = 0
    """Days that older versions of feeds, sitemaps, sections, front pages and robots.txt are kept.
    `discover --again` reads them. The newest version always stays."""

    @field_validator("ledger_days")
    @classmethod
    def _check_ledger_days(cls, days: int) -> int:
        if 0 < days < MIN_LEDGER_DAYS:
            raise ValueError(
                f"{days} days are too few: a night is compared with the nights of the last"
                f" {MIN_LEDGER_DAYS} days"
            )
        return days


class Site(FrozenModel):
    """One publication, as its file describes it."""

    id: str
    """The name of the file without `.toml`."""
    name: str
    """Name for people."""
    url: str
    """Front page."""
    language: str = ""
    """ISO 639-1 code; a hint for pages that declare no language."""
    country: str = ""
    """ISO 3166-1 code of two letters, as `tj`; searches find it as `country:tj`."""
    groups: tuple[str, ...] = ()
    """Names of your own for sites that belong together; searches find them as `group:NAME`."""
    timezone: str = "UTC"
    """Zone of the cron line, and of dates that name no zone."""
    cron: str = "30 2 * * *"
    """When the nightly run starts, as five fields of crontab(5)."""
    enabled: bool = True
    """Whether nights crawl the site."""
    hosts: tuple[str, ...] = ()
    """Further hosts that belong to the site."""
    feeds: tuple[str, ...] = ()
    """URLs of RSS or Atom feeds."""
    sitemaps: tuple[str, ...] = ()
    """URLs of sitemaps or sitemap indexes."""
    sections: tuple[str, ...] = ()
    """URLs of pages that list stories."""
    archives: tuple[str, ...] = ()
    """URLs of lists by date, with `{year}`, `{month:02}` and `{day:02}`. A back-fill reads them."""
    section_pages: Annotated[int, Field(ge=1, le=100)] = 5
    """Pages of one section that are read, as long as each lists something new."""
    allow: tuple[str, ...] = ()
    """Regular expressions that are searched in the URL of a story. Without any, all stories of
    feeds and sitemaps are followed."""
    deny: tuple[str, ...] = ()
    """Regular expressions of stories that are not followed."""
    pictures: Literal["none", "lead"] = "none"
    """`lead` archives the lead picture that a new or changed story declares, up to 2 MiB."""
    render: bool = False
    """Build stories and sections in a browser, which runs their scripts."""
    render_seconds: Annotated[float, Field(ge=1, le=120)] = 10.0
    """Seconds that the scripts of one page may take."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Headers of each request. `${NAME}` in a value is that environment variable."""
    cookies: dict[str, str] = Field(default_factory=dict)
    """Cookies of each request. `${NAME}` in a value is that environment variable."""
    politeness: Politeness = Politeness()
    revisit: Revisit = Revisit()
    safety: Safety = Safety()
    cleaning: CleaningOptions = CleaningOptions()
    retention: RetentionOptions = RetentionOptions()

    @field_validator("country")
    @classmethod
    def _check_country(cls, value: str) -> str:
        if value and not COUNTRY.fullmatch(value.lower()):
            raise ValueError(f"{value!r} is no country code; write two letters, as 'tj'")
        return value.lower()

    @field_validator("groups")
    @classmethod
    def _check_groups(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not GROUP.fullmatch(name) or name != name.lower():
                raise ValueError(
                    f"{name!r} is no name of a group; use lower-case letters, digits, '-', '_'"
                    " and '.'"
                )
        return tuple(dict.fromkeys(names))

    @field_validator("url", "feeds", "sitemaps", "sections")
    @classmethod
    def _check_urls(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        urls = (value,) if isinstance(value, str) else value
        for url in urls:
            try:
                canonicalize(url)
            except ValueError as error:
                raise ValueError(f"{url!r} is {error}") from None
        return value

    @field_validator("archives")
    @classmethod
    def _check_archives(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            check_archive_pattern(pattern)
        return patterns

    @field_validator("allow", "deny")
    @classmethod
    def _check_patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        return check_patterns(patterns)

    @field_validator("headers", "cookies")
    @classmethod
    def _check_header_values(cls, values: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        for name, value in values.items():
            if not HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a valid name for one of the {info.field_name}")
            has_separator = info.field_name == "cookies" and ";" in value
            if not value.isprintable() or has_separator:
                raise ValueError(
                    f"the value of {name!r} has characters that {info.field_name} cannot have"
                )
        return values

    @field_validator("timezone")
    @classmethod
    def _check_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{value!r} is no time zone; write one like 'Asia/Dushanbe'") from None
        return value

    @model_validator(mode="after")
    def _check_cron(self) -> Site:
        cron_trigger(self.cron, self.timezone)
        return self

    @model_validator(mode="after")
    def _check_sources(self) -> Site:
        if not (self.feeds or self.sitemaps or self.sections):
            raise ValueError("a site needs at least one of feeds, sitemaps or sections")
        return self

    @property
    def sources(self) -> tuple[CrawlSource, ...]:
        """Return the sources: feeds first, since they say most of a story, then the others.

        Returns:
            The sources, without repetitions, in the order in which a crawl reads them.
        """
        urls_by_kind = (
            (UrlKind.FEED, self.feeds),
            (UrlKind.SITEMAP, self.sitemaps),
            (UrlKind.SECTION, self.sections),
        )
        sources: dict[str, CrawlSource] = {}
        for kind, urls in urls_by_kind:
            for url in urls:
                sources.setdefault(canonicalize(url), CrawlSource(url, kind))
        return tuple(sources.values())

    @property
    def labels(self) -> tuple[tuple[str, str], ...]:
        """Return the kinds and values by which searches find the site, besides its id."""
        labels = [("group", name) for name in self.groups]
        if self.country:
            labels.append(("country", self.country))
        return tuple(labels)

    @cached_property
    def link_rules(self) -> LinkRules:
        """Return the rules by which links of this site are decided."""
        hosts = {host_of(self.url), host_of(canonicalize(self.url))}
        for host in self.hosts:
            hosts.add(host.lower())
            ascii_spelling = ascii_host(host)
            if ascii_spelling:
                hosts.add(ascii_spelling)
        return LinkRules(
            hosts=frozenset(map(without_www, hosts)),
            allow=tuple(map(re.compile, self.allow)),
            deny=tuple(map(re.compile, self.deny)),
        )

    @cached_property
    def _named_hosts(self) -> frozenset[str]:
        """Return all hosts that the file names, with and without a leading `www.`."""
        hosts = set(self.link_rules.hosts)
        hosts.update(without_www(host_of(source.url)) for source in self.sources)
        return frozenset(hosts.union(f"www.{host}" for host in hosts))

    def owns(self, url: str) -> bool:
        """Return whether a URL is on a host of this site. `www.` does not matter, a port does."""
        return self.link_rules.owns(url)

    def allows_private(self, url: str) -> bool:
        """Return whether the host of a URL may have a private address."""
        allowed = self.safety.allow_private
        if allowed is True:
            return host_of(url) in self._named_hosts
        return host_of(url) in {host.lower() for host in allowed or ()}

    def renders(self, kind: UrlKind) -> bool:
        """Return whether a browser builds pages of this kind; never feeds or sitemaps."""
        return self.render and kind in RENDERED_KINDS

    def decide(
        self, link: Link, found_on: UrlKind, numbered: Collection[str] = frozenset()
    ) -> LinkDecision:
        """Decide whether a link is followed.

        Args:
            link: The link.
            found_on: The kind of the source that listed it.
            numbered: Where the site numbers its stories: see `link_rules.numbered_prefixes`.
        """
        reason = self.link_rules.refusal(link, found_on, numbered)
        if reason:
            return LinkDecision(link, Outcome.REFUSED, reason)
        return LinkDecision(link)


def check_archive_pattern(pattern: str) -> None:
    """Check the URL pattern of lists by date.

    Raises:
        ValueError: If it names no year, or has braces around something else.
    """
    date_fields = DATE_FIELD.findall(pattern)
    if re.search(r"[{}]", DATE_FIELD.sub("", pattern)):
        raise ValueError(
            f"{pattern!r} has braces around something else than {{year}}, {{month:02}} or"
            " {day:02}"
        )
    if "year" not in date_fields or ("day" in date_fields and "month" not in date_fields):
        raise ValueError(
            f"{pattern!r} names no year, month or day; write one like"
            " 'https://www.example.org/{year}/{month:02}/'"
        )
    try:
        canonicalize(pattern.format(year=2026, month=1, day=1))
    except ValueError as error:
        raise ValueError(f"{pattern!r} is {error}") from None


def parse_site(site_id: str, text: str, where: str) -> Site:
    """Parse the text of a site file.

    Args:
        site_id: The id of the site.
        text: TOML.
        where: The name of the file in error messages.

    Raises:
        ConfigError: If the id or the file is wrong.
    """
    if not SITE_ID_PATTERN.fullmatch(site_id):
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


def load_site(path: Path) -> Site:
    """Read the site of one file.

    Raises:
        ConfigError: If the file cannot be read or is wrong.
    """
    try:
        text = path.read_text(encoding="utf8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    return parse_site(path.stem, text, str(path))


def list_site_files(folder: Path) -> Iterator[Path]:
    """List the site files of a folder by name."""
    return iter(sorted(path for path in folder.glob("*.toml") if path.is_file()))


def load_sites(folder: Path) -> tuple[tuple[Site, ...], tuple[ConfigError, ...]]:
    """Read all sites of a folder. A wrong file does not stop the other sites.

    Returns:
        The sites, and an error for each file that is wrong.
    """
    sites: list[Site] = []
    errors: list[ConfigError] = []
    for path in list_site_files(folder):
        try:
            sites.append(load_site(path))
        except ConfigError as error:
            errors.append(error)
    return tuple(sites), tuple(errors)
