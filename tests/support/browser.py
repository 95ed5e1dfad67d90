"""The web app at a URL, and Chromium that looks for faults on its pages.

A fault is a message on the console, content that is wider than the screen, text that is cut off, or
a serious issue that axe-core finds. Tests that need a browser are marked with `needs_browser`.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from pipeline.config.settings import BROWSERS
from pipeline.store.db.engine import Database
from pipeline.web.app import create_app
from pipeline.web.server import listen, server_url

CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), "")
AXE = find_spec("axe_core_python")
needs_browser = pytest.mark.browser
FRAMED_PATH = "/framed/"  # archived pages: the console complains about what the policy blocks
MISSING_PAGE = "nothing"  # its status is 404, which the console reports
USER_NAME = "reader"


@dataclass(frozen=True)
class Screen:
    """The size and colour scheme of a screen."""

    width: int
    height: int
    scheme: str


DESKTOP, PHONE = Screen(1280, 800, "light"), Screen(390, 844, "dark")
OTHER_SCHEME = {"light": "dark", "dark": "light"}  # in which only contrasts may differ
SERIOUS_IMPACTS = ("serious", "critical")
# Rules without a check of these impacts are disabled, and only what is reported leaves the page:
# both make axe-core several times faster.
AXE_PROGRAM = """async impacts => {
    const impactOf = axe._audit.data.checks, rules = {};
    for (const rule of axe._audit.rules) {
        const checks = [...rule.any, ...rule.all, ...rule.none];
        const possible = rule.impact
            ? [rule.impact] : checks.map(check => impactOf[check.id ?? check].impact);
        if (!possible.some(impact => impacts.includes(impact))) rules[rule.id] = {enabled: false};
    }
    const options = {iframes: false, resultTypes: ['violations'], rules};
    const {violations} = await axe.run(document, options);
    return violations.filter(violation => impacts.includes(violation.impact)).map(violation => ({
        impact: violation.impact, id: violation.id,
        nodes: violation.nodes.slice(0, 2).map(node => node.html.slice(0, 120)),
    }));
}"""
CONTRAST_PROGRAM = """async () => {
    const options = {iframes: false, resultTypes: ['violations'], runOnly: ['color-contrast']};
    const {violations} = await axe.run(document, options);
    return violations.map(violation => violation.nodes[0].html.slice(0, 120));
}"""
NEXT_FRAME = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

# Texts that their element cuts off, and labels of charts outside of the chart.
CLIPPED = """() => {
    const cut = [...document.querySelectorAll('body *')].filter(element => {
        // A field scrolls with the cursor, and shows all that was typed.
        if (element.matches('main, iframe, input, .visually-hidden, svg *')) return false;
        const overflow = getComputedStyle(element).overflowX;
        return ['hidden', 'clip'].includes(overflow) && element.clientWidth > 2
            && element.scrollWidth > element.clientWidth + 1;
    });
    const outside = [...document.querySelectorAll('svg text')].filter(label => {
        const box = label.getBoundingClientRect();
        const frame = label.ownerSVGElement.getBoundingClientRect();
        return box.width && (box.left < frame.left - 2 || box.right > frame.right + 2
            || box.top < frame.top - 2 || box.bottom > frame.bottom + 2);
    });
    return [...cut, ...outside].slice(0, 3).map(element => element.outerHTML.slice(0, 120));
}"""


@contextmanager
def serve_archive(store: Database, requested_paths: list[str], token: str = "") -> Iterator[str]:
    """Serve the web app on a free port, and yield its URL.

    Args:
        store: The archive.
        requested_paths: Gets the path of each request.
        token: The token that requests need.
    """
    app = create_app(store, token=token)

    async def recording_app(scope: Any, receive: Any, send: Any) -> None:
        requested_paths.append(scope.get("path", ""))
        await app(scope, receive, send)

    with listen("127.0.0.1", 0) as listening:
        server = uvicorn.Server(uvicorn.Config(recording_app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield server_url(listening)
        finally:
            server.should_exit = True
            thread.join(10)


@contextmanager
def chromium() -> Iterator[Any]:
    """Start the browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def check_pages(
    browser: Any,
    base_url: str,
    paths: Iterable[str],
    axe_paths: Collection[str],
    token: str = "",
) -> list[str]:
    """Return the faults of pages, each on a desktop screen and then on a phone.

    Args:
        browser: The browser of `chromium`.
        base_url: The URL of the web app, with a slash at the end.
        paths: The pages, without a slash at the start.
        axe_paths: Those that axe-core checks, too.
        token: The token of the web app.
    """
    options: dict[str, Any] = {}
    if token:
        options["http_credentials"] = {"username": USER_NAME, "password": token}
    context = browser.new_context(**options)
    page = context.new_page()
    messages = _record_messages(page)
    faults: list[str] = []
    for path in paths:
        messages.clear()
        page_faults = list(_page_faults(page, base_url + path, path in axe_paths))
        for message in messages:
            if "404" not in message or path != MISSING_PAGE:
                faults.append(f"/{path}: {message}")
        for fault in page_faults:
            faults.append(f"/{path}: {fault}")
    context.close()
    return faults


def _record_messages(page: Any) -> list[str]:
    """Return a list that gets all console messages, script errors and dialogs of a page."""
    messages: list[str] = []

    def on_console(message: Any) -> None:
        if FRAMED_PATH not in message.location["url"]:
            messages.append(message.text)

    def on_dialog(dialog: Any) -> None:
        messages.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("console", on_console)
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("dialog", on_dialog)
    return messages


@cache
def _axe_source() -> str:
    assert AXE is not None
    assert AXE.origin is not None
    return (Path(AXE.origin).parent / "axe.min.js").read_text(encoding="utf8")


def _page_faults(page: Any, url: str, with_axe: bool) -> Iterator[str]:
    _set_screen(page, DESKTOP)
    page.goto(url)
    if with_axe:
        page.evaluate(_axe_source())
    for screen in (DESKTOP, PHONE):
        if screen is PHONE:
            _set_screen(page, screen)
        for fault in _screen_faults(page, with_axe):
            yield f"{fault}, at {screen.width} px"
        if with_axe:
            _set_screen(page, replace(screen, scheme=OTHER_SCHEME[screen.scheme]))
            for node in page.evaluate(CONTRAST_PROGRAM):
                yield f"contrast: {node}, at {screen.width} px, {OTHER_SCHEME[screen.scheme]}"


def _set_screen(page: Any, screen: Screen) -> None:
    page.set_viewport_size({"width": screen.width, "height": screen.height})
    page.emulate_media(color_scheme=screen.scheme, reduced_motion="reduce")
    page.evaluate(NEXT_FRAME)  # waits until the page is drawn again


def _screen_faults(page: Any, with_axe: bool) -> Iterator[str]:
    overflow = page.evaluate(OVERFLOW)
    if overflow > 0:
        yield f"wider than the screen by {overflow} px"
    for element in page.evaluate(CLIPPED):
        yield f"clipped: {element}"
    if with_axe:
        for violation in page.evaluate(AXE_PROGRAM, SERIOUS_IMPACTS):
            yield f"{violation['impact']} {violation['id']}: {violation['nodes']}"
