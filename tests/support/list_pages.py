"""Pages that list other pages, and pages that look like lists and tell a story; all made up.

The tests use some of them, and the trees that detect lists are trained on others.
"""

from __future__ import annotations

from collections.abc import Sequence

NOUNS = {
    "en": (
        "harbour",
        "ferry",
        "council",
        "bridge",
        "winter",
        "market",
        "school",
        "river",
        "museum",
        "storm",
    ),
    "de": (
        "Hafen",
        "Fähre",
        "Stadtrat",
        "Brücke",
        "Winter",
        "Markt",
        "Schule",
        "Fluss",
        "Museum",
        "Sturm",
    ),
    "ru": ("порт", "паром", "совет", "мост", "зима", "рынок", "школа", "река", "музей", "шторм"),
    "fr": (
        "port",
        "ferry",
        "conseil",
        "pont",
        "hiver",
        "marché",
        "école",
        "fleuve",
        "musée",
        "tempête",
    ),
    "es": (
        "puerto",
        "barco",
        "consejo",
        "puente",
        "invierno",
        "mercado",
        "escuela",
        "río",
        "museo",
        "tormenta",
    ),
    "pl": ("port", "prom", "rada", "most", "zima", "targ", "szkoła", "rzeka", "muzeum", "burza"),
    "tg": (
        "бандар",
        "киштӣ",
        "шӯро",
        "пул",
        "зимистон",
        "бозор",
        "мактаб",
        "дарё",
        "осорхона",
        "тӯфон",
    ),
    "ar": ("ميناء", "عبارة", "مجلس", "جسر", "شتاء", "سوق", "مدرسة", "نهر", "متحف", "عاصفة"),
    "zh": ("港口", "渡轮", "议会", "大桥", "冬天", "市场", "学校", "河流", "博物馆", "风暴"),
}
STARTS = {
    "en": "The {} of Lowmere and the old {} will open again near the {}",
    "de": "Der {} von Lohmeer und der alte {} öffnen wieder nahe am {}",
    "ru": "Старый {} Лоумира и новый {} снова откроют рядом с местом {}",
    "fr": "Le {} de Lomère et le vieux {} vont rouvrir près du {}",
    "es": "El {} de Lomera y el viejo {} abrirán de nuevo cerca del {}",
    "pl": "Stary {} w Lomerze i nowy {} znowu otworzą obok miejsca {}",
    "tg": "Дар Лоумир {} ва {} аз нав дар назди {} кушода мешаванд",
    "ar": "سيفتح {} المدينة القديم و {} الجديد من جديد قرب {}",
    "zh": "罗米尔的{}和旧{}将在{}附近重新开放",
}
MENU = "".join(f'<li><a href="/s{n}">Section {n}</a></li>' for n in range(9))

AUTHOR = "Ada Quint"
WORDPRESS = (
    '<meta property="og:type" content="article">'
    '<meta property="article:published_time" content="2024-02-03T09:00:00+00:00">'
)


def headline(language: str, number: int) -> str:
    """Return a headline: another for each number."""
    nouns = NOUNS[language]
    picked = [nouns[(number * step + step) % len(nouns)] for step in (1, 3, 7)]
    return f"{STARTS[language].format(*picked)} {number + 2}"


def sentence(language: str, number: int) -> str:
    """Return a sentence of 15 to 25 words."""
    full_stop = "。" if language == "zh" else "."
    comma = "，" if language == "zh" else ", "
    return comma.join((headline(language, number), headline(language, number + 31))) + full_stop


def paragraphs(language: str, count: int, size: int = 3, start: int = 100) -> list[str]:
    """Return some paragraphs of a story."""
    texts = []
    for number in range(count):
        first = start + number * size
        texts.append(" ".join(sentence(language, first + n) for n in range(size)))
    return texts


def page(language: str, title: str, body: str, head: str = "") -> bytes:
    """Return a whole page with a menu and a footer."""
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f"<title>{title} - Lowmere Gazette</title>{head}</head><body>"
        f'<header><a href="/">Lowmere Gazette</a><nav><ul>{MENU}</ul></nav></header>'
        f"<main>{body}</main><footer><p>Imprint and contact of the Gazette</p></footer>"
        "</body></html>"
    ).encode()


