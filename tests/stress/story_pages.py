"""Story pages generated word by word from a seed. No two of them share a sentence."""

from __future__ import annotations

import random
from collections.abc import Iterable

LIST = """harbour crane ferry council quay morning engineer storm market bridge ticket captain winter school station river
garden office paper window letter kitchen mountain village teacher doctor farmer baker driver island forest museum library
concert theatre summer autumn engine railway tunnel valley orchard bakery lantern ladder anchor cargo signal compass"""
WORDS = LIST.split()
DONE = (
    "closed opened mended moved counted painted measured carried lifted repaired visited described"
)
VERBS = DONE.split()


def sentence(chance: random.Random) -> str:
    words = [chance.choice(WORDS) for _ in range(9)]
    verb, what, where = chance.choice(VERBS), " ".join(words[2:5]), " ".join(words[5:])
    return f"The {words[0]} {words[1]} {verb} the {what} near the {where}."


def headline(name: str) -> str:
    chance = random.Random(name)
    return f"The {chance.choice(WORDS)} of the {chance.choice(WORDS)} is {chance.choice(VERBS)} by the {chance.choice(WORDS)}"


def paragraphs(name: str, count: int = 4) -> str:
    chance = random.Random(f"{name} text")
    return "".join(f"<p>{' '.join(sentence(chance) for _ in range(4))}</p>\n" for _ in range(count))


def story(name: str, *, head: str = "", before: str = "", behind: str = "", body: str = "") -> str:
    """Return a good story with additions in its head, before and after its text, and at the end."""
    title = headline(name)
    return (
        f'<!doctype html><html lang="en"><head><title>{title}</title>'
        f'<meta property="article:published_time" content="2026-02-03T10:00:00Z">{head}</head><body>{before}'
        f"<article><h1>{title}</h1>{paragraphs(name)}{behind}</article>{body}</body></html>"
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
