"""breakage: a site with sixty nights of history breaks in twelve ways, and each must be noticed.

Each night is the real command and a real server. Only the times are invented: the runs are moved
into the past, one day apart.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.stress.commands import nightdesk
from tests.stress.figures import Figures
from tests.stress.server import Answer, Server, http, redirect, start_server
from tests.stress.story_pages import WORDS, headline, paragraphs

HOST = "127.0.0.31"
NIGHTS = 60
FEED_LINKS = 30  # links of the feed
HISTORY = timedelta(days=75)
LIMIT = 120.0  # seconds of one night
LOSS_NIGHTS = 10  # nights within which a loss that grows by 2 % each night must be noticed
AUTHORS = [
    f"{first.title()} {last.title()}" for first, last in zip(WORDS[:12], WORDS[12:24], strict=True)
]


@dataclass(frozen=True)
class Story:
    """One story of one night."""

    night: int
    number: int

    @property
    def path(self) -> str:
        return f"/news/{self.night}-{self.number}.html"

    @property
    def name(self) -> str:
        return f"story {self.night} {self.number}"


CreateAnswer = Callable[[Story], Answer]


def page(story: Story, *, dated: bool = True, text: bool = True) -> str:
    """Return a story in the layout that the site has had for years."""
    title, author = headline(story.name), random.Random(story.name).choice(AUTHORS)
    day = f"2025-{story.night % 12 + 1:02}-{story.number % 27 + 1:02}T08:00:00Z"
    stamp = f'<meta property="article:published_time" content="{day}">' if dated else ""
    body = paragraphs(story.name) if text else ""
    return (
        f'<!doctype html><html lang="en"><head><title>{title} - The Quay</title>'
        f'<meta name="author" content="{author}">{stamp}'
        '</head><body><nav class="menu"><a href="/">Home</a> <a href="/about">About</a></nav>'
        f'<main class="story"><h1 class="headline">{title}</h1><p class="byline">By {author}</p>'
        f'<div class="body">{body}</div></main>'
        '<footer class="foot">The Quay, every morning</footer></body></html>'
    )


def redesigned(story: Story) -> Answer:
    """Answer with the same story in other markup, without author and date."""
    title = headline(story.name)
    text = paragraphs(story.name, 3).replace("<p>", '<div class="z9">').replace("</p>", "</div>")
    return http(
        f'<!doctype html><html lang="en"><head><title>{title}</title></head><body><div id="app">'
        f'<div class="q1"><h2>{title}</h2></div><section class="q7"><div class="q8">{text}</div>'
        "</section></div></body></html>"
    )


WALL = (
    "<h1>Before you continue</h1><p>We and our partners use cookies. Accept all cookies or manage"
    " your choices.</p>"
)
NOT_FOUND = (
    "<h1>Page not found</h1><p>The page that you are looking for does not exist. Go to the front"
    " page.</p>"
)


def plain(title: str, body: str) -> Answer:
    return http(
        f'<!doctype html><html lang="en"><head><title>{title}</title></head>'
        f"<body>{body}</body></html>"
    )


def healthy(story: Story) -> Answer:
    return http(page(story))


def losing_texts(age: int) -> CreateAnswer:
    def make(story: Story) -> Answer:
        is_lost = random.Random(f"rot {story.name}").random() < 0.02 * age
        return http(page(story, text=not is_lost))

    return make


BREAKS: dict[str, CreateAnswer | str] = {  # the answers of stories, or a change of the feed
    "selector change": redesigned,
    "empty body": lambda story: http(page(story, text=False)),
    "consent wall": lambda story: plain("Before you continue", WALL),
    "403 for bots": lambda story: http("no", status="403 Forbidden"),
    "feed frozen": "frozen",
    "feed gone": "gone",
    "half the stories lost": "half",
    "dates lost": lambda story: http(page(story, dated=False)),
    "charset changed": lambda story: http(
        page(story).encode("cp1251"), kind="text/html; charset=windows-1251"
    ),
    "redirect to the front page": lambda story: redirect("/"),
    "soft 404s": lambda story: plain("Page not found", NOT_FOUND),
}


class Site:
    """The site as it is in a given night."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def stories(self, night: int) -> list[Story]:
        return [Story(night, number) for number in range(random.Random(f"{night}").randint(16, 26))]

    def open(self, night: int, make: CreateAnswer = healthy, feed: str = "") -> None:
        """Serve this night: its stories, and a feed of the newest ones."""
        answers = self._server.answers
        answers[HOST, "/"] = plain("The Quay", "<h1>The Quay</h1><p>Every morning.</p>")
        for story in self.stories(night):
            answers[HOST, story.path] = make(story)
        stories = [*self.stories(night), *self.stories(night - 1), *self.stories(night - 2)]
        newest = stories[:FEED_LINKS]
        if feed == "frozen":
            return
        answers[HOST, "/feed.xml"] = self._feed(
            newest[: FEED_LINKS // 2] if feed == "half" else newest
        )
        if feed == "gone":
            answers[HOST, "/feed.xml"] = http("gone", status="404 Not Found")

    def _feed(self, stories: Sequence[Story]) -> Answer:
        url = self._server.url
        items = "".join(
            f"<item><title>{headline(s.name)}</title><link>{url(HOST, s.path)}</link></item>"
            for s in stories
        )
        return http(
            '<?xml version="1.0"?><rss version="2.0"><channel><title>x</title>'
            f"{items}</channel></rss>",
            "text/xml",
        )


def run(figures: Figures) -> None:
    """Run the stress test."""
    with (
        tempfile.TemporaryDirectory(prefix="nightdesk-breakage-") as scratch,
        start_server([HOST]) as server,
    ):
        site, home = Site(server), Path(scratch, "home")
        _write_home(home, server)
        for night in range(NIGHTS):
            site.open(night)
            _night(home)
            _move_into_past(home, night)
        alarms = _all_issues(home)
        figures.check(
            f"false alarms in {NIGHTS} healthy nights", len(alarms), len(alarms) <= 1, alarms
        )
        for name, breakage in BREAKS.items():
            _break(figures, site, home, Path(scratch, "broken"), name, breakage)
        _check_slow_loss(figures, site, home, Path(scratch, "losing"))


def _break(
    figures: Figures, site: Site, home: Path, broken: Path, name: str, breakage: CreateAnswer | str
) -> None:
    shutil.copytree(home, broken)
    site.open(NIGHTS - 1)  # repair the feed after the breakage before
    if isinstance(breakage, str):
        site.open(NIGHTS, feed=breakage)
    else:
        site.open(NIGHTS, breakage)
    _night(broken)
    issues = _open_issues(broken)
    figures.check(
        f"{name}, the next morning",
        ", ".join(issue.split(":")[0] for issue in issues) or "nothing",
        bool(issues),
    )
    for issue in issues:
        figures.note("", issue)
    shutil.rmtree(broken)


def _check_slow_loss(figures: Figures, site: Site, home: Path, copy: Path) -> None:
    shutil.copytree(home, copy)
    for age in range(1, 2 * LOSS_NIGHTS + 1):
        site.open(NIGHTS + age, losing_texts(age))
        _night(copy)
        if issues := _open_issues(copy):
            figures.check(
                "slow loss of texts, noticed after nights", age, age <= LOSS_NIGHTS, issues
            )
            figures.note("", issues[0])
            return
        _move_into_past(copy, NIGHTS + age)
    figures.check("slow loss of texts, noticed after nights", "never", False)


def _write_home(home: Path, server: Server) -> None:
    folder = home / "config" / "sites"
    folder.mkdir(parents=True)
    (home / "config" / "nightdesk.toml").write_text(
        'contact = "nobody@example.org"\n', encoding="utf8"
    )
    (folder / "quay.toml").write_text(
        f'name = "The Quay"\nurl = "{server.url(HOST)}"\n'
        f'feeds = ["{server.url(HOST, "/feed.xml")}"]\nlanguage = "en"\n'
        "[politeness]\ndelay = 0.0\nretries = 0\nconcurrency = 4\n[safety]\nallow_private = true\n",
        encoding="utf8",
    )


def _night(home: Path) -> None:
    ended = nightdesk(home, "crawl", "--json", seconds=LIMIT)
    if not ended.out.startswith("["):
        raise RuntimeError(f"the night ended with {ended.code}: {ended.err}")
    json.loads(ended.out)


def _move_into_past(home: Path, night: int) -> None:
    """Move the newest crawl and its clean to a day in the past."""
    at = datetime.now(UTC).replace(tzinfo=None, microsecond=0) - HISTORY + timedelta(days=night)
    with closing(sqlite3.connect(home / "var" / "nightdesk.db")) as db, db:
        (run,) = db.execute("SELECT max(id) FROM run WHERE kind = 'crawl'").fetchone()
        moment = f"{at:%Y-%m-%d %H:%M:%S}.000000"
        db.execute(
            "UPDATE run SET started_at = ?, finished_at = ? WHERE id >= ?", (moment, moment, run)
        )
        db.execute(
            "UPDATE container SET first_main_at = ? WHERE first_main_at > ?", (moment, moment)
        )


def _open_issues(home: Path) -> list[str]:
    """Return the kind and sentence of the open issues."""
    return _issues(home, "closed_at IS NULL")


def _all_issues(home: Path) -> list[str]:
    """Return the kind and sentence of all issues, also of the closed ones."""
    return _issues(home, "1 = 1")


def _issues(home: Path, condition: str) -> list[str]:
    query = f"SELECT kind || ': ' || sentence FROM issue WHERE {condition} ORDER BY id"
    with closing(sqlite3.connect(home / "var" / "nightdesk.db")) as db:
        return [row[0] for row in db.execute(query)]
