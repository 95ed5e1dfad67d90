"""All responses of a demo site on one night, as a table from path to response.

A path that is not in the table gets `not_found_page`. Nothing here listens on a socket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from string import Template

from pipeline.demo_site import chashma, courier, feeds, vestnik
from pipeline.demo_site.data import load_site, package_files
from pipeline.demo_site.markup import render_template
from pipeline.demo_site.model import DemoResponse, SpecialPage, Story
from pipeline.demo_site.state import DemoSiteState

HTML = "text/html; charset=utf-8"
XML = "application/xml; charset=utf-8"
RSS = "application/rss+xml; charset=utf-8"
ATOM = "application/atom+xml; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"
SVG = "image/svg+xml"
CSS = "text/css; charset=utf-8"

PathsAndPages = Iterator[tuple[str, DemoResponse]]


@dataclass(frozen=True)
class SiteDesign:
    """The design of one site: its three kinds of page, its feed and its error texts."""

    story: Callable[[DemoSiteState, Story], str]
    listing: Callable[[DemoSiteState, str | None], str]
    notice: Callable[[DemoSiteState, str, Sequence[str]], str]
    feed: Callable[[DemoSiteState], str]
    feed_type: str
    html_type: str
    not_found: tuple[str, str]
    gone: tuple[str, str]
    news_sitemap: bool = False
    changes_nightly: bool = False


SITE_DESIGNS = {
    "harbour-courier": SiteDesign(
        story=courier.story_page,
        listing=courier.listing_page,
        notice=courier.notice_page,
        feed=feeds.rss,
        feed_type=RSS,
        html_type=HTML,
        not_found=("Page not found", "There is nothing at this address."),
        gone=("This story has been removed", "The story that stood here has been withdrawn."),
        news_sitemap=True,
        changes_nightly=True,
    ),
    "stepnoy-vestnik": SiteDesign(
        story=vestnik.story_page,
        listing=vestnik.listing_page,
        notice=vestnik.notice_page,
        feed=lambda state: feeds.rss(state, full_text=True),
        feed_type=RSS,
        html_type=HTML,
        not_found=("Страница не найдена", "По этому адресу ничего нет."),
        gone=("Материал удалён", "Материал снят с публикации."),
    ),
    "chashma": SiteDesign(
        story=chashma.story_page,
        listing=chashma.listing_page,
        notice=chashma.notice_page,
        feed=feeds.atom,
        feed_type=ATOM,
        html_type="text/html",
        not_found=("Саҳифа ёфт нашуд", "Дар ин нишонӣ чизе нест."),
        gone=("Мавод нест карда шуд", "Ин мавод аз нашр гирифта шудааст."),
    ),
}


@cache
def build_site(site_id: str, night: int, base_url: str) -> Mapping[str, DemoResponse]:
    """Return all responses of a site on one night, by path."""
    state = DemoSiteState(load_site(site_id), night, base_url)
    design = SITE_DESIGNS[site_id]
    makers = (_stories, _listings, _machine_pages, _specials, _assets)
    pages: dict[str, DemoResponse] = {}
    for maker in makers:
        pages.update(maker(state, design))
    return pages


@cache
def not_found_page(site_id: str, night: int, base_url: str) -> DemoResponse:
    """Return the response of a site to an unknown path."""
    design = SITE_DESIGNS[site_id]
    return _notice(
        DemoSiteState(load_site(site_id), night, base_url), design, 404, design.not_found
    )


def _stories(state: DemoSiteState, design: SiteDesign) -> PathsAndPages:
    for story in state.stories:
        changed_at = state.night_end if design.changes_nightly else story.changed_at
        yield story.path, _page(design.story(state, story), design.html_type, changed_at)
    if state.content.gone_status != 404:
        for story in state.content.stories:
            if story.deleted_on is not None and story.deleted_on <= state.night:
                yield story.path, _notice(state, design, state.content.gone_status, design.gone)


def _notice(
    state: DemoSiteState, design: SiteDesign, status: int, message: tuple[str, str]
) -> DemoResponse:
    body = design.notice(state, message[0], message[1:])
    return DemoResponse(status, body.encode(), design.html_type)


def _listings(state: DemoSiteState, design: SiteDesign) -> PathsAndPages:
    for section in (None, *state.content.sections):
        path = f"/{section}/" if section else "/"
        yield path, _page(design.listing(state, section), design.html_type, state.night_end)


def _machine_pages(state: DemoSiteState, design: SiteDesign) -> PathsAndPages:
    changed_at = state.changed_at
    yield feeds.FEED, _page(design.feed(state), design.feed_type, changed_at)
    yield "/robots.txt", _page(feeds.robots(state), PLAIN, state.content.nights[0])
    if not design.news_sitemap:
        yield "/sitemap.xml", _page(feeds.sitemap(state), XML, changed_at)
        return
    parts = {
        "/sitemap-news.xml": feeds.news_sitemap(state),
        "/sitemap-stories.xml": feeds.sitemap(state),
    }
    yield "/sitemap.xml", _page(feeds.sitemap_index(state, parts), XML, changed_at)
    for path, body in parts.items():
        yield path, _page(body, XML, changed_at)


def _specials(state: DemoSiteState, design: SiteDesign) -> PathsAndPages:
    for special in state.content.specials:
        if special.kind == "moved" and special.target is not None:
            story = next(s for s in state.content.stories if s.slug == special.target)
            target_url = state.url(story.path)
            yield special.path, DemoResponse(301, b"", design.html_type, location=target_url)
        elif special.kind in ("consent", "private", "page"):
            body = _special_body(state, design, special)
            yield special.path, _page(body, design.html_type, special.published)


def _special_body(state: DemoSiteState, design: SiteDesign, special: SpecialPage) -> str:
    if special.kind == "consent":
        return render_template(state, "consent.html", {"action": special.path})
    return design.notice(state, special.title, special.paragraphs)


def _assets(state: DemoSiteState, design: SiteDesign) -> PathsAndPages:
    first_night_end = state.content.nights[0]
    folder = package_files() / "assets"
    css = (folder / f"{state.content.site.id}.css").read_text(encoding="utf-8")
    yield "/assets/site.css", _page(css, CSS, first_night_end)
    picture = Template((folder / "photo.svg").read_text(encoding="utf-8"))
    yield "/assets/icon.svg", _page(_picture(picture, state.content.site.id), SVG, first_night_end)
    for story in state.stories:
        yield state.image(story), _page(_picture(picture, story.slug), SVG, story.published)


def _picture(picture: Template, seed: str) -> str:
    """Draw a picture that depends only on the seed."""
    digest = sha256(seed.encode()).digest()
    points = {f"p{i}": f"{digest[i] % 90:02}" for i in range(8)}
    hue = digest[8] * 360 // 256
    near = (hue + 30) % 360
    return picture.substitute(points, hue=hue, near=near, sun=120 + digest[9] * 3)


def _page(body: str, content_type: str, changed_at: datetime) -> DemoResponse:
    return DemoResponse(200, body.encode(), content_type, changed_at=changed_at)
