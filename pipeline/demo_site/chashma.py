"""The pages of the Tajik site.

Promises: under every story, in the story's own container, stand its tags and
a list of other news, in the form the story asks for; the charset is declared in the page, not in the header;
a page changes only when its story does.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.demo_site.edition import Edition
from pipeline.demo_site.markup import (
    attr,
    fill,
    json_ld,
    link,
    moment,
    news_article,
    open_graph,
    story_blocks,
    text,
)
from pipeline.demo_site.model import Story, Tail

MONTHS = (
    "январи", "феврали", "марти", "апрели", "майи", "июни",
    "июли", "августи", "сентябри", "октябри", "ноябри", "декабри",
)  # fmt: skip
DATE = "{day} {month} {year}, {time}"
OTHER_NEWS = "Хабарҳои дигар"


def story_page(edition: Edition, story: Story) -> str:
    """The page of one story."""
    main = fill(
        edition,
        "story.html",
        {
            "section": link(f"/{story.section}/", story.section_name),
            "title": text(story.title),
            "authors": ", ".join(f'<span class="fn">{text(name)}</span>' for name in story.authors),
            "dates": _dates(story),
            "image": attr(edition.image(story)),
            "caption": text(story.photo),
            "body": "\n".join(story_blocks(story.blocks, _figure)),
            "tags": " ".join(f'<span class="hashtag">#{text(tag)}</span>' for tag in story.tags),
            "other": _other_news(story.tail, edition.related(story, 4)),
        },
    )
    head = [
        f'<meta name="description" content="{attr(story.summary)}">',
        f'<meta name="author" content="{attr(", ".join(story.authors))}">',
        f'<link rel="canonical" href="{attr(edition.url(story.path))}">',
        open_graph(edition, story),
        json_ld(news_article(edition, story)),
    ]
    return _layout(edition, story.title, "\n".join(head), main)


def listing_page(edition: Edition, section: str | None) -> str:
    """The front page, or the page of one section."""
    path = f"/{section}/" if section else "/"
    name = edition.content.sections[section] if section else "Хабарҳои охирин"
    tiles = [_tile(edition, story) for story in edition.in_section(section)]
    tiles += [
        f'<li class="tile tile--brief">{link(special.path, special.title)}</li>'
        for special in edition.specials_on(path)
    ]
    values = {"heading": text(name), "tiles": "\n".join(tiles)}
    return _layout(edition, name, "", fill(edition, "listing.html", values))


def notice_page(edition: Edition, title: str, paragraphs: Sequence[str]) -> str:
    """A page with a few words on it: an error, a note about the paper."""
    rows = "".join(f"<p>{text(row)}</p>" for row in paragraphs)
    main = f'<div class="note"><h1>{text(title)}</h1>{rows}</div>'
    return _layout(edition, title, '<meta name="robots" content="noindex">', main)


def _layout(edition: Edition, title: str, head: str, main: str) -> str:
    entries = (link(f"/{key}/", name) for key, name in edition.content.sections.items())
    values = {
        "title": text(f"{title} • {edition.content.site.name}"),
        "head": head,
        "nav": "\n".join(entries),
        "main": main,
    }
    return fill(edition, "layout.html", values)


def _dates(story: Story) -> str:
    stamp = moment(story.published, MONTHS, DATE)
    first = f'<time class="published" datetime="{story.published.isoformat()}">{stamp}</time>'
    if story.modified is None:
        return first
    later = moment(story.modified, MONTHS, DATE)
    return f'{first} <span>навсозӣ: <time class="updated" datetime="{story.modified.isoformat()}">{later}</time></span>'


def _figure(caption: str) -> str:
    return f"<figure><figcaption>{text(caption)}</figcaption></figure>"


def _other_news(form: Tail, stories: Sequence[Story]) -> str:
    if form == "list":
        items = "\n".join(f"<li>{link(story.path, story.title)}</li>" for story in stories)
        return f"<h4>{OTHER_NEWS}</h4>\n<ul>\n{items}\n</ul>"
    labels = [
        link(story.path, story.title) if form == "linked" else text(story.title)
        for story in stories
    ]
    return "\n".join(f"<p>{label}</p>" for label in (f"<strong>{OTHER_NEWS}</strong>", *labels))


def _tile(edition: Edition, story: Story) -> str:
    return fill(
        edition,
        "tile.html",
        {
            "href": attr(story.path),
            "image": attr(edition.image(story)),
            "title": text(story.title),
            "section": text(story.section_name),
            "iso": story.published.isoformat(),
            "date": moment(story.published, MONTHS, DATE),
        },
    )
