"""The pages of the Russian site.

A "read also" list stands in the middle and at the end of each story. A line about a Telegram
channel and the biography of the author follow, all in the container of the story. A page changes
only when its story does.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.demo_site.markup import (
    escape_attribute,
    escape_each,
    escape_text,
    format_date,
    json_ld,
    link,
    news_article,
    open_graph,
    render_template,
    section_links,
    story_blocks,
    story_links,
    wrap_each,
)
from pipeline.demo_site.model import Story
from pipeline.demo_site.state import DemoSiteState

MONTHS = (
    "января", "февраля", "марта", "апреля", "мая", "июня",
    "июля", "августа", "сентября", "октября", "ноября", "декабря",
)  # fmt: skip
DATE = "{day} {month} {year}, {time}"
READ_ALSO = "Читайте также"
TELEGRAM = "Подписывайтесь на наш Telegram-канал, чтобы не пропустить главное"
READ_ALSO_POSITION = 2  # elements of the story before the first list


def story_page(state: DemoSiteState, story: Story) -> str:
    """Return the page of one story."""
    parts = story_blocks(story.blocks, _figure)
    parts.insert(READ_ALSO_POSITION, _read_also(state.related(story, 2)))
    parts += [_read_also_list(state.related(story, 3, skip=2)), *_footer(state, story)]
    main = render_template(
        state,
        "story.html",
        {
            "section": link(f"/{story.section}/", story.section_name),
            "title": escape_text(story.title),
            "author": escape_text(", ".join(story.authors)),
            "dates": _dates(story),
            "published": story.published.isoformat(),
            "image": escape_attribute(state.image(story)),
            "caption": escape_text(story.photo),
            "body": "\n".join(parts),
            "tags": ", ".join(wrap_each('<span class="tag">', escape_each(story.tags), "</span>")),
        },
    )
    head = [
        f'<link rel="canonical" href="{escape_attribute(state.url(story.path))}">',
        f'<meta name="description" content="{escape_attribute(story.summary)}">',
        open_graph(state, story),
        json_ld(news_article(state, story)),
    ]
    return _layout(state, story.title, "\n".join(head), main)


def listing_page(state: DemoSiteState, section: str | None) -> str:
    """Return the front page, or the page of one section."""
    path = f"/{section}/" if section else "/"
    name = state.content.sections[section] if section else "Главное"
    values = {
        "heading": escape_text(name),
        "rows": "\n".join(_row(state, story) for story in state.in_section(section)),
        "extras": "\n".join(
            f"<li>{link(special.path, special.title)}</li>"
            for special in state.special_pages_on(path)
        ),
    }
    return _layout(state, name, "", render_template(state, "listing.html", values))


def notice_page(state: DemoSiteState, title: str, paragraphs: Sequence[str]) -> str:
    """Return a page with a short text: an error, or a note about the newspaper."""
    rows = "".join(wrap_each("<p>", escape_each(paragraphs), "</p>"))
    main = f'<div class="plain"><h1>{escape_text(title)}</h1>{rows}</div>'
    return _layout(state, title, '<meta name="robots" content="noindex">', main)


def _layout(state: DemoSiteState, title: str, head: str, main: str) -> str:
    values = {
        "title": escape_text(f"{title} — {state.content.site.name}"),
        "head": head,
        "nav": "\n".join(section_links(state)),
        "main": main,
    }
    return render_template(state, "layout.html", values)


def _dates(story: Story) -> str:
    stamp = format_date(story.published, MONTHS, DATE)
    if story.modified is None:
        return escape_text(stamp)
    return escape_text(f"{stamp} (обновлено {format_date(story.modified, MONTHS, DATE)})")


def _figure(caption: str) -> str:
    return (
        '<div class="inset"><img src="/assets/icon.svg" width="760" height="428" alt="">'
        f'<p class="inset__text">{escape_text(caption)}</p></div>'
    )


def _read_also(stories: Sequence[Story]) -> str:
    links = "<br>".join(story_links(stories))
    return f'<p class="incut"><strong>{READ_ALSO}:</strong><br>{links}</p>'


def _read_also_list(stories: Sequence[Story]) -> str:
    items = "".join(wrap_each("<li>", story_links(stories), "</li>"))
    return f'<div class="also"><h3>{READ_ALSO}</h3><ul>{items}</ul></div>'


def _footer(state: DemoSiteState, story: Story) -> list[str]:
    bios = [state.content.bios[name] for name in story.authors]
    return [
        f'<p><b><a href="https://t.example/verkhnepolynsk">{TELEGRAM}</a></b></p>',
        *wrap_each('<div class="who"><p>', escape_each(bios), "</p></div>"),
    ]


def _row(state: DemoSiteState, story: Story) -> str:
    return render_template(
        state,
        "row.html",
        {
            "href": escape_attribute(story.path),
            "image": escape_attribute(state.image(story)),
            "title": escape_text(story.title),
            "summary": escape_text(story.summary),
            "section": escape_text(story.section_name),
            "iso": story.published.isoformat(),
            "date": format_date(story.published, MONTHS, DATE),
        },
    )
