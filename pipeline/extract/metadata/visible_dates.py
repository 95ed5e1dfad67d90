"""Read the days that a page shows as those of its story.

They stand near the headline. Days of teasers, comments, boxes and posts of others do not count, nor
does the day of the visit in the head of the site.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from lxml.html import HtmlElement

from pipeline.core.dates.date_text import UNKNOWN_STYLE, DateStyle, FoundDate, find_dates
from pipeline.core.dates.date_values import ParsedDate, parse_date
from pipeline.extract.metadata.set_apart import is_masthead, is_set_apart
from pipeline.extract.metadata.visible_bylines import VisibleLine

FARTHEST_DATE = -4  # lines before the headline
MAX_PARAGRAPHS = 1  # before a date line
MAX_LABEL_LENGTH = 30  # characters of a word such as "Updated" on its own line
MAX_DATE_LENGTH = 90  # characters of a date line
MAX_RELATIVE_LENGTH = 60  # characters of a line such as "2 hours ago"
MAX_OTHER_LENGTH = 50  # characters of an unmarked date line beside its dates
MAX_ELEMENTS = 6  # of a line that are searched for its date
MAX_TIMES = 3  # elements of a line whose attributes are read
TIME_LEVELS = 3  # an element and those around it, one of which can be <time>
CHANGED = re.compile(
    r"updated?|modified|last (?:change|edit)|edited(?! by)|revis(?:ed|ion)|aktualisiert|"
    r"geändert|änderung|"
    r"\bstand\b|mis à jour|modifi|màj|mise à jour|actuali[sz]|aggiorna|atuali[sz]|bijgewerkt|"
    r"aktuali|zmieni|обновл|изменен|оновлено|змінено|навсозӣ|таҳрир|yangilan|жаңарт|güncelle|"
    r"oppdatert|uppdatera|opdateret|päivitetty|frissít|módosít|ενημέρωση|ενημερώθηκε|"
    r"última modifica|azhuruar|تحديث|عُدّل|به.?روز|ویرایش|更新|修改|수정|업데이트|अपडेट|"
    r"अद्यतन|cập nhật|"
    r"diperbarui|dikemas|актуализ|промен|ажурира|ažurira|posodobljeno|uuendatud|atnaujinta|"
    r"atjaunin|แก้ไข|עודכן|עדכון",
    re.I,
)
CHANGED_MARK = re.compile(r"updated|modified|lastmod|date-?changed|name-changed")
PUBLISHED = re.compile(
    r"publish|publication|posted|first|written|issued|veröffentlich|erstellt|erschienen|publi|"
    r"pubbl|опублик|публик|создан|нашр|оприлюдн|opublik|gepubliceerd|geplaatst|created|yayın|"
    r"e'lon|chop etil|жарияла|zveřejn|vydán|uverejn|zverejn|objavlj|julkaistu|publicer|megjelen|"
    r"közzé|δημοσ|نشر|انتشار|تاریخ|تاريخ|منتشر|发布|發布|发表|發表|公開|掲載|入力|입력|등록|प्रकाशित|पोस्ट|"
    r"đăng|xuất bản|diterbitkan|dipublikasi|avaldatud|paskelbta|publicēts|เผยแพร่|פורסם",
    re.I,
)
PUBLISHED_MARK = re.compile(r"publish|entry-date|posted")
# A label that says only "date".
PLAIN_LABEL = re.compile(
    r"(?:date|datum|data|fecha|дата|tarih|tarix|dátum|päivämäärä|ημερομηνία|sana|сана|时间|時間|日期|"
    r"日時|날짜|दिनांक|ngày|tanggal|תאריך|วันที่|on|am|le|el|il|время|час)",
    re.I,
)
LABEL = re.compile(r"([^\W\d_][^:：\d]{1,40})[:：]\s*$")
DATE_MARK = re.compile(
    r"(?<![a-z])(?:\w*date\w*|datum|fecha|\w*time(?!r|line)\w*|publish\w*|\w*byline\w*|posted\w*|"
    r"\w*meta\w*|\w*stamp|author\w*|entry-\w+|pub\w*|info\w*|fecha|uhrzeit|autor\w*)"
)
BY = re.compile(r"(?:^|\s)(?:by|von|par|por|di|door|автор)\s", re.I)
CLOCK = re.compile(
    r"(?<![\d.:])(\d{1,2})\s?[:.h]\s?(\d{2})(?!\d|[./-]\d)(?::\d{2})?\s*(?:([ap])\.?\s?m\b)?", re.I
)
# Words before a day that is another one than that of the publication.
OTHER_DAY = re.compile(
    r"\b(?:until|till|through|valid|expires?|ends?|starts?|begins?|deadline|opens?|closes?|"
    r"released?|"
    r"due|born|died|since|joined|bis|gültig|ab|seit|endet|beginnt|geboren|jusqu['’]au|"
    r"valable|depuis|"
    r"hasta|válid[oa]|vence|desde|fino al|scade|até|до|действу\w+|истека\w+|tot|geldig|vanaf|"
    r"ważn\w+|od)\s+(?:\w+\s+){0,2}$",
    re.I,
)
HALF_DAY = 12  # hours
CLOCK_BEFORE, CLOCK_AFTER = 24, 24  # characters around a day
RELATIVE = re.compile(
    r"\bago\b|^(?:yesterday|today|just now|gestern|heute|hier\b|aujourd|ayer|hoy|ieri|oggi|ontem|"
    r"hoje|gisteren|vandaag|вчера|сегодня|вчора|сьогодні|dün|bugün|kecha|дирӯз|имрӯз|кеча|бугун|"
    r"кеше|бүгін|wczoraj|dziś|dzisiaj|včera|dnes|tegnap|ma\b|igår|idag|i går|i dag|eilen|tänään|"
    r"χθες|σήμερα|azi|astăzi|أمس|اليوم|دیروز|امروز|昨天|今天|昨日|今日|어제|오늘|कल|आज|hôm)"
    r"|\bvor \d+ (?:stunde|minute|tag|woche)|\bil y a \d|\bhace \d|\bhá \d|\d \w+ fa\b|назад|"
    r"\bтому$"
    r"|önce|oldin|пеш\b|бұрын|\d \w+ temu|\bpřed \d|\d \w+ sedan|\d \w+ siden|sitten|πριν|"
    r"acum \d|منذ|پیش|前$|전$|पहले|\d \w+ geleden|trước|yang lalu",
    re.I,
)

DateWord = tuple[int, bool]  # position, and whether it speaks of a change


@dataclass(frozen=True, slots=True)
class VisibleDates:
    """The days near a headline.

    Attributes:
        plain: Days that stand there as the date of the page.
        nearest: The first of them, where several lines have one.
        own: Those of them that a class, a time of day or a byline marks as such.
        changed: Days that a word such as "Updated" makes days of a change.
        silently_changed: Days that only a class makes so. Readers see them as the date of the page.
        all: All days that are not set apart from the story.
        clocks: Days with the minute of the day that stands beside them.
        times: The moments of `<time>` elements that stand there as the date of the page.
    """

    plain: frozenset[date] = frozenset()
    nearest: date | None = None
    own: frozenset[date] = frozenset()
    changed: frozenset[date] = frozenset()
    silently_changed: frozenset[date] = frozenset()
    all: frozenset[date] = frozenset()
    clocks: frozenset[tuple[date, int]] = frozenset()
    times: tuple[ParsedDate, ...] = ()


def says_relative_date(lines: Sequence[VisibleLine]) -> bool:
    """Tell whether a page says "yesterday", "2 hours ago" or the like near its headline."""
    for line in lines:
        if len(line.text) > MAX_RELATIVE_LENGTH or line.paragraphs > MAX_PARAGRAPHS:
            continue
        if _is_date_line(line) and RELATIVE.search(line.text):
            return True
    return False


@dataclass(slots=True)
class _Place:
    """The dates of one place: before the headline, behind it, or further down."""

    plain: set[date] = field(default_factory=set)
    nearest: date | None = None
    own: set[date] = field(default_factory=set)
    times: list[ParsedDate] = field(default_factory=list)


def visible_dates(
    lines: Sequence[VisibleLine],
    headline: HtmlElement | None = None,
    style: DateStyle = UNKNOWN_STYLE,
) -> VisibleDates:
    """Return the days near the headline.

    A word such as "Updated" before a day makes it the day of a change.

    Args:
        lines: The lines that `lines_near_headline` returns.
        headline: The element that they are near.
        style: How the page writes dates.
    """
    reader = _Reader(set() if headline is None else {headline, *headline.iterancestors()}, style)
    for line in lines:
        reader.read(line)
    # A masthead shows the day of the visit: what follows the headline is nearer to the story.
    places = (reader.after, reader.before, reader.further)
    place = next((each for each in places if each.plain or each.times), reader.after)
    return VisibleDates(
        plain=frozenset(place.plain),
        nearest=place.nearest,
        own=frozenset(place.own),
        changed=frozenset(reader.changed),
        silently_changed=frozenset(reader.silently_changed),
        all=frozenset(reader.all_days),
        clocks=frozenset(reader.clocks),
        times=tuple(place.times),
    )


class _Reader:
    """Reads lines in their order and gathers their dates."""

    def __init__(self, around_headline: set[HtmlElement], style: DateStyle) -> None:
        self.around_headline = around_headline
        self.style = style
        self.after, self.before, self.further = _Place(), _Place(), _Place()
        self.changed: set[date] = set()
        self.silently_changed: set[date] = set()
        self.all_days: set[date] = set()
        self.clocks: set[tuple[date, int]] = set()
        self.follows_label = False  # the line before says "Updated" and no more

    def read(self, line: VisibleLine) -> None:
        """Gather the dates of the next line."""
        dates = find_dates(line.text, self.style)
        moments = _moments(line) if len(line.text) <= MAX_DATE_LENGTH else []
        if not dates and not moments:
            self.follows_label = _is_changed_label(line)
            return
        if not self._is_apart(line, dates):
            words = _date_words(line, self.follows_label)
            place = self._place(line, dates)
            is_first = place is not None and not place.plain
            for found in dates:
                self._read_day(line, found, place, words)
            if place and is_first:
                place.times += _plain_moments(line, moments, self.changed, place.plain, words)
                if len(place.plain) == 1:
                    place.nearest = min(place.plain)
        self.follows_label = False

    def _read_day(
        self,
        line: VisibleLine,
        found: FoundDate,
        place: _Place | None,
        words: Sequence[DateWord],
    ) -> None:
        self.all_days.add(found.day)
        self.clocks.update(_clock(line.text, found))
        if _is_changed_at(words, found.start):
            self.changed.add(found.day)
            if not self.follows_label and not CHANGED.search(line.text):
                self.silently_changed.add(found.day)
        elif place and not has_other_label(line.text[: found.start]):
            place.plain.add(found.day)
            if _is_marked(line):
                place.own.add(found.day)

    def _place(self, line: VisibleLine, dates: Sequence[FoundDate]) -> _Place | None:
        """Return where the line stands; None where it is no date line."""
        if not _is_date_line(line, dates):
            return None
        if line.paragraphs > MAX_PARAGRAPHS:
            return self.further if _is_marked(line) else None
        return self.after if line.distance > 0 else self.before

    def _is_apart(self, line: VisibleLine, dates: Sequence[FoundDate]) -> bool:
        if not line.elements:
            return False
        element = _element_of_date(line, dates)
        if line.distance < 0 and is_masthead(element, self.around_headline):
            return True
        return is_set_apart(element, self.around_headline)


def _element_of_date(line: VisibleLine, dates: Sequence[FoundDate]) -> HtmlElement:
    """Return the element of a line that holds its first date."""
    if dates and len(line.elements) > 1:
        for element in line.elements[:MAX_ELEMENTS]:
            if find_dates(element.text_content()[:MAX_DATE_LENGTH]):
                return element
    return line.elements[0]


def _is_date_line(line: VisibleLine, dates: Sequence[FoundDate] = ()) -> bool:
    """Tell whether a line can hold the date of the page."""
    if len(line.text) > MAX_DATE_LENGTH or line.is_aside or line.distance < FARTHEST_DATE:
        return False
    other_length = len(line.text) - sum(found.end - found.start for found in dates)
    return other_length <= MAX_OTHER_LENGTH or _is_marked(line)


def _is_marked(line: VisibleLine) -> bool:
    if DATE_MARK.search(line.marks) or BY.search(line.text) or PUBLISHED.search(line.text):
        return True
    return CLOCK.search(line.text) is not None or _is_time(line)


def _is_time(line: VisibleLine) -> bool:
    for element in line.elements[:MAX_TIMES]:
        if element.tag == "time":
            return True
    return False


def has_other_label(text: str) -> bool:
    """Tell whether a text before a day calls it something else, as "Opening:" does.

    Args:
        text: The words before a day on its line.

    Returns:
        True for labels of events and deadlines, False for "Published:" and its like.
    """
    if OTHER_DAY.search(text):
        return True
    label = LABEL.search(text)
    if label is None:
        return False
    return not (PUBLISHED.search(label[1]) or PLAIN_LABEL.fullmatch(label[1].strip()))


def _clock(text: str, found: FoundDate) -> Iterator[tuple[date, int]]:
    """Yield the day with the time of day that stands behind it, or else before it."""
    match = CLOCK.search(text[found.end : found.end + CLOCK_AFTER])
    if match is None:
        match = CLOCK.search(text[max(0, found.start - CLOCK_BEFORE) : found.start])
    if match:
        hour = int(match[1])
        if match[3] and hour <= HALF_DAY:
            hour = hour % HALF_DAY + (HALF_DAY if match[3].lower() == "p" else 0)
        yield found.day, hour * 60 + int(match[2])


def _moments(line: VisibleLine) -> list[tuple[ParsedDate, HtmlElement]]:
    """Return the moments in the attributes of a line's elements."""
    moments: list[tuple[ParsedDate, HtmlElement]] = []
    seen: set[HtmlElement] = set()
    for element in line.elements:
        node: HtmlElement | None = element
        for _ in range(TIME_LEVELS):
            if node is None or node in seen:
                break
            seen.add(node)
            if parsed := element_date(node):
                moments.append((parsed, node))
            node = node.getparent()
        if len(moments) >= MAX_TIMES:
            break
    return moments


