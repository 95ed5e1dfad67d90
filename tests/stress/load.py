"""load: one night of three hundred sites on this machine, some of which hang and some of which are
down.

Each site has its own address on the loopback network. Every good story must be an article. The
sites that hang may not delay the others. The number and memory of child processes stay within their
limits.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.generated_site import page_of
from tests.stress.commands import ROOT, nightdesk
from tests.stress.figures import Figures

SITES = 300
STORIES = 6
HANGING = range(8)  # the first ones, so that they occupy the crawlers when the night begins
DOWN = range(8, 14)
CRAWLS = 4
CHILDREN = 3 * CRAWLS
MEGABYTES = 400.0
SECONDS = 3600.0
SITE = """name = "Site {number}"
url = "{url}"
feeds = ["{url}/feed.xml"]
[politeness]
delay = 0.0
[safety]
allow_private = true
"""


def run(figures: Figures) -> None:
    """Run the stress test."""
    with tempfile.TemporaryDirectory(prefix="nd-load-") as folder, _serve_sites() as port:
        home = _home(Path(folder), port)
        night = nightdesk(home, "crawl", "--json", seconds=SECONDS)
        figures.check(
            "exit code (some sites failed)",
            night.code,
            night.code == 1,
            night.err.splitlines(),
        )
        figures.note("seconds, all sites", round(night.seconds))
        figures.note("CPU seconds per site, with start and cleaning", _cpu())
        results = json.loads(night.out) if night.out.startswith("[") else []
        figures.check("sites with a result", f"{len(results)} of {SITES}", len(results) == SITES)
        _check_archive(figures, home)
        memory = night.memory.highest("crawler")
        figures.check("largest crawler in MB", round(memory), memory < MEGABYTES)
        figures.note("largest command in MB", round(night.memory.highest("command")))


def _check_archive(figures: Figures, home: Path) -> None:
    good = SITES - len(HANGING) - len(DOWN)
    with sqlite3.connect(home / "var" / "nightdesk.db") as db:
        articles = db.execute("SELECT count(*) FROM articles").fetchone()[0]
        runs = db.execute(
            "SELECT site, started_at, finished_at FROM run WHERE kind = 'crawl'"
        ).fetchall()
        open_ends = db.execute(
            "SELECT count(*) FROM ledger_entry WHERE outcome = 'pending'"
        ).fetchone()[0]
    figures.check("articles", f"{articles} of {good * STORIES}", articles == good * STORIES)
    figures.check("URLs without an outcome", open_ends, open_ends == 0)
    figures.check("crawls", f"{len(runs)} of {SITES}", len(runs) == SITES)
    moments = sorted(
        [(began, 1) for _, began, _ in runs] + [(ended, -1) for _, _, ended in runs if ended]
    )
    most = now = 0
    for _, change in moments:
        now += change
        most = max(most, now)
    figures.check(f"crawls at the same time, at most {CHILDREN}", most, most <= CHILDREN)
    hanging = {f"site{number:03}" for number in HANGING}
    last_good = max(ended for site, _, ended in runs if site not in hanging)
    last_hanging = max(ended for site, _, ended in runs if site in hanging)
    first = min(began for _, began, _ in runs)
    figures.note(
        "first start of a crawl, last end of a hanging site, last end of another site",
        f"{first} {last_hanging} {last_good}",
    )
    before = sum(ended < last_hanging for site, _, ended in runs if site not in hanging)
    figures.check(
        "other sites that ended before the last hanging one", before, before >= SITES // 20
    )


def _cpu() -> str:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return f"{(used.ru_utime + used.ru_stime) / SITES:.2f}"


def _home(folder: Path, port: int) -> Path:
    home = folder / "home"
    (home / "config" / "sites").mkdir(parents=True)
    text = f'contact = "nobody@example.org"\ncrawls = {CRAWLS}\n'
    (home / "config" / "nightdesk.toml").write_text(text, encoding="utf8")
    for number in range(SITES):
        path = home / "config" / "sites" / f"site{number:03}.toml"
        path.write_text(
            SITE.format(number=number, url=f"http://{address(number)}:{port}"), encoding="utf8"
        )
    return home


def address(number: int) -> str:
    """Return the address of a site. This machine has all of 127/8."""
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


@contextmanager
def _serve_sites() -> Iterator[int]:
    command = [sys.executable, "-m", "tests.stress.load"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        try:
            yield int(server.stdout.readline())
        finally:
            server.stdin.close()


def answer(host: str, path: str, sites: int = SITES) -> bytes:
    """Return what the site at an address answers: its feed, one of its stories, or 404."""
    if path == "/feed.xml":
        items = "".join(
            f"<item><title>{n}</title><link>http://{host}/2026/05/story-{n}</link></item>"
            for n in range(STORIES)
        )
        body, kind = (
            f'<rss version="2.0"><channel><title>x</title>{items}</channel></rss>'.encode(),
            "application/rss+xml",
        )
    elif story := re.fullmatch(r"/2026/05/story-(\d+)", path):
        third, fourth = map(int, host.rpartition(":")[0].split(".")[2:])
        site = (third - 1) * 250 + fourth - 1
        body, kind = page_of(site * STORIES + int(story.group(1)), sites * STORIES), "text/html"
    else:
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    return (
        f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )


async def _serve() -> None:
    hanging = {address(number) for number in HANGING}

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
                match = re.search(r"^host:\s*(\S+)", head, re.IGNORECASE | re.MULTILINE)
                host = match.group(1) if match else ""
                if host.rpartition(":")[0] in hanging:
                    await asyncio.sleep(SECONDS)
                writer.write(answer(host, head.split(" ")[1]))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    hosts = [address(number) for number in range(SITES) if number not in DOWN]
    first = await asyncio.start_server(handle, hosts[0], 0)
    port = first.sockets[0].getsockname()[1]
    await asyncio.start_server(handle, hosts[1:], port)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)  # else each hanging connection would report its end


if __name__ == "__main__":
    asyncio.run(_serve())
