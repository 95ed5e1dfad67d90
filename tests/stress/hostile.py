"""hostile: one night of the real command over servers that do everything wrong, beside 200 good
pages.

Each hostile URL must end with the outcome and reason that its row names. The good sites are also
crawled alone first, to measure what the hostile ones cost them.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from tests.stress import hostile_markup, hostile_responses, hostile_sources
from tests.stress.commands import CompletedCommand, nightdesk
from tests.stress.figures import Figures
from tests.stress.server import Server, http, redirect, start_server
from tests.stress.story_pages import rss, story

GOOD_HOSTS = [f"127.0.0.{number}" for number in range(11, 15)]
RESPONSES, MARKUP, SOURCES, ROBOTS = "127.0.0.21", "127.0.0.22", "127.0.0.23", "127.0.0.24"
ROBOTS_HOSTS = [f"127.0.1.{number}" for number in range(1, len(hostile_sources.ROBOTS) + 1)]
PAGES = 50  # of each good site
# seconds; sites are cleaned one after the other, so a good one may wait for a hostile one
NIGHT_SECONDS = 300.0
LIMIT = 900.0  # seconds after which the night is killed
MAX_MEMORY = 400.0  # megabytes of one process
VAGUE = ("", "internal", "extractor_error", "extractor_died", "interrupted", "budget")


@dataclass(frozen=True)
class ExpectedOutcome:
    """How a URL must end. `cleaned` is set if its bytes are kept."""

    crawled: str
    cleaned: str = ""


def run(figures: Figures) -> None:
    """Run the stress test."""
    with (
        tempfile.TemporaryDirectory(prefix="nightdesk-hostile-") as scratch,
        start_server(hosts()) as server,
    ):
        expected = prepare(server)
        for make in (*hostile_responses.BOMBS, *hostile_sources.LARGE):
            make()  # now, so that no request waits for it
        alone, home = Path(scratch, "alone"), Path(scratch, "home")
        _write_home(alone, server, good_sites(server))
        before = nightdesk(alone, "crawl", "--json", seconds=LIMIT)
        _write_home(home, server, good_sites(server) | hostile_sites(server, expected))
        good = f"{PAGES * len(GOOD_HOSTS)} good pages, which took {before.seconds:.0f} s alone"
        figures.print_line(f"{len(expected)} hostile URLs and {good}")
        night = nightdesk(home, "crawl", "--json", seconds=LIMIT)
        NightCheck(figures, home, server, night, before).check_all(expected)


def hosts() -> list[str]:
    return [*GOOD_HOSTS, RESPONSES, MARKUP, SOURCES, ROBOTS, *ROBOTS_HOSTS]


def prepare(server: Server) -> dict[str, ExpectedOutcome]:
    """Set all answers, and return how each hostile URL must end."""
    for host in GOOD_HOSTS:
        for number in range(PAGES):
            server.answers[host, f"/news/good-{number}.html"] = http(story(f"{host} {number}"))
        server.answers[host, "/feed.xml"] = http(
            rss(server.url(host, f"/news/good-{n}.html") for n in range(PAGES)), hostile_sources.XML
        )
    expected = _stories(server, RESPONSES, hostile_responses.ROWS) | _stories(
        server, MARKUP, hostile_markup.ROWS
    )
    expected |= _chain(server) | _sources(server) | _robots(server)
    return expected


def _stories(
    server: Server, host: str, rows: Sequence[hostile_responses.Row]
) -> dict[str, ExpectedOutcome]:
    expected = {}
    for name, answer, *outcomes in rows:
        path = f"/news/{name}.html"
        server.answers[host, path] = answer
        expected[server.url(host, path)] = ExpectedOutcome(*outcomes)
    server.answers[host, "/feed.xml"] = http(rss(expected), hostile_sources.XML)
    return expected


def _chain(server: Server) -> dict[str, ExpectedOutcome]:
    """Serve a chain that is longer than the limit: five redirects are followed, and one fails."""
    expected = {}
    for number in range(1, hostile_responses.CHAIN):
        server.answers[RESPONSES, f"/news/chain-{number}.html"] = redirect(
            f"/news/chain-{number + 1}.html"
        )
        if number < 6:
            expected[server.url(RESPONSES, f"/news/chain-{number}.html")] = ExpectedOutcome(
                "redirected http_redirect" if number < 5 else "failed http_redirect"
            )
    return expected


def _sources(server: Server) -> dict[str, ExpectedOutcome]:
    base = server.url(SOURCES, "")
    expected = {}
    for name, _, answer, outcome in (
        *hostile_sources.feeds(base),
        *hostile_sources.sitemaps(base),
        *hostile_sources.sections(base),
    ):
        server.answers[SOURCES, f"/p/{name}"] = answer
        expected[f"{base}/p/{name}"] = ExpectedOutcome(outcome)
    for path, answer in hostile_sources.children(base).items():
        server.answers[SOURCES, path] = answer
    for name in ("of-a-feed", "of-a-sitemap"):
        server.answers[SOURCES, f"/news/{name}.html"] = http(story(name))
        expected[f"{base}/news/{name}.html"] = ExpectedOutcome(
            "fetched new", hostile_responses.GOOD
        )
    return expected


def _robots(server: Server) -> dict[str, ExpectedOutcome]:
    expected = {}
    for host, (name, answer, outcome) in zip(ROBOTS_HOSTS, hostile_sources.ROBOTS, strict=True):
        path = f"/news/behind-{name}.html"
        server.answers[host, "/robots.txt"] = answer
        server.answers[host, path] = http(story(name))
        expected[server.url(host, path)] = ExpectedOutcome(
            outcome, hostile_responses.GOOD if outcome.startswith("fetched") else ""
        )
    server.answers[ROBOTS, "/feed.xml"] = http(rss(expected), hostile_sources.XML)
    return expected


# the home folder


def good_sites(server: Server) -> dict[str, str]:
    return {
        f"good-{number}": _site(server, host, delay=0.1) for number, host in enumerate(GOOD_HOSTS)
    }


def hostile_sites(server: Server, expected: dict[str, ExpectedOutcome]) -> dict[str, str]:
    base = server.url(SOURCES, "")
    sources: dict[str, list[str]] = {"feed": [], "sitemap": [], "section": []}
    for name, kind, _, _ in (
        *hostile_sources.feeds(base),
        *hostile_sources.sitemaps(base),
        *hostile_sources.sections(base),
    ):
        sources[kind].append(f"{base}/p/{name}")
    named = "".join(f"{kind}s = {json.dumps(urls)}\n" for kind, urls in sources.items())
    robots = json.dumps([f"{host}:{server.port}" for host in ROBOTS_HOSTS])
    return {
        "hostile-responses": _site(server, RESPONSES),
        "hostile-markup": _site(server, MARKUP),
        "hostile-sources": _site(server, SOURCES, sources=named + 'deny = ["/flood/"]\n'),
        "hostile-robots": _site(server, ROBOTS, more=f"hosts = {robots}\n"),
    }


def _site(
    server: Server, host: str, *, sources: str = "", more: str = "", delay: float = 0.0
) -> str:
    sources = sources or f'feeds = ["{server.url(host, "/feed.xml")}"]\n'
    return (
        f'name = "{host}"\nurl = "{server.url(host)}"\n{sources}{more}'
        f"[politeness]\ndelay = {delay}\nretries = 0\ntimeout = 3\nconcurrency = 2\n"
        "[safety]\nallow_private = true\n"
    )


def _write_home(home: Path, server: Server, sites: dict[str, str]) -> None:
    folder = home / "config" / "sites"
    folder.mkdir(parents=True)
    (home / "config" / "nightdesk.toml").write_text(
        f'contact = "https://example.org/contact"\ncrawls = {len(sites)}\n', "utf8"
    )
    for name, text in sites.items():
        (folder / f"{name}.toml").write_text(text, "utf8")


# the result


@dataclass
class NightCheck:
    """Compare a night with what is expected."""

    figures: Figures
    home: Path
    server: Server
    night: CompletedCommand
    alone: CompletedCommand

    def check_all(self, expected: dict[str, ExpectedOutcome]) -> None:
        self._nothing_crashed()
        self._good_pages()
        self._check_outcomes(expected)
        self._ledger()
        self._memory()
        self._delays()

    def sql(self, query: str, *values: object) -> list[Any]:
        connection = sqlite3.connect(self.home / "var" / "nightdesk.db")
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def _nothing_crashed(self) -> None:
        logs = {
            path.name: path.read_text("utf8") for path in (self.home / "var" / "log").glob("*.log")
        }
        crashes = [f"{name} has a traceback" for name, text in logs.items() if "Traceback" in text]
        crashes += [
            f"{site}, {kind}: {status} ({detail})"
            for site, kind, status, detail in self.sql(
                "SELECT site, kind, status, detail FROM run WHERE status != 'finished'"
            )
        ]
        crashes += self.night.err.splitlines() if "Traceback" in self.night.err else []
        crashes += (
            []
            if self.night.code in (0, 1)
            else [f"the command ended with code {self.night.code}: {self.night.err[-500:]}"]
        )
        self.figures.check("crashes", len(crashes), not crashes, crashes)

    def _good_pages(self) -> None:
        rows = self.sql("SELECT url FROM articles WHERE site LIKE 'good-%'")
        wanted = PAGES * len(GOOD_HOSTS)
        self.figures.check(
            "good pages that are articles", f"{len(rows)} of {wanted}", len(rows) == wanted
        )

    def _check_outcomes(self, expected: dict[str, ExpectedOutcome]) -> None:
        crawled, cleaned = self._outcomes("crawl"), self._outcomes("clean")
        wrong: dict[str, str] = {}
        for url, fate in expected.items():
            for kind, outcomes_by_url, wanted in (
                ("crawl", crawled, fate.crawled),
                ("clean", cleaned, fate.cleaned),
            ):
                outcomes = outcomes_by_url.get(url, [])
                if outcomes != ([wanted] if wanted else []):
                    actual = " and ".join(outcomes) or "nothing"
                    wrong[url] = f"{url}: {kind}: {actual}, not {wanted or 'nothing'}"
        seen = f"{len(expected) - len(wrong)} of {len(expected)}"
        self.figures.check(
            "hostile URLs with the outcome and reason that their row names",
            seen,
            not wrong,
            wrong.values(),
        )
        vague = []
        for outcomes_by_url in (crawled, cleaned):
            for url, outcomes in outcomes_by_url.items():
                vague += [f"{url}: {outcome}" for outcome in outcomes if _vague(outcome)]
        self.figures.check("reasons that do not say what was wrong", len(vague), not vague, vague)
        reasons = Counter(chain.from_iterable(crawled.values()))
        self.figures.note(
            "outcomes", ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
        )

    def _outcomes(self, kind: str) -> dict[str, list[str]]:
        outcomes_by_url: dict[str, list[str]] = {}
        query = (
            "SELECT p.url, trim(l.outcome || ' ' || l.reason) FROM ledger_entry l"
            " JOIN run r ON r.id = l.run_id JOIN page p ON p.id = l.page_id"
            " WHERE r.kind = ? AND r.site LIKE 'hostile-%'"
        )
        for url, outcome in self.sql(query, kind):
            outcomes_by_url.setdefault(url, []).append(outcome)
        return outcomes_by_url

    def _ledger(self) -> None:
        counted = {
            run: sum(json.loads(counts).values())
            for run, counts in self.sql("SELECT id, counts FROM run")
        }
        entries = dict(self.sql("SELECT run_id, count(*) FROM ledger_entry GROUP BY run_id"))
        (pending,) = self.sql("SELECT count(*) FROM ledger_entry WHERE outcome = 'pending'")[0]
        fits = counted == {run: entries.get(run, 0) for run in counted} and pending == 0
        self.figures.check(
            "the ledger",
            f"{sum(entries.values())} entries, {sum(counted.values())} outcomes, {pending} pending",
            fits,
        )

    def _memory(self) -> None:
        for role in ("crawler", "cleaning worker", "fork server", "command"):
            peak = self.night.memory.highest(role)
            seen = f"{peak:.0f} MB, the highest of {self.night.memory.count(role)}"
            self.figures.check(f"peak memory of a {role}", seen, 0 < peak < MAX_MEMORY)

    def _delays(self) -> None:
        before, after = _seconds(self.alone.out), _seconds(self.night.out)
        crawls = self._durations()
        worst = max(crawls.values(), default=0.0)
        alone = max(before.values(), default=0.0)
        seen = f"{worst:.0f} s; crawled and cleaned alone {alone:.0f} s"
        self.figures.check(
            "slowest crawl of a good site",
            seen,
            len(crawls) == len(GOOD_HOSTS) and worst < 3 * alone + 20,
        )
        seen = f"{max(after.values(), default=0):.0f} s of a night of {self.night.seconds:.0f} s"
        self.figures.check(
            "seconds until the last good site was crawled and cleaned",
            seen,
            bool(after) and max(after.values()) < NIGHT_SECONDS,
        )

    def _durations(self) -> dict[str, float]:
        query = (
            "SELECT site, started_at, finished_at FROM run"
            " WHERE kind = 'crawl' AND site LIKE 'good-%'"
        )
        return {
            site: (_time(end) - _time(begin)).total_seconds()
            for site, begin, end in self.sql(query)
        }


def _vague(text: str) -> bool:
    """Whether an outcome without success has a reason that does not say what was wrong."""
    outcome, _, reason = text.partition(" ")
    return outcome in ("failed", "refused", "deferred", "quarantined") and reason in VAGUE


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _seconds(out: str) -> dict[str, float]:
    try:
        return {
            row["site"]: row["seconds"]
            for row in json.loads(out)
            if row["site"].startswith("good-")
        }
    except ValueError:  # the command did not finish
        return {}
