"""Lead pictures: fetched after the stories, checked by their bytes, served, and forgotten.

Each hostile picture has one outcome with a reason, and none of its bytes are kept.
"""

from __future__ import annotations

import gzip
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

from starlette.testclient import TestClient

from pipeline.core.pictures import MAX_PICTURE_BYTES
from pipeline.formats.export import write_export
from pipeline.jobs import forget, repair
from pipeline.store import read
from pipeline.store.db.engine import Database
from pipeline.store.maintenance.faults import VerifiedCounts, VerifyScope
from pipeline.store.maintenance.forget import ForgetOrder
from pipeline.store.read import ExportQuery
from pipeline.web.app import create_app
from pipeline.web.middleware.security_headers import PICTURE_POLICY
from tests.support.archive_factory import clean, do, rows
from tests.support.local_site import LocalSite, crawl_job, run_crawl, serve_local_site
from tests.support.pictures import gif, jpeg, png

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
# story → (its picture, the outcome of the picture)
PICTURES = {
    "harbour": ("/pictures/harbour.png", ("fetched", "new")),
    "ferry": ("/pictures/shared.jpg", ("fetched", "new")),
    "levy": ("/pictures/shared.jpg", ("fetched", "new")),
    "copied": ("/pictures/copy-of-harbour.png", ("fetched", "new")),
    "moved": ("/pictures/moved.gif", ("fetched", "new")),
    "misnamed": ("/pictures/misnamed", ("fetched", "new")),
    "script": ("/pictures/script.svg", ("failed", "not_picture")),
    "page": ("/pictures/page.jpg", ("failed", "not_picture")),
    "huge": ("/pictures/huge.jpg", ("failed", "too_large")),
    "endless": ("/pictures/endless.jpg", ("failed", "too_large")),
    "gzip-bomb": ("/pictures/gzip.png", ("failed", "too_large")),
    "bomb": ("/pictures/bomb.png", ("failed", "too_many_pixels")),
    "empty": ("/pictures/empty.png", ("failed", "empty_body")),
    "missing": ("/pictures/missing.png", ("gone", "not_found")),
    "closed": ("/closed/picture.png", ("refused", "robots")),
    "inner": ("http://10.1.2.3/picture.png", ("refused", "blocked_address")),
    "to-inner": ("/pictures/to-inner.png", ("refused", "blocked_address")),
    "circle": ("/pictures/circle.png", ("failed", "http_redirect")),
    "noai": ("/pictures/noai.png", ("refused", "opted_out")),
}
LIVE = {name for name, (_, outcome) in PICTURES.items() if outcome[0] == "fetched"}


def prepare(site: LocalSite) -> None:
    site.add_page("/robots.txt", "User-agent: nightdesk\nDisallow: /closed/\n", "text/plain")
    stories: list[str] = []
    for name, (picture, _) in PICTURES.items():
        meta = f'<meta property="og:image" content="{picture}">'
        page = f"The {name}\n{meta}\nAll about the {name}."  # its first line is its title
        stories.append(site.add_page(f"/news/{name}-{len(stories)}.html", page))
    site.add_page("/news/plain-99.html", "The plain\nNo picture.")
    site.add_feed("/feed.xml", [*stories, site.url + "/news/plain-99.html"])
    cookie = {"Set-Cookie": "reader=1; Path=/"}
    site.add_page("/pictures/harbour.png", png(), "image/png", headers=cookie)
    site.add_page("/pictures/copy-of-harbour.png", png(), "image/png")
    site.add_page("/pictures/shared.jpg", jpeg(1200, 630), "image/jpeg")
    site.add_redirect("/pictures/moved.gif", "/pictures/target.gif")
    site.add_page("/pictures/target.gif", gif(8, 8), "image/gif")
    site.add_page("/pictures/misnamed", png(9, 9), "text/html")
    _prepare_hostile(site)


def _prepare_hostile(site: LocalSite) -> None:
    site.add_page("/pictures/script.svg", SVG, "image/png")
    site.add_page("/pictures/page.jpg", "<html><script>1</script>", "image/jpeg")
    site.add_page("/pictures/huge.jpg", jpeg(9, 9) + b"\0" * MAX_PICTURE_BYTES, "image/jpeg")
    site.add_page("/pictures/endless.jpg", b"", "image/jpeg", endless=True)
    bomb = gzip.compress(png(9, 9) + b"\0" * 9_000_000)
    site.add_page("/pictures/gzip.png", bomb, "image/png", headers={"Content-Encoding": "gzip"})
    site.add_page("/pictures/bomb.png", png(20_000, 20_000), "image/png")
    site.add_page("/pictures/empty.png", b"", "image/png")
    site.add_page("/closed/picture.png", png(), "image/png")
    site.add_redirect("/pictures/to-inner.png", "http://192.168.1.1/picture.png")
    site.add_redirect("/pictures/circle.png", "/pictures/circle.png")
    site.add_page(
        "/pictures/noai.png", png(4, 4), "image/png", headers={"X-Robots-Tag": "noimageai"}
    )


def outcomes_of(store: Database, run: int) -> dict[str, tuple[str, str]]:
    """Return the outcome and the reason of each picture in a run, by its URL."""
    query = (
        "SELECT page.url, e.outcome, e.reason FROM ledger_entry e JOIN page ON page.id = e.page_id"
        " WHERE page.kind = 'picture' AND e.run_id = :run"
    )
    return {url: (outcome, reason) for url, outcome, reason in rows(store, query, run=run)}