def cards(language: str, count: int, *, teaser: bool = True, dated: bool = True) -> str:
    """Return modules with a linked heading, and where wanted a teaser and a date."""
    modules = []
    for number in range(count):
        text = f"<p>{sentence(language, number + 50)}</p>" if teaser else ""
        day = f'<span class="day">{number % 27 + 1}.11.2026</span>' if dated else ""
        link = f'<a href="/2026/{number}">{headline(language, number)}</a>'
        modules.append(f'<div class="card"><h3>{link}</h3>{text}<div>{day}</div></div>')
    return f'<div class="grid">{"".join(modules)}</div>'


def story(language: str, texts: Sequence[str], more: str = "", number: int = 3) -> bytes:
    """Return the page of an article."""
    title = headline(language, number)
    head = '<meta property="article:published_time" content="2026-11-03T09:00:00+00:00">'
    text = _as_markup(texts)
    body = f'<article><h1>{title}</h1><p class="meta">03.11.2026</p>{text}</article>{more}'
    return page(language, title, body, head)


def list_pages(language: str, count: int) -> dict[str, bytes]:
    """Return a page of each kind of list.

    Args:
        language: A key of NOUNS.
        count: How many other pages each lists.
    """
    name = NOUNS[language][count % 10].capitalize()
    title = f"<h1>{name}</h1>"
    bodies = {
        "section front": title + cards(language, count),
        "topic page that calls itself an article": title + cards(language, count),
        "front page": _front(language, count),
        "search results": f"<h1>{name}: {count}</h1>{_results(language, count)}",
        "tag page without teasers": title + cards(language, count, teaser=False),
        "category of a shop": title + _products(language, count),
        "index of a forum": title + _threads(language, count),
        "directory": title + _directory(language, count),
        "list of headlines": title + _linked_list(language, count),
        "excerpts of a weblog": _excerpts(language, count),
    }
    pages = {}
    for kind, body in bodies.items():
        head = WORDPRESS if "calls itself" in kind else ""
        pages[kind] = page(language, name, body, head)
    return pages | _lists_like_articles(language, count)


def _lists_like_articles(language: str, count: int) -> dict[str, bytes]:
    """Return lists with a long headline, an author and a date of their own."""
    slogan = headline(language, count + 7)
    title = f"<h1>{slogan}</h1>"
    introduction = _as_markup(paragraphs(language, 1, 2))
    bodies = {
        "front page with an author and a date": title + _front(language, count),
        "topic page with an author and an introduction": title
        + introduction
        + cards(language, count),
        "press review with links of the same words": title + _press_review(language, count),
        "linked teasers with an author": title + _linked_teasers(language, count),
    }
    head = WORDPRESS + f'<meta name="author" content="{AUTHOR}">'
    return {kind: page(language, slogan, body, head) for kind, body in bodies.items()}


def story_pages(language: str, count: int) -> dict[str, bytes]:
    """Return a page of each kind of story that looks like a list.

    Args:
        language: A key of NOUNS.
        count: How many teasers or like parts each has.
    """
    first, long_list = paragraphs(language, 1), _linked_list(language, count * 2)
    no_teasers = cards(language, count, teaser=False)
    parts = {
        "brief of an agency above many teasers": (
            paragraphs(language, 1, 4),
            cards(language, count),
        ),
        "one sentence with a headline and a date": ([sentence(language, 400)], ""),
        "one sentence above some headlines": (paragraphs(language, 1, 2, 300), no_teasers),
        "short story above dated teasers": (paragraphs(language, 3), cards(language, count)),
        "short story beside headlines": (paragraphs(language, 4), f"<aside>{long_list}</aside>"),
        "live blog": ([sentence(language, 9)], _live(language, count)),
        "listicle": (first, _sections(language, count)),
        "test of products": (first, _sections(language, count, is_shop=True)),
        "questions and answers": (first, _answers(language, count)),
        "round-up of links with prose": (first, _round_up(language, count)),
        "photo story": (paragraphs(language, 2), _photos(language, count)),
        "opinion without headings": (paragraphs(language, 9, 4), ""),
    }
    pages = {}
    for number, (kind, (texts, more)) in enumerate(parts.items()):
        pages[kind] = story(language, texts, more, number)
    return pages


def _link(language: str, number: int, folder: str = "n") -> str:
    return f'<a href="/{folder}/{number}">{headline(language, number)}</a>'


def _linked_list(language: str, count: int) -> str:
    items = []
    for number in range(count):
        day = f"<span>2026-11-{number % 27 + 1:02}</span>"
        items.append(f"<li>{_link(language, number)} {day}</li>")
    return f'<ul class="list">{"".join(items)}</ul>'


