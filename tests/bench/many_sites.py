"""Measure nights of many small sites: `python -m tests.bench.many_sites`.

A server on this machine has one address for each site (127.0.1.1, 127.0.1.2 …), where each site has
robots.txt, a feed and its stories. A first night archives the oldest story. The nights that follow
have nothing new, one new story and ten. The figure is CPU seconds for each site, all processes
included, and the same for the checkout that `--against` names.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from threading import Event, Thread

from tests.bench.costs import ROOT, cost_of
from tests.bench.generated_site import Site

SITES = 30
NIGHTS = (("nothing new", 0), ("one new story", 1), ("ten new stories", 10))


class ManySites:
    """Serves invented sites, each on an address of its own, all with the same stories."""

    def __init__(self) -> None:
        self.stories = 1
        self.port = 0
        self._is_ready = Event()

    def start(self) -> None:
        """Serve in a thread until the process ends."""
        Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        self._is_ready.wait()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._answer, "0.0.0.0", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._is_ready.set()
        await server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1")
                headers = dict(
                    line.lower().split(": ", 1) for line in head.splitlines() if ": " in line
                )
                site = Site(self.stories)
                site.base = f"http://{headers['host']}"
                path, validator = head.split()[1], headers.get("if-none-match", "")
                tag = f'"{path}"'
                if path == "/feed.xml":  # it changes with the number of stories
                    tag = f'"{path}-{self.stories}"'
                known = f'"{path}"' if validator == tag else ""
                response = site.respond(path, known)
                writer.write(response.replace(f'ETag: "{path}"'.encode(), f"ETag: {tag}".encode()))
                await writer.drain()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.many_sites", description="Measures nights of many small sites."
    )
    parser.add_argument("--sites", type=int, default=SITES, metavar="N")
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout")
    parser.add_argument("--pairs", type=int, default=1, metavar="N", help="runs of each")
    options = parser.parse_args(arguments)
    checkouts = [ROOT] + ([options.against] if options.against else [])
    server = ManySites()
    server.start()
    costs: dict[tuple[str, Path], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="nd-sites-") as folder:
        for pair in range(options.pairs):
            for checkout in checkouts:
                home = make_home(
                    Path(folder) / f"{checkout.name}-{pair}", options.sites, server.port
                )
                server.stories = 1
                _night(home, checkout)
                for name, stories in NIGHTS:
                    server.stories += stories
                    cpu = _night(home, checkout) / options.sites
                    costs.setdefault((name, checkout), []).append(cpu)
    for name, _ in NIGHTS:
        figures = [median(costs[name, checkout]) for checkout in checkouts]
        line = f"{name:16}" + "".join(f"{figure:8.3f}" for figure in figures)
        if options.against:
            line += f"   ratio {figures[0] / figures[1]:.2f}"
        print(line, "CPU seconds a site", flush=True)  # noqa: T201
    return 0


def make_home(home: Path, sites: int, port: int) -> Path:
    """Configure sites, and return the folder of the archive."""
    folder = home / "config" / "sites"
    folder.mkdir(parents=True)
    (home / "config" / "nightdesk.toml").write_text('contact = "nobody@example.org"\n')
    for number in range(1, sites + 1):
        base = f"http://127.0.1.{number}:{port}"
        lines = [
            f'name = "Site {number}"',
            f'url = "{base}"',
            f'feeds = ["{base}/feed.xml"]',
            "[politeness]",
            "delay = 0.0",
            "[safety]",
            "allow_private = true",
        ]
        (folder / f"site-{number:03}.toml").write_text("\n".join(lines) + "\n")
    return home


def _night(home: Path, checkout: Path) -> float:
    command = [sys.executable, "-P", "-m", "pipeline", "--home", str(home), "crawl"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NIGHTDESK_")}
    environment["PYTHONPATH"] = str(checkout)
    return cost_of(command, environment).cpu


if __name__ == "__main__":
    sys.exit(main())