def element_date(element: HtmlElement) -> ParsedDate | None:
    """Return the date in the attributes of a `<time>` element, or of one that serves as such.

    Args:
        element: A `<time>`, an `<abbr>`, or an element with `datetime` or `content`.

    Returns:
        The date; None where its attributes hold none that can be read.
    """
    if element.tag == "time":
        return parse_date(element.get("datetime") or element.get("content") or "")
    value = element.get("datetime") or element.get("content")
    if element.tag == "abbr":
        value = value or element.get("title")
    return parse_date(value) if value else None


def _plain_moments(
    line: VisibleLine,
    moments: Sequence[tuple[ParsedDate, HtmlElement]],
    changed: set[date],
    plain: set[date],
    words: Sequence[DateWord],
) -> Iterator[ParsedDate]:
    """Yield the moments of a line that are not those of a change."""
    for parsed, element in moments:
        marks = f"{element.get('class') or ''} {element.get('itemprop') or ''}".lower()
        is_changed = (
            parsed.day in changed
            or _is_changed_at(words, len(line.text))
            or (CHANGED_MARK.search(marks) and not PUBLISHED_MARK.search(marks))
        )
        if parsed.day in plain or not is_changed:
            yield parsed


def _date_words(line: VisibleLine, follows_label: bool) -> list[DateWord]:
    """Return the words that say what the dates of a line are; -1 is before the line."""
    words = [(match.start(), True) for match in CHANGED.finditer(line.text)]
    has_changed_mark = CHANGED_MARK.search(line.marks) and not PUBLISHED_MARK.search(line.marks)
    if follows_label or (not words and has_changed_mark):
        words.append((-1, True))
    words += [(match.start(), False) for match in PUBLISHED.finditer(line.text)]
    return words


def _is_changed_label(line: VisibleLine) -> bool:
    """Tell whether a line says "Updated" and no more."""
    return len(line.text) <= MAX_LABEL_LENGTH and CHANGED.search(line.text) is not None


def _is_changed_at(words: Sequence[DateWord], position: int) -> bool:
    """Tell whether the last word before a position speaks of a change."""
    before = [word for word in words if word[0] < position]
    return max(before, default=(0, False))[1]
