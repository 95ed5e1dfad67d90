"""The pages of the English site.

Under each story, in the story's own container, stand the ten headlines of the night, the line
"All news" and a login prompt. The headlines are plain text, links or a list, as the story says.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.demo_site.markup import (
    breadcrumbs,
    escape_attribute,
    escape_each,
    escape_text,
    format_date,
    json_ld,
    link,
    news_article,
    open_graph,
    render_template,
    story_blocks,
    story_links,
    wrap_each,
)
from pipeline.demo_site.model import Story
from pipeline.demo_site.state import DemoSiteState

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
DATE = "{day} {month} {year}, {time}"
ALL_NEWS = "All news"
LOGIN_PROMPT = "Авторизуйтесь, пожалуйста"
ARCHIVE = "/archive/october/"


def story_page(state: DemoSiteState, story: Story) -> str:
    """Return the page of one story."""
    main = render_template(
        state,
        "story.html",
        {
            "section": link(f"/{story.section}/", story.section_name),
            "title": escape_text(story.title),
            "byline": _byline(story),
            "image": escape_attribute(state.image(story)),
            "caption": escape_text(story.photo),
            "body": "\n".join([*story_blocks(story.blocks, _figure), *_ending(state, story)]),
            "tags": "\n".join(wrap_each('<li class="topic">', escape_each(story.tags), "</li>")),
            "most_read": _most_read(state, story),
        },
    )
    head = [
        f'<link rel="canonical" href="{escape_attribute(state.url(story.path))}">',
        f'<meta name="description" content="{escape_attribute(story.summary)}">',
        open_graph(state, story),
        json_ld(news_article(state, story), breadcrumbs(state, story)),
    ]
    return _layout(state, story.title, "\n".join(head), main, story.section)


def listing_page(state: DemoSiteState, section: str | None) -> str:
    """Return the front page, or the page of one section."""
    path = f"/{section}/" if section else "/"
    cards = [_card(state, story) for story in state.in_section(section)]
    cards += [
        f'<div class="card"><h3>{link(special.path, special.title)}</h3></div>'
        for special in state.special_pages_on(path)
    ]
    name = state.content.sections[section] if section else "Latest news"
    values = {"heading": escape_text(name), "cards": "\n".join(cards)}
    return _layout(state, name, "", render_template(state, "listing.html", values), section)


def notice_page(state: DemoSiteState, title: str, paragraphs: Sequence[str]) -> str:
    """Return a page with a short text: an error, or a note about the newspaper."""
    rows = "\n".join(wrap_each("<p>", escape_each(paragraphs), "</p>"))
    main = f'<section class="notice">\n<h1>{escape_text(title)}</h1>\n{rows}\n</section>'
    return _layout(state, title, '<meta name="robots" content="noindex">', main, None)


def _layout(state: DemoSiteState, title: str, head: str, main: str, section: str | None) -> str:
    entries = [
        f"<li{_current(key, section)}>{link(f'/{key}/', name)}</li>"
        for key, name in state.content.sections.items()
    ]
    values = {
        "title": escape_text(f"{title} | {state.content.site.name}"),
        "head": head,
        "nav": "\n".join(entries),
        "today": format_date(state.night_end, MONTHS, "{day} {month} {year}"),
        "main": main,
    }
    return render_template(state, "layout.html", values)


def _current(key: str, section: str | None) -> str:
    if key != section:
        return ""
    return ' class="is-active" aria-current="page"'


def _byline(story: Story) -> str:
    names = " and ".join(wrap_each('<span rel="author">', escape_each(story.authors), "</span>"))
    stamp = format_date(story.published, MONTHS, DATE)
    line = f'By {names} <time datetime="{story.published.isoformat()}">{stamp}</time>'
    if story.modified is None:
        return line
    later = format_date(story.modified, MONTHS, DATE)
    return f'{line} <time datetime="{story.modified.isoformat()}">Updated {later}</time>'


def _figure(caption: str) -> str:
    return f"<figure><figcaption>{escape_text(caption)}</figcaption></figure>"


def _ending(state: DemoSiteState, story: Story) -> list[str]:
    if story.ending == "plain":
        rows = wrap_each("<p>", escape_each(state.headlines), "</p>")
        return [*rows, f"<p>{ALL_NEWS}</p>", f"<p>{LOGIN_PROMPT}</p>"]
    links = [link(_headline_path(state, headline), headline) for headline in state.headlines]
    end = [f"<p>{link('/', ALL_NEWS)}</p>", f"<p>{LOGIN_PROMPT}</p>"]
    if story.ending == "linked":
        return [*wrap_each("<p>", links, "</p>"), *end]
    return ["<ul>", *wrap_each("<li>", links, "</li>"), "</ul>", *end]


def _headline_path(state: DemoSiteState, headline: str) -> str:
    story = state.by_title(headline)
    if story is None:
        return ARCHIVE
    return story.path


def _most_read(state: DemoSiteState, story: Story) -> str:
    links = story_links(state.related(story, 4, skip=3))
    return "\n".join(wrap_each("<li>", links, "</li>"))


def _card(state: DemoSiteState, story: Story) -> str:
    return render_template(
        state,
        "card.html",
        {
            "href": escape_attribute(story.path),
            "image": escape_attribute(state.image(story)),
            "section": escape_text(story.section_name),
            "title": escape_text(story.title),
            "summary": escape_text(story.summary),
            "iso": story.published.isoformat(),
            "date": format_date(story.published, MONTHS, DATE),
        },
    )
