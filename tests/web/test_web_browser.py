"""The reading room in the system's own Chromium, walked from page to page. Skipped where that is not installed."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from hostile_archive import build, drafted

from pipeline.settings import BROWSERS
from pipeline.store.archive import Archive
from pipeline.store.engine import Store
from pipeline.web.app import application
from pipeline.web.serving import address_of, listen

CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), "")
AXE = find_spec("axe_core_python")
pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed"),
    pytest.mark.skipif(not AXE or not find_spec("playwright"), reason="the extra 'test' is not installed"),
]
PAGES = (
    "", "search?q=ferry", "search", "sites", "sites/courier", "runs", "runs/3", "articles/3", "articles/5",
    "articles/2/revisions", "pages/3", "pages/3/why", "pages/3/raw", "nothing",
)  # fmt: skip
DARK = ("", "search?q=ferry", "sites/courier", "runs/3", "articles/3", "articles/2/revisions", "pages/3/why")  # axe looks again
SCREENS = ({"width": 1280, "height": 800, "scheme": "light"}, {"width": 360, "height": 740, "scheme": "dark"})


@contextmanager
def serving(store: Store, asked: list[str]) -> Iterator[str]:
    """The room at an address; the paths that are asked for are written down."""
    inner = application(store)

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope.get("path", ""))
        await inner(scope, receive, send)

    with listen("127.0.0.1", 0) as listening:
        server = uvicorn.Server(uvicorn.Config(noting, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield address_of(listening)
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_every_page_is_sound_on_a_desk_and_on_a_phone(store: Store, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    from playwright.sync_api import sync_playwright

    monkeypatch.setattr("archiving.draft_of", drafted)
    build(store, archive)
    assert AXE is not None
    assert AXE.origin is not None
    axe = (Path(AXE.origin).parent / "axe.min.js").read_text(encoding="utf8")
    asked, wrong = list[str](), list[str]()
    with serving(store, asked) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for screen in SCREENS:
            context = browser.new_context(
                viewport={"width": screen["width"], "height": screen["height"]}, color_scheme=screen["scheme"]
            )
            for path in PAGES:
                script = axe if screen["scheme"] == "light" or path in DARK else ""
                wrong += [f"{screen['width']} /{path}: {each}" for each in faults(context.new_page(), address + path, script)]
            context.close()
        browser.close()
    assert not wrong, "\n".join(wrong)
    assert "/beacon" not in asked, "an archived page has loaded something"


def faults(page: Any, url: str, axe: str) -> list[str]:
    """What is wrong with a page: what its reader's console says, what sticks out, what axe finds serious."""
    found: list[str] = []
    page.on("console", lambda said: found.append(said.text) if "/framed/" not in said.location["url"] else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("dialog", lambda dialog: (found.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.goto(url)
    found[:] = [each for each in found if not ("404" in each and url.endswith("/nothing"))]  # which is what it is to answer
    over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    found += [f"sticks out by {over} px"] if over > 0 else []
    page.evaluate(axe or "axe = {run: () => ({violations: []})}")
    for each in page.evaluate("axe.run(document, {iframes: false, resultTypes: ['violations']})")["violations"]:
        if each["impact"] in ("serious", "critical"):
            found.append(f"{each['impact']} {each['id']}: {[node['html'][:120] for node in each['nodes'][:2]]}")
    page.close()
    return found
