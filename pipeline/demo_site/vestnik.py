"""The pages of the Russian site.

Promises: a "read also" list stands in the middle and at the end of every
story, then a line about a Telegram channel and the author's biography, all
in the story's own container; a page changes only when its story does.
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
from pipeline.demo_site.model import Story

MONTHS = (
    "января", "февраля", "марта", "апреля", "мая", "июня",
    "июля", "августа", "сентября", "октября", "ноября", "декабря",
)  # fmt: skip
DATE = "{day} {month} {year}, {time}"
READ_ALSO = "Читайте также"
TELEGRAM = "Подписывайтесь на наш Telegram-канал, чтобы не пропустить главное"
MIDDLE = 2


def story_page(edition: Edition, story: Story) -> str:
    """The page of one story."""
    parts = story_blocks(story.blocks, _figure)
    parts.insert(MIDDLE, _read_also(edition.related(story, 2)))
    parts += [_read_also_list(edition.related(story, 3, skip=2)), *_farewell(edition, story)]
    main = fill(
        edition,
        "story.html",
        {
            "section": link(f"/{story.section}/", story.section_name),
            "title": text(story.title),
            "author": text(", ".join(story.authors)),
            "dates": _dates(story),
            "published": story.published.isoformat(),
            "image": attr(edition.image(story)),
            "caption": text(story.photo),
            "body": "\n".join(parts),
            "tags": ", ".join(f'<span class="tag">{text(tag)}</span>' for tag in story.tags),
        },
    )
    head = [
        f'<link rel="canonical" href="{attr(edition.url(story.path))}">',
        f'<meta name="description" content="{attr(story.summary)}">',
        open_graph(edition, story),
        json_ld(news_article(edition, story)),
    ]
    return _layout(edition, story.title, "\n".join(head), main)


def listing_page(edition: Edition, section: str | None) -> str:
    """The front page, or the page of one section."""
    path = f"/{section}/" if section else "/"
    name = edition.content.sections[section] if section else "Главное"
    values = {
        "heading": text(name),
        "rows": "\n".join(_row(edition, story) for story in edition.in_section(section)),
        "extras": "\n".join(
            f"<li>{link(special.path, special.title)}</li>" for special in edition.specials_on(path)
        ),
    }
    return _layout(edition, name, "", fill(edition, "listing.html", values))


def notice_page(edition: Edition, title: str, paragraphs: Sequence[str]) -> str:
    """A page with a few words on it: an error, a note about the paper."""
    rows = "".join(f"<p>{text(row)}</p>" for row in paragraphs)
    main = f'<div class="plain"><h1>{text(title)}</h1>{rows}</div>'
    return _layout(edition, title, '<meta name="robots" content="noindex">', main)


def _layout(edition: Edition, title: str, head: str, main: str) -> str:
    sections = edition.content.sections.items()
    values = {
        "title": text(f"{title} — {edition.content.site.name}"),
        "head": head,
        "nav": "\n".join(link(f"/{key}/", name) for key, name in sections),
        "main": main,
    }
    return fill(edition, "layout.html", values)


def _dates(story: Story) -> str:
    stamp = moment(story.published, MONTHS, DATE)
    if story.modified is None:
        return text(stamp)
    return text(f"{stamp} (обновлено {moment(story.modified, MONTHS, DATE)})")


def _figure(caption: str) -> str:
    return (
        '<div class="inset"><img src="/assets/icon.svg" width="760" height="428" alt="">'
        f'<p class="inset__text">{text(caption)}</p></div>'
    )


def _read_also(stories: Sequence[Story]) -> str:
    links = "<br>".join(link(story.path, story.title) for story in stories)
    return f'<p class="incut"><strong>{READ_ALSO}:</strong><br>{links}</p>'


def _read_also_list(stories: Sequence[Story]) -> str:
    items = "".join(f"<li>{link(story.path, story.title)}</li>" for story in stories)
    return f'<div class="also"><h3>{READ_ALSO}</h3><ul>{items}</ul></div>'


def _farewell(edition: Edition, story: Story) -> list[str]:
    bios = [edition.content.bios[name] for name in story.authors]
    return [
        f'<p><b><a href="https://t.example/verkhnepolynsk">{TELEGRAM}</a></b></p>',
        *(f'<div class="who"><p>{text(bio)}</p></div>' for bio in bios),
    ]


def _row(edition: Edition, story: Story) -> str:
    return fill(
        edition,
        "row.html",
        {
            "href": attr(story.path),
            "image": attr(edition.image(story)),
            "title": text(story.title),
            "summary": text(story.summary),
            "section": text(story.section_name),
            "iso": story.published.isoformat(),
            "date": moment(story.published, MONTHS, DATE),
        },
    )