def test_pictures_are_kept_served_exported_and_forgotten(
    store: Database, database_url: str, tmp_path: Path
) -> None:
    with serve_local_site(prepare) as site:
        job = crawl_job(
            site,
            tmp_path,
            database_url=database_url,
            feeds=[site.url + "/feed.xml"],
            politeness={"obey_noai": True, "concurrency": 4},
        )
        run_crawl(job, tmp_path)
        assert not rows(store, "SELECT 1 FROM page WHERE kind = 'picture'"), "off by default"
        job["site"] |= {"pictures": "lead"}
        again = "UPDATE page SET due_at = first_seen_at, payload_id = NULL"
        do(store, again)
        site.received.clear()
        crawl = run_crawl(job, tmp_path)
        _check_requests(site)
        run_crawl(job, tmp_path)
        asked = [path for path in site.received_paths if path.startswith("/pictures/")]
        asked = [path for path in asked if "circle" not in path]  # it is followed five times
        assert len(asked) == len(set(asked)), "a picture is asked for once"
        assert crawl.finished["status"] == "finished"
        expected = {_absolute(site, path): outcome for path, outcome in PICTURES.values()}
        assert outcomes_of(store, crawl.finished["run"]) == expected
    clean(store, site="local")
    _check_served(store)
    _check_exports(store, tmp_path)
    _check_forgotten(store)


def _absolute(site: LocalSite, path: str) -> str:
    return path if path.startswith("http") else site.url + path


def _check_requests(site: LocalSite) -> None:
    """Pictures come after all stories, without cookies, and with a header of their own."""
    paths = [path for path in site.received_paths if path.startswith(("/news/", "/pictures/"))]
    first_picture = next(n for n, path in enumerate(paths) if path.startswith("/pictures/"))
    assert all(path.startswith("/pictures/") for path in paths[first_picture:])
    for request in site.received:
        assert "cookie" not in request.headers
        assert "referer" not in request.headers
    (request,) = site.requests_for("/pictures/harbour.png")
    assert request.headers["accept"].startswith("image/jpeg")
    assert "svg" not in request.headers["accept"]


def _articles(store: Database) -> dict[str, int]:
    query = "SELECT title, id FROM articles"
    return {title.removeprefix("The "): number for title, number in rows(store, query)}


def _check_served(store: Database) -> None:
    """A picture leaves as what it is by its bytes, and each list shows it."""
    articles = _articles(store)
    assert set(read.lead_pictures(store, list(articles.values()))) == {
        articles[name] for name in LIVE
    }
    with TestClient(create_app(store), base_url="http://127.0.0.1:8642") as web:
        for name, number in articles.items():
            reply = web.get(f"/articles/{number}/picture")
            assert reply.status_code == (200 if name in LIVE else 404), name
        reply = web.get(f"/articles/{articles['misnamed']}/picture")
        assert reply.content == png(9, 9)
        assert reply.headers["content-type"] == "image/png"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["content-security-policy"] == PICTURE_POLICY
        assert "set-cookie" not in reply.headers
        known = {"If-None-Match": reply.headers["etag"]}
        assert (
            web.get(f"/articles/{articles['misnamed']}/picture", headers=known).status_code == 304
        )
        image = f'src="/articles/{articles["ferry"]}/picture?v='
        for path in ("/", "/search?q=ferry", f"/articles/{articles['ferry']}"):
            assert image in web.get(path).text, path
        assert "/picture?v=" not in web.get(f"/articles/{articles['plain']}").text


def _check_exports(store: Database, folder: Path) -> None:
    """A WACZ of two stories holds their pictures, each once, and no other one."""
    names = "title:ferry OR title:levy"
    write_export(store, ExportQuery(query=names), "wacz", folder / "two.wacz")
    with ZipFile(folder / "two.wacz") as package:
        index = package.read("indexes/index.cdx").decode()
        pages = package.read("pages/pages.jsonl").decode()
    (picture,) = [line for line in index.splitlines() if "/pictures/" in line]
    assert "/pictures/shared.jpg" in picture
    assert "/pictures/" not in pages


def _check_forgotten(store: Database) -> None:
    """A picture goes with its last story; bytes that another story has, too, stay for it."""
    articles = _articles(store)
    order = ForgetOrder("order 7 O 81/26")

    def stored(body: bytes) -> bool:
        query = "SELECT 1 FROM payload WHERE digest = :digest"
        return bool(rows(store, query, digest=sha256(body).hexdigest()))

    for name, other in (("ferry", "levy"), ("harbour", "copied")):
        body = jpeg(1200, 630) if name == "ferry" else png()
        forget.forget_page(store, articles[name], order)
        assert stored(body), f"{other} has it, too"
        assert read.picture_bytes(store, articles[other]) == body
        assert read.picture_bytes(store, articles[name]) is None
        forget.forget_page(store, articles[other], order)
        assert not stored(body)
    assert not rows(
        store, "SELECT 1 FROM page WHERE url LIKE '%shared.jpg' OR url LIKE '%harbour%'"
    )
    forget.hide_page(store, articles["moved"], order)
    assert read.picture_bytes(store, articles["moved"]) is None
    scope = VerifyScope()
    assert not list(repair.verify_archive(store, scope, VerifiedCounts(), lambda *_: None))
