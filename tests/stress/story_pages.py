"""Story pages generated word by word from a seed. No two of them share a sentence."""

from __future__ import annotations

import random
from collections.abc import Iterable

NOUNS = """
harbour crane ferry council quay morning engineer storm market bridge ticket captain winter school
station river garden office paper window letter kitchen mountain village teacher doctor farmer
baker driver island forest museum library concert theatre summer autumn engine railway tunnel
valley orchard bakery lantern ladder anchor cargo signal compass
"""
WORDS = NOUNS.split()
PARTICIPLES = (
    "closed opened mended moved counted painted measured carried lifted repaired visited described"
)
VERBS = PARTICIPLES.split()


def sentence(random_source: random.Random) -> str:
    words = [random_source.choice(WORDS) for _ in range(9)]
    verb, what, where = random_source.choice(VERBS), " ".join(words[2:5]), " ".join(words[5:])
    return f"The {words[0]} {words[1]} {verb} the {what} near the {where}."


def headline(name: str) -> str:
    random_source = random.Random(name)
    return (
        f"The {random_source.choice(WORDS)} of the {random_source.choice(WORDS)} "
        f"is {random_source.choice(VERBS)} by the {random_source.choice(WORDS)}"
    )


def paragraphs(name: str, count: int = 4) -> str:
    random_source = random.Random(f"{name} text")
    return "".join(
        f"<p>{' '.join(sentence(random_source) for _ in range(4))}</p>\n" for _ in range(count)
    )


def story(name: str, *, head: str = "", before: str = "", after: str = "", body: str = "") -> str:
    """Return a good story with additions in its head, before and after its text, and at the end."""
    title = headline(name)
    return (
        f'<!doctype html><html lang="en"><head><title>{title}</title>'
        '<meta property="article:published_time" content="2026-02-03T10:00:00Z">'
        f"{head}</head><body>{before}"
        f"<article><h1>{title}</h1>{paragraphs(name)}{after}</article>{body}</body></html>"
    )


def rss(links: Iterable[str]) -> str:
    items = "".join(
        f"<item><title>{headline(link)}</title><link>{link}</link></item>" for link in links
    )
    return (
        f'<?xml version="1.0"?><rss version="2.0"><channel><title>x</title>{items}</channel></rss>'
    )


def urlset(links: Iterable[str]) -> str:
    return f"<urlset>{''.join(f'<url><loc>{link}</loc></url>' for link in links)}</urlset>"
