"""The pages of the English site.

Promises: under every story, inside the story's own container, stand the ten
headlines of the night, the line "All news" and a login prompt; the headlines
take the form the story asks for (plain, linked or list).
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.demo_site.edition import Edition
from pipeline.demo_site.markup import (
    attr,
    breadcrumbs,
    fill,
    json_ld,
    link,
    moment,
    news_article,
    open_graph,
    story_blocks,
    text,
)
from pipeline.demo_site.model import Story

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
DATE = "{day} {month} {year}, {time}"
ALL_NEWS = "All news"
LOGIN = "Авторизуйтесь, пожалуйста"
ARCHIVE = "/archive/october/"


def story_page(edition: Edition, story: Story) -> str:
    """The page of one story."""
    main = fill(
        edition,
        "story.html",
        {
            "section": link(f"/{story.section}/", story.section_name),
            "title": text(story.title),
            "byline": _byline(story),
            "image": attr(edition.image(story)),
            "caption": text(story.photo),
            "body": "\n".join([*story_blocks(story.blocks, _figure), *_tail(edition, story)]),
            "tags": "\n".join(f'<li class="topic">{text(tag)}</li>' for tag in story.tags),
            "most_read": _most_read(edition, story),
        },
    )
    head = [
        f'<link rel="canonical" href="{attr(edition.url(story.path))}">',
        f'<meta name="description" content="{attr(story.summary)}">',
        open_graph(edition, story),
        json_ld(news_article(edition, story), breadcrumbs(edition, story)),
    ]
    return _layout(edition, story.title, "\n".join(head), main, story.section)


def listing_page(edition: Edition, section: str | None) -> str:
    """The front page, or the page of one section."""
    path = f"/{section}/" if section else "/"
    cards = [_card(edition, story) for story in edition.in_section(section)]
    cards += [
        f'<div class="card"><h3>{link(special.path, special.title)}</h3></div>'
        for special in edition.specials_on(path)
    ]
    name = edition.content.sections[section] if section else "Latest news"
    values = {"heading": text(name), "cards": "\n".join(cards)}
    return _layout(edition, name, "", fill(edition, "listing.html", values), section)


def notice_page(edition: Edition, title: str, paragraphs: Sequence[str]) -> str:
    """A page with a few words on it: an error, a note about the paper."""
    rows = "\n".join(f"<p>{text(row)}</p>" for row in paragraphs)
    main = f'<section class="notice">\n<h1>{text(title)}</h1>\n{rows}\n</section>'
    return _layout(edition, title, '<meta name="robots" content="noindex">', main, None)


def _layout(edition: Edition, title: str, head: str, main: str, section: str | None) -> str:
    entries = [
        f"<li{_current(key, section)}>{link(f'/{key}/', name)}</li>"
        for key, name in edition.content.sections.items()
    ]
    values = {
        "title": text(f"{title} | {edition.content.site.name}"),
        "head": head,
        "nav": "\n".join(entries),
        "today": moment(edition.closed, MONTHS, "{day} {month} {year}"),
        "main": main,
    }
    return fill(edition, "layout.html", values)


def _current(key: str, section: str | None) -> str:
    return ' class="is-active" aria-current="page"' if key == section else ""


def _byline(story: Story) -> str:
    names = " and ".join(f'<span rel="author">{text(name)}</span>' for name in story.authors)
    stamp = moment(story.published, MONTHS, DATE)
    line = f'By {names} <time datetime="{story.published.isoformat()}">{stamp}</time>'
    if story.modified is None:
        return line
    later = moment(story.modified, MONTHS, DATE)
    return f'{line} <time datetime="{story.modified.isoformat()}">Updated {later}</time>'


def _figure(caption: str) -> str:
    return f"<figure><figcaption>{text(caption)}</figcaption></figure>"


def _tail(edition: Edition, story: Story) -> list[str]:
    if story.tail == "plain":
        rows = [f"<p>{text(headline)}</p>" for headline in edition.headlines]
        return [*rows, f"<p>{ALL_NEWS}</p>", f"<p>{LOGIN}</p>"]
    links = [link(_address(edition, headline), headline) for headline in edition.headlines]
    end = [f"<p>{link('/', ALL_NEWS)}</p>", f"<p>{LOGIN}</p>"]
    if story.tail == "linked":
        return [*(f"<p>{row}</p>" for row in links), *end]
    return ["<ul>", *(f"<li>{row}</li>" for row in links), "</ul>", *end]


def _address(edition: Edition, headline: str) -> str:
    story = edition.by_title(headline)
    return story.path if story else ARCHIVE


def _most_read(edition: Edition, story: Story) -> str:
    rows = (link(other.path, other.title) for other in edition.related(story, 4, skip=3))
    return "\n".join(f"<li>{row}</li>" for row in rows)


def _card(edition: Edition, story: Story) -> str:
    return fill(
        edition,
        "card.html",
        {
            "href": attr(story.path),
            "image": attr(edition.image(story)),
            "section": text(story.section_name),
            "title": text(story.title),
            "summary": text(story.summary),
            "iso": story.published.isoformat(),
            "date": moment(story.published, MONTHS, DATE),
        },
    )