def _results(language: str, count: int) -> str:
    items = []
    for number in range(count):
        text = sentence(language, number + 9)
        items.append(f"<dt>{_link(language, number)}</dt><dd>{text}</dd>")
    return f"<p>{count} / 340</p><dl>{''.join(items)}</dl>"


def _products(language: str, count: int) -> str:
    items = []
    for number in range(count):
        name = f'<a href="/p/{number}">{NOUNS[language][number % 10]} {number}</a>'
        items.append(f'<li class="product"><h2>{name}</h2><span>{number + 9},90 €</span></li>')
    return f'<ul class="products">{"".join(items)}</ul>'


def _press_review(language: str, count: int) -> str:
    modules = []
    for number in range(count):
        text = f"<h4>{headline(language, number)}</h4><p>{sentence(language, number + 7)}</p>"
        modules.append(f'<div class="item">{text}<p><a href="/n/{number}">→ 1</a></p></div>')
    return "".join(modules)


def _linked_teasers(language: str, count: int) -> str:
    modules = []
    for number in range(count):
        text = f"<h2>{headline(language, number)}</h2><p>{sentence(language, number + 7)}</p>"
        modules.append(
            f'<a href="/n/{number}">{text}<p>{AUTHOR}, {number % 27 + 1}.11.2026</p></a>'
        )
    return "".join(modules)


def _threads(language: str, count: int) -> str:
    rows = []
    for number in range(count):
        user = f'<a href="/u/{number}">user{number}</a>'
        rows.append(
            f'<tr class="thread"><td>{_link(language, number, "t")}</td><td>{user}</td>'
            f"<td>{number * 3}</td><td>2026-11-02 10:{number % 50 + 10}</td></tr>"
        )
    return f'<table class="threads">{"".join(rows)}</table>'


def _directory(language: str, count: int) -> str:
    entries = []
    for number in range(count):
        name = f'<a href="/d/{number}">Trattoria {NOUNS[language][number % 10]} {number}</a>'
        entries.append(f'<div class="entry"><h4>{name}</h4><p>Via Roma {number}, Lomera</p></div>')
    return "".join(entries)


def _excerpts(language: str, count: int) -> str:
    modules = []
    for number in range(count):
        text = f"<p>{sentence(language, number + 70)[:-1]} …</p>"
        more = f'<a class="more" href="/n/{number}">›››</a>'
        link = f"<h2>{_link(language, number)}</h2>"
        modules.append(f'<section class="post">{link}{text}{more}</section>')
    return "".join(modules)


def _front(language: str, count: int) -> str:
    parts = []
    for number in range(4):
        links = cards(language, max(3, count // 3) + number, teaser=number % 2 == 0, dated=False)
        parts.append(f"<section><h2>{NOUNS[language][number]}</h2>{links}</section>")
    return "".join(parts)


def _sections(language: str, count: int, *, is_shop: bool = False) -> str:
    """Return a story made of like sections, about products of shops or about anything."""
    sections = []
    for number in range(count):
        name, price = headline(language, number), ""
        if is_shop:
            name = f'<a href="https://shop.example/{number}">{name}</a>'
            price = f"<p>{number + 20} €</p>"
        text = _as_markup(paragraphs(language, 2, 2, number * 9))
        sections.append(f'<div class="part"><h2>{name}</h2>{price}{text}</div>')
    return "".join(sections)


def _live(language: str, count: int) -> str:
    entries = []
    for number in range(count):
        text = _as_markup(paragraphs(language, 1, 2, number * 5))
        entries.append(
            f'<div class="entry"><time>{number % 20 + 3}:15</time><div>{text}</div></div>'
        )
    return "".join(entries)


def _answers(language: str, count: int) -> str:
    pairs = []
    for number in range(count):
        text = _as_markup(paragraphs(language, 1, 3, number * 7))
        pairs.append(f"<p><b>{headline(language, number)}?</b></p>{text}")
    return "".join(pairs)


def _round_up(language: str, count: int) -> str:
    texts = []
    for number in range(count):
        link = f'<a href="https://o{number}.example/">{NOUNS[language][number % 10]}</a>'
        texts.append(f"{sentence(language, number)} {link}: {sentence(language, number + 5)}")
    return _as_markup(texts)


def _photos(language: str, count: int) -> str:
    figures = []
    for number in range(count):
        caption = f"<figcaption>{sentence(language, number)}</figcaption>"
        figures.append(f'<figure><img src="/{number}.jpg">{caption}</figure>')
    return "".join(figures)


def _as_markup(texts: Sequence[str]) -> str:
    return "".join(f"<p>{text}</p>" for text in texts)
