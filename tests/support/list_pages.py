"""Pages that list other pages, and pages that look like lists and tell a story; all made up."""

from __future__ import annotations

from collections.abc import Sequence

NOUNS = {
    "en": "harbour ferry council bridge winter market school river museum storm".split(),
    "de": "Hafen Fähre Stadtrat Brücke Winter Markt Schule Fluss Museum Sturm".split(),
    "ru": "порт паром совет мост зима рынок школа река музей шторм".split(),
    "fr": "port ferry conseil pont hiver marché école fleuve musée tempête".split(),
    "es": "puerto barco consejo puente invierno mercado escuela río museo tormenta".split(),
    "pl": "port prom rada most zima targ szkoła rzeka muzeum burza".split(),
    "tg": "бандар киштӣ шӯро пул зимистон бозор мактаб дарё осорхона тӯфон".split(),
    "ar": "ميناء عبارة مجلس جسر شتاء سوق مدرسة نهر متحف عاصفة".split(),
    "zh": "港口 渡轮 议会 大桥 冬天 市场 学校 河流 博物馆 风暴".split(),
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
    text = "".join(f"<p>{paragraph}</p>" for paragraph in texts)
    body = f'<article><h1>{title}</h1><p class="meta">03.11.2026</p>{text}</article>{more}'
    return page(language, title, body, head)


def _linked_list(language: str, count: int) -> str:
    items = []
    for number in range(count):
        link = f'<a href="/n/{number}">{headline(language, number)}</a>'
        items.append(f"<li>{link} <span>2026-11-{number % 27 + 1:02}</span></li>")
    return f'<ul class="list">{"".join(items)}</ul>'


def _results(language: str) -> str:
    items = []
    for number in range(20):
        link = f'<a href="/n/{number}">{headline(language, number)}</a>'
        items.append(f"<dt>{link}</dt><dd>{sentence(language, number + 9)}</dd>")
    return f"<p>20 / 340</p><dl>{''.join(items)}</dl>"


def _products(count: int) -> str:
    items = []
    for number in range(count):
        name = f'<a href="/p/{number}">Lámpara {NOUNS["es"][number % 10]} {number}</a>'
        items.append(f'<li class="product"><h2>{name}</h2><span>{number + 9},90 €</span></li>')
    return f'<ul class="products">{"".join(items)}</ul>'


def _threads() -> str:
    rows = []
    for number in range(25):
        link = f'<a href="/t/{number}">{headline("en", number)}</a>'
        rows.append(
            f'<tr class="thread"><td>{link}</td><td><a href="/u/{number}">user{number}</a></td>'
            f"<td>{number * 3} replies</td><td>2026-11-02 10:{number + 10}</td></tr>"
        )
    return f'<table class="threads">{"".join(rows)}</table>'


def _directory() -> str:
    entries = []
    for number in range(30):
        name = f'<a href="/d/{number}">Trattoria {NOUNS["es"][number % 10]} {number}</a>'
        entries.append(f'<div class="entry"><h4>{name}</h4><p>Via Roma {number}, Lomera</p></div>')
    return "".join(entries)


def _read_more(language: str) -> str:
    modules = []
    for number in range(14):
        modules.append(
            f'<section class="post"><h2><a href="/b/{number}">{headline(language, number)}</a></h2>'
            f"<p>{sentence(language, number + 70)[:-1]} …</p><a class=more href='/b/{number}'>Read"
            " more</a></section>"
        )
    return "".join(modules)


def _front() -> str:
    parts = []
    for number, name in enumerate(("Politik", "Kultur", "Sport", "Wissen")):
        links = cards("de", 8 + number, teaser=number % 2 == 0, dated=False)
        parts.append(f"<section><h2>{name}</h2>{links}</section>")
    return "".join(parts)


WORDPRESS = (
    '<meta property="og:type" content="article">'
    '<meta property="article:published_time" content="2024-02-03T09:00:00+00:00">'
)

LISTS = {
    "section front": page("en", "Local news", "<h1>Local news</h1>" + cards("en", 24)),
    "topic page that calls itself an article": page(
        "ru", "Порт", f"<h1>Порт</h1>{cards('ru', 18)}", WORDPRESS
    ),
    "front page": page("de", "Nachrichten", _front()),
    "search results": page("fr", "Recherche", f"<h1>Recherche: port</h1>{_results('fr')}"),
    "tag page without teasers": page(
        "pl", "Tag: most", f"<h1>most</h1>{cards('pl', 20, teaser=False)}"
    ),
    "category of a shop": page("es", "Lámparas", f"<h1>Lámparas</h1>{_products(36)}"),
    "index of a forum": page("en", "General", f"<h1>General</h1>{_threads()}"),
    "directory": page("it", "Trattorie", f"<h1>Trattorie</h1>{_directory()}"),
    "list of headlines in Chinese": page("zh", "新闻", f"<h1>新闻</h1>{_linked_list('zh', 40)}"),
    "section front in Arabic": page("ar", "أخبار", f"<h1>أخبار</h1>{cards('ar', 16)}"),
    "excerpts of a weblog": page("en", "Blog", _read_more("en")),
    "section front in Tajik": page("tg", "Хабарҳо", f"<h1>Хабарҳо</h1>{cards('tg', 20)}"),
}


def _steps(language: str, count: int, *, linked: bool = False, priced: bool = False) -> str:
    """Return a story made of like sections."""
    sections = []
    for number in range(count):
        name = headline(language, number)
        if linked:
            name = f'<a href="https://shop.example/{number}">{name}</a>'
        price = f"<p>{number + 20} €</p>" if priced else ""
        text = "".join(f"<p>{p}</p>" for p in paragraphs(language, 2, 2, number * 9))
        sections.append(f'<div class="part"><h2>{name}</h2>{price}{text}</div>')
    return "".join(sections)


def _live(language: str) -> str:
    entries = []
    for number in range(12):
        text = "".join(f"<p>{p}</p>" for p in paragraphs(language, 1, 2, number * 5))
        entries.append(f'<div class="entry"><time>{number + 8}:15</time><h3>{text}</h3></div>')
    return "".join(entries).replace("<h3>", "<div>").replace("</h3>", "</div>")


def _answers(language: str) -> str:
    pairs = []
    for number in range(9):
        text = "".join(f"<p>{p}</p>" for p in paragraphs(language, 1, 3, number * 7))
        pairs.append(f"<p><b>{headline(language, number)}?</b></p>{text}")
    return "".join(pairs)


def _round_up(language: str) -> str:
    texts = []
    for number in range(10):
        link = f'<a href="https://o{number}.example/">{NOUNS[language][number]}</a>'
        texts.append(f"<p>{sentence(language, number)} {link}: {sentence(language, number + 5)}</p>")
    return "".join(texts)


def _photos(language: str) -> str:
    figures = []
    for number in range(10):
        caption = sentence(language, number)
        figures.append(f'<figure><img src="/{number}.jpg"><figcaption>{caption}</figcaption></figure>')
    return "".join(figures)


STORIES = {
    "brief of an agency above many teasers": story(
        "de", paragraphs("de", 1, 4), cards("de", 20), number=4
    ),
    "one sentence with a headline and a date": story("en", [sentence("en", 400)]),
    "one sentence above some headlines": story(
        "ru", paragraphs("ru", 1, 2, 300), cards("ru", 8, teaser=False)
    ),
    "short story above dated teasers": story("en", paragraphs("en", 3), cards("en", 24)),
    "short story beside a long list of headlines": story(
        "pl", paragraphs("pl", 4), f"<aside>{_linked_list('pl', 50)}</aside>"
    ),
    "live blog": story("en", [sentence("en", 9)], _live("en")),
    "listicle": story("en", paragraphs("en", 1), _steps("en", 10)),
    "test of products with prices and linked names": story(
        "de", paragraphs("de", 1), _steps("de", 8, linked=True, priced=True)
    ),
    "questions and answers": story("fr", paragraphs("fr", 1), _answers("fr")),
    "round-up of links with prose": story("en", paragraphs("en", 1), _round_up("en")),
    "photo story": story("es", paragraphs("es", 2), _photos("es")),
    "story in Chinese above headlines": story(
        "zh", paragraphs("zh", 5), _linked_list("zh", 30)
    ),
    "brief in Tajik": story("tg", paragraphs("tg", 1, 3), cards("tg", 10)),
    "story in Arabic": story("ar", paragraphs("ar", 4), cards("ar", 12)),
    "opinion without headings": story("en", paragraphs("en", 9, 4)),
}
