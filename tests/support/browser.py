"""The reading room at an address, and Chromium that walks its pages and says what is wrong with them.

Promises that a page is looked at as its reader would: what the console says, what sticks out of the screen, and what axe-core
finds serious where it is asked. Who walks is skipped where no browser is installed (`NEEDED`).
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from pipeline.config.settings import BROWSERS
from pipeline.store.db.engine import Database
from pipeline.web.app import application
from pipeline.web.server import address_of, listen

CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), "")
AXE = find_spec("axe_core_python")
NEEDED = pytest.mark.skipif(
    not CHROMIUM or not AXE or not find_spec("playwright"),
    reason="Chromium, or the extra 'test', is not installed",
)
HELD = "/framed/"  # archived pages, which may complain that they may do nothing


@dataclass(frozen=True)
class Screen:
    """What pages are looked at on."""

    width: int
    height: int
    scheme: str


GRAVE = ("serious", "critical")
# A rule is left out none of whose checks weighs enough; of what is found no more is brought over than is told.
LOOK = """async grave => {
    const weighs = axe._audit.data.checks, rules = {};
    for (const rule of axe._audit.rules) {
        const checks = [...rule.any, ...rule.all, ...rule.none].map(check => weighs[check.id ?? check].impact);
        if (!(rule.impact ? [rule.impact] : checks).some(each => grave.includes(each))) rules[rule.id] = {enabled: false};
    }
    const {violations} = await axe.run(document, {iframes: false, resultTypes: ['violations'], rules});
    return violations.filter(each => grave.includes(each.impact)).map(each =>
        ({impact: each.impact, id: each.id, nodes: each.nodes.slice(0, 2).map(node => node.html.slice(0, 120))}));
}"""
DESK, PHONE = Screen(1280, 800, "light"), Screen(360, 740, "dark")


@contextmanager
def serving(store: Database, asked: list[str], token: str = "") -> Iterator[str]:
    """The room at an address; the paths that are asked for are written down."""
    inner = application(store, token=token)

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


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def walk(
    browser: Any, address: str, paths: Iterable[str], with_axe: Iterable[str], token: str = ""
) -> list[str]:
    """What is wrong with these pages on a desk and then, turned into one, on a phone; axe-core looks at those of `with_axe`."""
    known = {"http_credentials": {"username": "reader", "password": token}} if token else {}
    context = browser.new_context(**known)
    page, said, asked = context.new_page(), list[str](), frozenset(with_axe)
    page.on(
        "console", lambda line: said.append(line.text) if HELD not in line.location["url"] else None
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    wrong = list[str]()
    for path in paths:
        said.clear()
        seen = list(_faults(page, address + path, path in asked))
        told = (
            each for each in said if not ("404" in each and path == "nothing")
        )  # which is what it is to answer
        wrong += [f"/{path}: {each}" for each in (*told, *seen)]
    context.close()
    return wrong


@cache
def _axe() -> str:
    assert AXE is not None
    assert AXE.origin is not None
    return (Path(AXE.origin).parent / "axe.min.js").read_text(encoding="utf8")


def _faults(page: Any, url: str, with_axe: bool) -> Iterator[str]:
    _turn_into(page, DESK)
    page.goto(url)
    if with_axe:
        page.evaluate(_axe())
    for screen in (DESK, PHONE):
        if screen is PHONE:
            _turn_into(page, screen)
        for each in _seen(page, with_axe):
            yield f"{each}, at {screen.width}"


def _turn_into(page: Any, screen: Screen) -> None:
    page.set_viewport_size({"width": screen.width, "height": screen.height})
    page.emulate_media(color_scheme=screen.scheme, reduced_motion="reduce")
    page.evaluate(
        "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )  # it is drawn anew


def _seen(page: Any, with_axe: bool) -> Iterator[str]:
    """What is wrong with a page as it stands on its screen."""
    over = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    if over > 0:
        yield f"sticks out by {over} px"
    if with_axe:
        for each in page.evaluate(LOOK, GRAVE):
            yield f"{each['impact']} {each['id']}: {each['nodes']}"
