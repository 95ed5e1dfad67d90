"""replay: pywb shows every story of an exported WARC as it was, byte for byte.

The real command exports the two nights of the demo and pages of other times with difficult
addresses and charsets. The three commands that the docs show load them into pywb. Then each capture
is requested over HTTP: new bytes, the same bytes again (a revisit, for which pywb sends the bytes
of the first capture), redirects and pages that are gone. If pywb is not installed, the stress
test says so and does nothing.
"""

from __future__ import annotations

import http.client
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipeline.store.db.engine import Database
from pipeline.store.read import export_articles
from pipeline.store.read.export_articles import ExportedFetch, ExportQuery
from tests.stress.commands import ROOT, nightdesk
from tests.stress.figures import Figures

FOLDERS = (ROOT / ".venv-pywb" / "bin",)  # in addition to the PATH
MISSING = (
    "skipped: pywb is not installed; python3 -m venv .venv-pywb"
    " && .venv-pywb/bin/pip install -q pywb"
)
NAME = "nightdesk"  # of pywb's collection
START = 60.0  # seconds in which pywb must answer
PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1><p>{1}</p></body></html>"
STORIES = {  # address → texts by day, charset
    "https://gazette.example/ferry?id=7&lang=en": (
        ("The night ferry left.", "The ferry left.", "The ferry came back."),
        "utf-8",
    ),
    "https://gazette.example/новости/паром": (
        ("Ночной паром ушёл.", "Ночной паром ушёл.", "Паром вернулся."),
        "windows-1251",
    ),
    "https://gazette.example/%D3%A3/a%20b;c=(1)'!": (("Киштии шабона рафт.",) * 3, "utf-8"),
}


def run(figures: Figures) -> None:
    """Run the stress test."""
    tools = {name: path for name in ("wb-manager", "wayback") if (path := _find_tool(name))}
    if len(tools) < 2:
        figures.print_line(MISSING)
        return
    with tempfile.TemporaryDirectory(prefix="nd-replay-") as folder:
        home = _archive(figures, Path(folder))
        out = Path(folder) / "pages.warc.gz"
        export = nightdesk(home, "export", str(out), seconds=120)
        figures.check("export", export.out.strip(), export.code == 0, export.err.splitlines())
        with _serve_replay(tools, Path(folder), out) as port:
            store = Database(f"sqlite:///{home}/nightdesk.db")
            _check_fetches(figures, port, list(export_articles.iter_fetches(store, ExportQuery())))
            store.close()


def _find_tool(name: str) -> str | None:
    return next(
        (str(folder / name) for folder in FOLDERS if (folder / name).is_file()), shutil.which(name)
    )


def _archive(figures: Figures, folder: Path) -> Path:
    """Create the demo's archive, import pages of three days, and return the home folder."""
    demo = nightdesk(folder, "demo", seconds=300)
    figures.check("demo", f"exit code {demo.code}", demo.code == 0, demo.err.splitlines())
    home = folder / "var" / "demo"
    more = nightdesk(
        home, "import", "--no-clean", str(_write_warc(folder / "others.warc.gz")), seconds=120
    )
    figures.check(
        "import of pages with hard addresses",
        more.out.partition("\n")[0],
        more.code == 0,
        more.err.splitlines(),
    )
    return home


def _write_warc(path: Path) -> Path:
    with path.open("wb") as stream:
        writer = WARCWriter(stream, gzip=True)
        for address, (texts, charset) in STORIES.items():
            for day, text in enumerate(texts, 1):
                body = PAGE.format(text, text * 20).encode(charset)
                headers = StatusAndHeaders(
                    "200 OK",
                    [("Content-Type", f"text/html; charset={charset}")],
                    protocol="HTTP/1.1",
                )
                warc_headers = {"WARC-Date": f"2019-03-0{day}T04:05:06Z"}
                answer = (BytesIO(body), len(body))
                writer.write_record(
                    writer.create_warc_record(
                        address,
                        "response",
                        *answer,
                        http_headers=headers,
                        warc_headers_dict=warc_headers,
                    )
                )
    return path


@contextmanager
def _serve_replay(tools: dict[str, str], folder: Path, warc: Path) -> Iterator[int]:
    """Start pywb as the docs show it, and yield its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    root = folder / "pywb"
    root.mkdir()
    for words in (["init", NAME], ["add", NAME, str(warc)]):
        subprocess.run(
            [tools["wb-manager"], *words], cwd=root, check=True, capture_output=True, timeout=120
        )
    with (root / "wayback.log").open("wb") as log:
        command = [tools["wayback"], "-b", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(
            command, cwd=root, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        _wait(port, server)
        yield port
    finally:
        server.terminate()
        server.wait(10)


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end and server.poll() is None:
        try:
            _ask(port, "/")
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"pywb did not answer at port {port} within {START:g} s")


def _ask(port: int, path: str) -> tuple[int, bytes, str]:
    """Return the status, the body and the time of the capture that is shown."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, answer.headers.get("Memento-Datetime", "")


def _check_fetches(figures: Figures, port: int, seen: list[ExportedFetch]) -> None:
    for what, fetches in (
        (
            "stories that pywb shows with the stored bytes",
            [fetch for fetch in seen if fetch.digest and not fetch.first_at],
        ),
        (
            "revisits that it shows with the bytes of the first capture",
            [fetch for fetch in seen if fetch.first_at],
        ),
        (
            "redirects and deleted pages, with their status",
            [fetch for fetch in seen if not fetch.digest],
        ),
    ):
        wrong = [
            f"{fetch.url} of {fetch.at}: {issue}"
            for fetch in fetches
            if (issue := _issue_of(port, fetch))
        ]
        figures.check(
            what,
            f"{len(fetches) - len(wrong)} of {len(fetches)}",
            bool(fetches) and not wrong,
            wrong,
        )
    stories = [fetch for fetch in seen if fetch.digest]
    hidden = [fetch.url for fetch in stories if not _is_shown(port, fetch)]
    figures.check(
        "pages whose links lead into the archive",
        f"{len(stories) - len(hidden)} of {len(stories)}",
        not hidden,
        hidden,
    )


def _issue_of(port: int, fetch: ExportedFetch) -> str:
    status, body, at = _ask(port, _address(fetch, "id_"))
    if status != (200 if fetch.digest else fetch.status):
        return f"answered with {status}"
    if f"{fetch.at:%d %b %Y %H:%M:%S} GMT" not in at:
        return f"the capture of {at} is shown"
    if fetch.digest and sha256(body).hexdigest() != fetch.digest:
        return "the bytes differ from the stored ones"
    return ""


def _is_shown(port: int, fetch: ExportedFetch) -> bool:
    """Whether a reader's browser gets the page."""
    status, body, _ = _ask(port, _address(fetch, "mp_"))
    return status == 200 and b"wombat" in body


def _address(fetch: ExportedFetch, how: str) -> str:
    return f"/{NAME}/{fetch.at:%Y%m%d%H%M%S}{how}/" + quote(fetch.url, safe="/:?&=%;()'!")
