"""Pages whose structure is known: a story with every kind of block, in the markup of many systems.

The words are made up, in six languages. A page is made from its blocks, so that what an extractor
gives back can be compared with them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

SITE: Final = "https://paper.example"
WORDS: Final = {
    "en": "harbour council ferry river levy market teacher winter bridge engine storm report money"
    " worker island garden season village officer railway letter morning question island answer",
    "de": "Hafen Stadtrat Fähre Fluss Abgabe Markt Lehrerin Winter Brücke Motor Sturm Bericht Geld"
    " Arbeiter Insel Garten Saison Dorf Beamte Eisenbahn Brief Morgen Frage Antwort Straße",
    "fr": "port conseil bateau rivière taxe marché maîtresse hiver pont moteur tempête rapport"
    " argent ouvrier île jardin saison village agent train lettre matin question réponse école",
    "ru": "гавань совет паром река сбор рынок учитель зима мост мотор буря отчёт деньги рабочий"
    " остров сад сезон деревня чиновник поезд письмо утро вопрос ответ школа",
    "el": "λιμάνι συμβούλιο πλοίο ποτάμι φόρος αγορά δασκάλα χειμώνας γέφυρα μηχανή καταιγίδα"
    " έκθεση χρήμα εργάτης νησί κήπος εποχή χωριό υπάλληλος τρένο γράμμα πρωί ερώτηση",
    "es": "puerto consejo barco río tasa mercado maestra invierno puente motor tormenta informe"
    " dinero obrero isla jardín temporada pueblo agente tren carta mañana pregunta respuesta",
}  # fmt: skip
CREDIT_LABELS: Final = {
    "en": "Photo: {}", "de": "Foto: {}", "fr": "Crédit photo : {}", "ru": "Фото: {}",
    "el": "© {}", "es": "Foto: {}",
}  # fmt: skip
NAMES: Final = ("Ivo Brandt", "Ada Lund", "Mira Costa", "Jon Ek", "Lea Roth")


@dataclass
class Link:
    """A link: its text and its absolute URL."""

    text: str
    url: str
    href: str


@dataclass
class Node:
    """A block of a story, as the reader of Markdown should find it.

    Attributes:
        kind: paragraph, heading, item, quote, row, code or figure.
        text: Its text.
        level: Of a heading, or how deep the list of an item is.
        mark: `ol` or `ul` of an item; `header` of a row with the names of columns.
        links: The links in its text.
        caption: Of a figure, with its credit.
        image: The URL of a figure.
        alt: The text that stands for a figure.
        cells: Of a row.
        html: Its text as HTML.
    """

    kind: str
    text: str
    level: int = 0
    mark: str = ""
    links: list[Link] = field(default_factory=list)
    caption: str = ""
    credit: str = ""
    image: str = ""
    alt: str = ""
    cells: tuple[str, ...] = ()
    html: str = ""


@dataclass
class StructuredPage:
    """A page, and the blocks of its story."""

    url: str
    title: str
    language: str
    html: str
    nodes: list[Node]


def structured_pages(count: int = 100, seed: int = 5) -> Iterator[StructuredPage]:
    """Make pages. The same arguments make the same pages."""
    for number in range(count):
        chooser = random.Random(seed * 1000 + number)
        yield _PageWriter(number, chooser).page()


class _PageWriter:
    def __init__(self, number: int, chooser: random.Random) -> None:
        self.number = number
        self.chooser = chooser
        self.language = list(WORDS)[number % len(WORDS)]
        self.words = WORDS[self.language].split()
        self.style = STYLES[number % len(STYLES)]
        self.url = f"{SITE}/{self.language}/2026/story-{number}.html"
        self.nodes: list[Node] = []

    def page(self) -> StructuredPage:
        title = self._sentence(7, 9).text.rstrip(".")
        self._lead()
        sections = [self._list, self._table, self._quote, self._code, self._figure]
        self.chooser.shuffle(sections)
        for index, add_section in enumerate(sections):
            level = (2, 3, 2, 3, 4)[index]
            self.nodes.append(Node("heading", self._phrase(3, 6), level))
            self._paragraph()
            add_section()
            self._paragraph()
        body = self.style(self.nodes, self)
        return StructuredPage(
            self.url, title, self.language, self._document(title, body), self.nodes
        )

    def _document(self, title: str, body: str) -> str:
        menu = "".join(f"<li><a href='/{word}'>{word}</a></li>" for word in self.words[:8])
        teasers = "".join(
            f"<li class='teaser'><a href='/t/{index}'><img src='/img/t{index}.jpg' alt='teaser'>"
            f"<h3>{self._phrase(5, 8)}</h3></a></li>"
            for index in range(5)
        )
        base = "<base href='/base/'>" if self.number % 10 == 3 else ""
        return (
            f"<!doctype html><html lang='{self.language}'><head><meta charset='utf-8'>{base}"
            f"<title>{escape(title)} | Paper</title></head><body>"
            f"<header><a href='/'><img class='logo' src='/logo.png' alt='Paper'></a>"
            f"<nav><ul>{menu}</ul></nav></header><main>{body_with_title(self.number, title, body)}"
            f"</main><aside class='related'><h2>{self._phrase(1, 2)}</h2><ul>{teasers}</ul></aside>"
            "<footer><p>© 2026 Paper <a href='/imprint'>Imprint</a></p></footer></body></html>"
        )

    def _phrase(self, least: int, most: int) -> str:
        words = self.chooser.choices(self.words, k=self.chooser.randint(least, most))
        return " ".join(words).capitalize()

    def _sentence(self, least: int = 9, most: int = 16, *, has_link: bool = False) -> Node:
        words = self.chooser.choices(self.words, k=self.chooser.randint(least, most))
        words[0] = words[0].capitalize()
        if self.chooser.random() < 0.15:
            words.insert(
                2, self.chooser.choice(("*", "snake_case", "R&D", "[sic]", "<b>", "1.", "#5"))
            )
        if not has_link:
            text = " ".join(words) + "."
            return Node("sentence", text, html=escape(text, quote=False))
        start = self.chooser.randint(1, len(words) - 4)
        end = start + self.chooser.randint(1, 3)
        link = self._link(" ".join(words[start:end]))
        parts = (" ".join(words[:start]), " ".join(words[end:]) + ".")
        anchor = f'<a href="{escape(link.href)}">{escape(link.text, quote=False)}</a>'
        before, after = (escape(part, quote=False) for part in parts)
        text = f"{parts[0]} {link.text} {parts[1]}"
        return Node("sentence", text, links=[link], html=f"{before} {anchor} {after}")

    def _link(self, text: str) -> Link:
        number = self.chooser.randint(1, 10_000)
        base = f"{SITE}/base/" if self.number % 10 == 3 else self.url
        folder = base.rpartition("/")[0]
        url, href = self.chooser.choice(
            (
                (f"https://other.example/a_({number})/b?x=1&y={number}",) * 2,
                (f"{SITE}/2025/{number}/", f"/2025/{number}/"),
                (f"{folder}/next-{number}", f"next-{number}"),
                (f"https://cdn.example/{number}#part", f"//cdn.example/{number}#part"),
            )
        )
        return Link(text, url, href)

    def _paragraph_node(self, kind: str = "paragraph", sentences: int = 3) -> Node:
        parts = [self._sentence(has_link=self.chooser.random() < 0.4) for _ in range(sentences)]
        links = [link for part in parts for link in part.links]
        text, html = (" ".join(getattr(part, name) for part in parts) for name in ("text", "html"))
        return Node(kind, text, links=links, html=html)

    def _paragraph(self) -> None:
        self.nodes.append(self._paragraph_node())

    def _lead(self) -> None:
        if self.number % 2:
            self._figure()
        for _ in range(3):
            self._paragraph()

    def _list(self) -> None:
        for _ in range(self.chooser.randint(2, 4)):
            self._item("ul", 1)
            if self.chooser.random() < 0.5:
                for _ in range(2):
                    self._item("ol", 2)
        self._paragraph()
        for _ in range(3):
            self._item("ol", 1)

    def _item(self, mark: str, level: int) -> None:
        node = self._sentence(9, 14, has_link=self.chooser.random() < 0.3)
        node.kind, node.level, node.mark = "item", level, mark
        self.nodes.append(node)

    def _table(self) -> None:
        columns = self.chooser.randint(2, 4)
        for index in range(self.chooser.randint(3, 5)):
            cells = [self._phrase(1, 2) for _ in range(columns)]
            if index == 2:
                cells[-1] = ""
            mark = "header" if index == 0 else ""
            text = " ".join(filter(None, cells))
            self.nodes.append(Node("row", text, mark=mark, cells=tuple(cells)))

    def _quote(self) -> None:
        for _ in range(self.chooser.randint(1, 2)):
            self.nodes.append(self._paragraph_node("quote", 2))

    def _code(self) -> None:
        name = self.chooser.choice(("levy", "ferry", "count"))
        lines = (f"def {name}(ships):", f"    # `{name}` & more", "    return ships * 2", "", "end")
        text = "\n".join(lines)
        self.nodes.append(Node("code", text))

    def _figure(self) -> None:
        number = self.chooser.randint(1, 10_000)
        caption = self._sentence(6, 10).text
        credit = CREDIT_LABELS[self.language].format(self.chooser.choice(NAMES))
        node = Node("figure", "", caption=caption, credit=credit, alt=self._phrase(2, 3))
        node.image = f"{SITE}/img/picture-{number}.jpg"
        self.nodes.append(node)


def body_with_title(number: int, title: str, body: str) -> str:
    """Return the story under its headline, as different systems nest them."""
    head = f"<h1>{escape(title)}</h1><p class='byline'>Ada Lund, 3.2.2026</p>"
    match number % 3:
        case 0:
            return f"<article><header>{head}</header><div class='story-body'>{body}</div></article>"
        case 1:
            return f"<div class='post'>{head}<div class='entry-content'>{body}</div></div>"
    return f"{head}<section><div><div>{body}</div></div></section>"


# How a system writes the nodes of a story.


@dataclass(frozen=True)
class _Markup:
    paragraph: str = "<p>{}</p>"
    quote: tuple[str, str, str] = ("<blockquote>", "<p>{}</p>", "</blockquote>")
    item: str = "{}"
    list_class: str = ""
    cell: str = "{}"
    has_thead: bool = False
    table: tuple[str, str] = ("<table>", "</table>")
    code: str = "<pre><code>{}</code></pre>"
    figure: str = "<figure>{image}<figcaption>{caption} {credit}</figcaption></figure>"
    image: str = "<img src='{src}' alt='{alt}'>"
    block: str = "{}"


def _writer(markup: _Markup) -> Callable[[Sequence[Node], _PageWriter], str]:
    def write(nodes: Sequence[Node], page: _PageWriter) -> str:
        parts: list[str] = []
        index = 0
        while index < len(nodes):
            group = _group(nodes, index)
            index += len(group)
            parts.append(markup.block.format(_write_group(group, markup)))
        return "\n".join(parts)

    return write


def _group(nodes: Sequence[Node], start: int) -> Sequence[Node]:
    """Return the nodes that one element holds."""
    kind = nodes[start].kind
    end = start + 1
    if kind in ("item", "row", "quote"):
        while end < len(nodes) and nodes[end].kind == kind:
            end += 1
    return nodes[start:end]


def _write_group(group: Sequence[Node], markup: _Markup) -> str:
    first = group[0]
    match first.kind:
        case "heading":
            text = escape(first.text, quote=False)
            return f"<h{first.level}>{text}</h{first.level}>"
        case "item":
            return _write_list(group, markup)
        case "row":
            return _write_table(group, markup)
        case "quote":
            start, inner, end = markup.quote
            return start + "".join(inner.format(node.html) for node in group) + end
        case "code":
            return markup.code.format(escape(first.text, quote=False))
        case "figure":
            return _write_figure(first, markup)
    return markup.paragraph.format(first.html)


def _write_list(items: Sequence[Node], markup: _Markup) -> str:
    html, open_marks = "", list[str]()
    for node in items:
        while len(open_marks) > node.level:
            html += f"</li></{open_marks.pop()}>"
        if len(open_marks) == node.level:
            html += "</li>\n"
        else:
            html += f"<{node.mark}{markup.list_class}>"
            open_marks.append(node.mark)
        html += f"<li>{markup.item.format(node.html)}"
    while open_marks:
        html += f"</li></{open_marks.pop()}>"
    return html


def _write_table(rows: Sequence[Node], markup: _Markup) -> str:
    lines: list[str] = []
    for row in rows:
        tag = "th" if row.mark == "header" else "td"
        cells = "".join(
            f"<{tag}>{markup.cell.format(escape(cell)) if cell else ''}</{tag}>"
            for cell in row.cells
        )
        line = f"<tr>{cells}</tr>"
        lines.append(f"<thead>{line}</thead>" if markup.has_thead and tag == "th" else line)
    return markup.table[0] + "\n".join(lines) + markup.table[1]


def _write_figure(node: Node, markup: _Markup) -> str:
    src = node.image.removeprefix(SITE)
    image = markup.image.format(src=src, alt=escape(node.alt))
    caption, credit = escape(node.caption, quote=False), escape(node.credit, quote=False)
    return markup.figure.format(image=image, caption=caption, credit=credit)


LAZY = "<img src='data:image/gif;base64,R0lGOD' data-src='{src}' alt='{alt}'>"
SET = "<img srcset='{src}.small 300w, {src} 1200w' alt='{alt}'>"
PICTURE = (
    "<picture><source srcset='{src} 2x, {src}?w=2 1x'>"
    "<img src='/img/placeholder.gif' alt='{alt}'></picture>"
)
NOSCRIPT = (
    "<img class='lazy' src='/img/blank.gif' alt='{alt}'>"
    "<noscript><img src='{src}' alt='{alt}'></noscript>"
)
STYLES: Final = tuple(
    map(
        _writer,
        (
            _Markup(),
            _Markup(  # WordPress with blocks
                figure="<figure class='wp-block-image'>{image}<figcaption>{caption}"
                " <span class='credit'>{credit}</span></figcaption></figure>",
                table=("<figure class='wp-block-table'><table>", "</table></figure>"),
                quote=("<blockquote class='wp-block-quote'>", "<p>{}</p>", "</blockquote>"),
                has_thead=True,
                image=SET,
                list_class=" class='wp-block-list'",
            ),
            _Markup(  # WordPress before blocks
                figure="<div id='attachment_1' class='wp-caption'>{image}"
                "<p class='wp-caption-text'>{caption} {credit}</p></div>",
                item="<span>{}</span>",
                image=LAZY,
            ),
            _Markup(  # components of a large publisher
                block="<div class='block' data-component='text-block'>{}</div>",
                figure="<figure><div class='image'>{image}</div><figcaption><span>{caption}</span>"
                "<small class='copyright'>{credit}</small></figcaption></figure>",
                quote=("<figure class='quote'><blockquote>", "<p>{}</p>", "</blockquote></figure>"),
                image=PICTURE,
            ),
            _Markup(  # pasted from a word processor
                paragraph="<p class='MsoNormal'><span style='font-size:11pt'>{}</span></p>",
                cell="<p>{}</p>",
                item="<p>{}</p>",
                code="<div class='highlight'><pre>{}</pre></div>",
                image=NOSCRIPT,
            ),
            _Markup(
                figure="<div class='media'><div class='media__image'>{image}</div>"
                "<div class='media__caption'>{caption}</div>"
                "<div class='media__credit'>{credit}</div></div>",
                quote=("<blockquote>", "{}<br>", "</blockquote>"),
                table=("<div class='table-wrapper'><table><tbody>", "</tbody></table></div>"),
            ),
            _Markup(
                figure="<figure><a href='/zoom'>{image}</a>"
                "<figcaption><p>{caption}</p><p class='image-credit'>{credit}</p></figcaption>"
                "</figure>",
                code="<pre class='code'>{}\n</pre>",
                cell="<strong>{}</strong>",
            ),
        ),
    )
)
