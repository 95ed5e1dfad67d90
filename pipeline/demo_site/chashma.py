"""The pages of the Tajik site.

Under each story, in the story's own container, stand its tags and a list of other news. The list
has one of three forms, which the story names. The page declares the charset, the header does not.
A page changes only when its story does.
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
from pipeline.demo_site.model import Story, StoryEnding
from pipeline.demo_site.state import DemoSiteState

MONTHS = (
    "январи", "феврали", "марти", "апрели", "майи", "июни",
    "июли", "августи", "сентябри", "октябри", "ноябри", "декабри",
)  # fmt: skip
DATE = "{day} {month} {year}, {time}"
OTHER_NEWS = "Хабарҳои дигар"


def story_page(state: DemoSiteState, story: Story) -> str:
    """Return the page of one story."""
    main = render_template(
        state,
        "story.html",
        {
            "section": link(f"/{story.section}/", story.section_name),
            "title": escape_text(story.title),
            "authors": ", ".join(
                wrap_each('<span class="fn">', escape_each(story.authors), "</span>")
            ),
            "dates": _dates(story),
            "image": escape_attribute(state.image(story)),
            "caption": escape_text(story.photo),
            "body": "\n".join(story_blocks(story.blocks, _figure)),
            "tags": " ".join(
                wrap_each('<span class="hashtag">#', escape_each(story.tags), "</span>")
            ),
            "other": _other_news(story.ending, state.related(story, 4)),
        },
    )
    head = [
        f'<meta name="description" content="{escape_attribute(story.summary)}">',
        f'<meta name="author" content="{escape_attribute(", ".join(story.authors))}">',
        f'<link rel="canonical" href="{escape_attribute(state.url(story.path))}">',
        open_graph(state, story),
        json_ld(news_article(state, story)),
    ]
    return _layout(state, story.title, "\n".join(head), main)


def listing_page(state: DemoSiteState, section: str | None) -> str:
    """Return the front page, or the page of one section."""
    path = f"/{section}/" if section else "/"
    name = state.content.sections[section] if section else "Хабарҳои охирин"
    tiles = [_tile(state, story) for story in state.in_section(section)]
    tiles += [
        f'<li class="tile tile--brief">{link(special.path, special.title)}</li>'
        for special in state.special_pages_on(path)
    ]
    values = {"heading": escape_text(name), "tiles": "\n".join(tiles)}
    return _layout(state, name, "", render_template(state, "listing.html", values))


def notice_page(state: DemoSiteState, title: str, paragraphs: Sequence[str]) -> str:
    """Return a page with a short text: an error, or a note about the newspaper."""
    rows = "".join(wrap_each("<p>", escape_each(paragraphs), "</p>"))
    main = f'<div class="note"><h1>{escape_text(title)}</h1>{rows}</div>'
    return _layout(state, title, '<meta name="robots" content="noindex">', main)


def _layout(state: DemoSiteState, title: str, head: str, main: str) -> str:
    values = {
        "title": escape_text(f"{title} • {state.content.site.name}"),
        "head": head,
        "nav": "\n".join(section_links(state)),
        "main": main,
    }
    return render_template(state, "layout.html", values)


def _dates(story: Story) -> str:
    stamp = format_date(story.published, MONTHS, DATE)
    first = f'<time class="published" datetime="{story.published.isoformat()}">{stamp}</time>'
    if story.modified is None:
        return first
    later = format_date(story.modified, MONTHS, DATE)
    updated = f'<time class="updated" datetime="{story.modified.isoformat()}">{later}</time>'
    return f"{first} <span>навсозӣ: {updated}</span>"


def _figure(caption: str) -> str:
    return f"<figure><figcaption>{escape_text(caption)}</figcaption></figure>"


def _other_news(form: StoryEnding, stories: Sequence[Story]) -> str:
    if form == "list":
        items = "\n".join(wrap_each("<li>", story_links(stories), "</li>"))
        return f"<h4>{OTHER_NEWS}</h4>\n<ul>\n{items}\n</ul>"
    labels = [f"<strong>{OTHER_NEWS}</strong>"]
    if form == "linked":
        labels += story_links(stories)
    else:
        labels += escape_each(story.title for story in stories)
    return "\n".join(wrap_each("<p>", labels, "</p>"))


def _tile(state: DemoSiteState, story: Story) -> str:
    return render_template(
        state,
        "tile.html",
        {
            "href": escape_attribute(story.path),
            "image": escape_attribute(state.image(story)),
            "title": escape_text(story.title),
            "section": escape_text(story.section_name),
            "iso": story.published.isoformat(),
            "date": format_date(story.published, MONTHS, DATE),
        },
    )
