"""Refresh the catalogue of publishers: merge public lists into it, and probe its entries.

    python -m tests.refresh_catalog merge LIST.jsonl       no network
    python -m tests.refresh_catalog check [ID ...]         probes entries, marks them with the day

A list has one publisher a line, as JSON: name, url, country, languages, feeds, news_sitemaps,
sitemaps, known. What the catalogue knows of a publisher and a list does not, stays.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipeline.config.settings import Settings, load_settings
from pipeline.core.models import UrlKind
from pipeline.core.site_ids import make_site_id, slugify
from pipeline.core.urls import canonicalize
from pipeline.jobs.onboarding import ProbedSite, probe_sites
from pipeline.onboarding.catalog import DATA, Publisher, parse_publisher
from pipeline.onboarding.site_file_writer import SiteFileOptions

PATH = Path(__file__).parents[1] / "pipeline" / "onboarding" / DATA
SEPARATORS = (" :: ", " : ", " | ", " - ", " – ", " — ", " » ")  # between the parts of a title


def merge(known: Sequence[Publisher], lines: Iterable[str]) -> tuple[Publisher, ...]:
    """Add the publishers of a list. One that is known gets the facts of the list."""
    by_url = {canonicalize(publisher.url): publisher for publisher in known}
    for line in lines:
        if not line.strip():
            continue
        values = json.loads(line)
        key = canonicalize(values["url"])
        taken = {publisher.id for url, publisher in by_url.items() if url != key}
        by_url[key] = _merged(by_url.get(key), values, taken)
    return tuple(sorted(by_url.values(), key=lambda entry: (entry.country, entry.name.casefold())))


def _merged(known: Publisher | None, values: dict[str, Any], taken: set[str]) -> Publisher:
    name = short_name(values["name"], values["url"])
    if known is None:
        known = Publisher(make_site_id(values["url"], name, taken), name, values["url"], "")
    return replace(
        known,
        name=name or known.name,
        country=values.get("country", "") or known.country,
        languages=tuple(values.get("languages", ())) or known.languages,
        feeds=tuple(values.get("feeds", ())) or known.feeds,
        news_sitemaps=tuple(values.get("news_sitemaps", ())) or known.news_sitemaps,
        sitemaps=tuple(values.get("sitemaps", ())) or known.sitemaps,
        listed=values.get("known", "") or known.listed,
    )


def short_name(name: str, url: str) -> str:
    """Return the part of a feed's title that is also in the host, or the whole title."""
    host = "".join(filter(str.isalnum, urlsplit(url).hostname or ""))
    for separator in SEPARATORS:
        for part in name.split(separator):
            letters = slugify(part).replace("-", "")
            if separator in name and len(letters) >= 2 and letters in host:
                return part.strip()
    return name.strip()


def check(
    settings: Settings,
    known: Sequence[Publisher],
    ids: Sequence[str] = (),
    options: SiteFileOptions | None = None,
) -> tuple[Publisher, ...]:
    """Probe publishers. One that shows stories gets today's date and loses its dead sources."""
    wanted = [publisher for publisher in known if not ids or publisher.id in ids]
    requested = [publisher.requested_site for publisher in wanted]
    probed = probe_sites(
        settings, requested, options or SiteFileOptions(), lambda *_: None, _report
    )
    checked: dict[str, Publisher] = {}
    for publisher, result in zip(wanted, probed, strict=True):
        if result.proposal is not None:
            checked[publisher.id] = _checked(publisher, result)
    return tuple(checked.get(publisher.id, publisher) for publisher in known)


def _checked(publisher: Publisher, result: ProbedSite) -> Publisher:
    assert result.probe is not None
    dead: set[tuple[str, UrlKind]] = set()
    for source in result.probe.result.sources:
        if not source.works:
            dead.add((source.url, source.kind))
    feeds = [url for url in publisher.feeds if (url, UrlKind.FEED) not in dead]
    news = [url for url in publisher.news_sitemaps if (url, UrlKind.SITEMAP) not in dead]
    sitemaps = [url for url in publisher.sitemaps if (url, UrlKind.SITEMAP) not in dead]
    return replace(
        publisher,
        feeds=tuple(feeds),
        news_sitemaps=tuple(news),
        sitemaps=tuple(sitemaps),
        checked=f"{datetime.now(UTC):%Y-%m-%d}",
    )


def _report(result: ProbedSite) -> None:
    print(f"{result.requested.location}: {result.error or 'works'}", file=sys.stderr)  # noqa: T201


def write(publishers: Sequence[Publisher], path: Path = PATH) -> None:
    """Write the catalogue, completely or not at all."""
    text = "".join(publisher.to_json() + "\n" for publisher in publishers)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf8") as new:
        new.write(text)
    Path(new.name).chmod(0o644)
    Path(new.name).replace(path)


def read(path: Path = PATH) -> tuple[Publisher, ...]:
    """Read the catalogue."""
    if not path.exists():
        return ()
    return tuple(map(parse_publisher, path.read_text(encoding="utf8").splitlines()))


def main(words: Sequence[str]) -> int:
    """Run one of the two commands."""
    match words:
        case ["merge", file]:
            write(merge(read(), Path(file).read_text(encoding="utf8").splitlines()))
        case ["check", *ids]:
            write(check(load_settings(), read(), ids))
        case _:
            print(__doc__, file=sys.stderr)  # noqa: T201
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
