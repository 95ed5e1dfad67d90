"""Every answer a site can give on one night.

Promises: a pure table from path to answer; an address that is not in it is
answered with `missing`. Nothing here listens on a socket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from string import Template

from pipeline.demo_site import chashma, courier, feeds, vestnik
from pipeline.demo_site.data import load, package_files
from pipeline.demo_site.edition import Edition
from pipeline.demo_site.markup import fill
from pipeline.demo_site.model import Page, Special, Story

HTML = "text/html; charset=utf-8"
XML = "application/xml; charset=utf-8"
RSS = "application/rss+xml; charset=utf-8"
ATOM = "application/atom+xml; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"
SVG = "image/svg+xml"
CSS = "text/css; charset=utf-8"

Paths = Iterator[tuple[str, Page]]


@dataclass(frozen=True)
class Look:
    """How one site looks: its three kinds of page, its feed and its words for errors."""

    story: Callable[[Edition, Story], str]
    listing: Callable[[Edition, str | None], str]
    notice: Callable[[Edition, str, Sequence[str]], str]
    feed: Callable[[Edition], str]
    feed_type: str
    html_type: str
    not_found: tuple[str, str]
    gone: tuple[str, str]
    news_sitemap: bool = False
    changes_nightly: bool = False


LOOKS = {
    "harbour-courier": Look(
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
    "stepnoy-vestnik": Look(
        story=vestnik.story_page,
        listing=vestnik.listing_page,
        notice=vestnik.notice_page,
        feed=lambda edition: feeds.rss(edition, full_text=True),
        feed_type=RSS,
        html_type=HTML,
        not_found=("Страница не найдена", "По этому адресу ничего нет."),
        gone=("Материал удалён", "Материал снят с публикации."),
    ),
    "chashma": Look(
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
def build(site_id: str, night: int, base: str) -> Mapping[str, Page]:
    """All the addresses of a site on one night."""
    edition, look = Edition(load(site_id), night, base), LOOKS[site_id]
    makers = (_stories, _listings, _machine_pages, _specials, _assets)
    return dict(pair for maker in makers for pair in maker(edition, look))


@cache
def missing(site_id: str, night: int, base: str) -> Page:
    """The site's answer to an address it does not know."""
    look = LOOKS[site_id]
    return _notice(Edition(load(site_id), night, base), look, 404, look.not_found)


def _stories(edition: Edition, look: Look) -> Paths:
    for story in edition.stories:
        changed = edition.closed if look.changes_nightly else story.changed
        yield story.path, _page(look.story(edition, story), look.html_type, changed)
    if edition.content.gone != 404:
        for story in edition.content.stories:
            if story.deleted_on is not None and story.deleted_on <= edition.night:
                yield story.path, _notice(edition, look, edition.content.gone, look.gone)


def _notice(edition: Edition, look: Look, status: int, words: tuple[str, str]) -> Page:
    body = look.notice(edition, words[0], words[1:])
    return Page(status, body.encode(), look.html_type)


def _listings(edition: Edition, look: Look) -> Paths:
    for section in (None, *edition.content.sections):
        path = f"/{section}/" if section else "/"
        yield path, _page(look.listing(edition, section), look.html_type, edition.closed)


def _machine_pages(edition: Edition, look: Look) -> Paths:
    changed = edition.changed
    yield feeds.FEED, _page(look.feed(edition), look.feed_type, changed)
    yield "/robots.txt", _page(feeds.robots(edition), PLAIN, edition.content.nights[0])
    if not look.news_sitemap:
        yield "/sitemap.xml", _page(feeds.sitemap(edition), XML, changed)
        return
    parts = {
        "/sitemap-news.xml": feeds.news_sitemap(edition),
        "/sitemap-stories.xml": feeds.sitemap(edition),
    }
    yield "/sitemap.xml", _page(feeds.sitemap_index(edition, parts), XML, changed)
    for path, body in parts.items():
        yield path, _page(body, XML, changed)


def _specials(edition: Edition, look: Look) -> Paths:
    for special in edition.content.specials:
        if special.kind == "moved" and special.target is not None:
            story = next(s for s in edition.content.stories if s.slug == special.target)
            place = edition.url(story.path)
            yield special.path, Page(301, b"", look.html_type, location=place)
        elif special.kind in ("consent", "private", "page"):
            body = _special_body(edition, look, special)
            yield special.path, _page(body, look.html_type, special.published)


def _special_body(edition: Edition, look: Look, special: Special) -> str:
    if special.kind == "consent":
        return fill(edition, "consent.html", {"action": special.path})
    return look.notice(edition, special.title, special.paragraphs)


def _assets(edition: Edition, look: Look) -> Paths:
    opened = edition.content.nights[0]
    folder = package_files() / "assets"
    css = (folder / f"{edition.content.site.id}.css").read_text(encoding="utf-8")
    yield "/assets/site.css", _page(css, CSS, opened)
    picture = Template((folder / "photo.svg").read_text(encoding="utf-8"))
    yield "/assets/icon.svg", _page(_picture(picture, edition.content.site.id), SVG, opened)
    for story in edition.stories:
        yield edition.image(story), _page(_picture(picture, story.slug), SVG, story.published)


def _picture(picture: Template, seed: str) -> str:
    """A made-up photograph: the same seed always gives the same view."""
    dice = sha256(seed.encode()).digest()
    places = {f"p{i}": f"{dice[i] % 90:02}" for i in range(8)}
    hue = dice[8] * 360 // 256
    near = (hue + 30) % 360
    return picture.substitute(places, hue=hue, near=near, sun=120 + dice[9] * 3)


def _page(body: str, content_type: str, changed: datetime) -> Page:
    return Page(200, body.encode(), content_type, changed=changed)
