"""Detect pages in place of a story: a "not found" that comes as a page, and a paywall's teaser.

A long text is a story, whatever its title says. So is a full text that its page calls paywalled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.cleaning.rules.context import RuleContext
from pipeline.core.models import ExtractedPage

MAX_ERROR_WORDS = 120  # an error page apologises and offers the menu; it tells no story
MAX_ERROR_TITLE_LENGTH = 200
FIRST_LINES = 3  # of a page, where an error page says what it is
MIN_PROSE_WORDS = 30  # of a line that tells a story
MAX_STUB_WORDS = 60  # a shorter text of a paywalled page is a teaser in any case
MAX_TEASER_WORDS = 200  # so is a text of up to so many words that breaks off
WALL_RULES = ("prompt", "site-pattern")  # they remove the invitation to subscribe
TITLE_SEPARATOR = re.compile(r"\s[|–—:·-]\s")
NOT_FOUND = re.compile(
    r"""^\W*(?:error\W*|ошибка\W*|erreur\W*|fehler\W*|хато\W*|xato\w*\W*|oops\W*|sorry\W*|ой\W*
      |упс\W*)*
    (?: 404(?:\W*$|\W+(?:error|not\b|page|file|ошибка|страница|не\b|fehler|seite|erreur|p[aá]gina))
      | (?:(?:the|this)\ )?(?:requested\ )?(?:page|article|story|url|content|file)\ (?:\w+\ ){0,4}?
        (?:(?:can(?:no|['’])t\ be|could\ not\ be|couldn['’]t\ be|was\ not|is\ not|wasn['’]t
          |not)\ found|does\ not\ exist
          |doesn['’]t\ exist|(?:is\ )?no\ longer\ (?:available|exists)|not\ available)
      | (?:we\ )?(?:can(?:no|['’])t|couldn['’]t|could\ not)\ find\ (?:the|this|that)\ (?:page
        |article|story)
      | not\ found$ | nothing\ (?:was\ )?found$
      | (?:(?:запраш\w+|запрош\w+|такой|эта|данная|искомая)\ )?(?:страниц[аы]|материал|статья
        |новость|публикаци[яи]|документ)
        \ (?:\w+\ ){0,3}?(?:не\ (?:найден[аоы]?|существует|доступн[аы]?)|удал[её]н[аоы]?
          |отсутствует)
      | ничего\ не\ найдено$ | не\ найдено$
      | (?:сторінк[ау]|матеріал|старонк[ау])\ (?:\w+\ ){0,3}?не\ (?:знайден[оаы]|існує
        |знойдзен[аы]|існуе)
      | са[ҳх]ифа\ (?:\w+\ ){0,3}?(?:ёфт\ на|пайдо\ на|мавҷуд\ нест|вуҷуд\ надорад)
      | sahifa\ (?:\w+\ ){0,2}?(?:topilmadi|mavjud\ emas) | саҳифа\ (?:\w+\ ){0,2}?топилмади
      | (?:бет|парақша|бет\ же\ макала|барак(?:ча)?)\ (?:\w+\ ){0,2}?(?:табылмады|табылган\ жок
        |табылған\ жоқ)
      | (?:die\ |diese\ )?seite\ (?:\w+\ ){0,3}?nicht\ (?:gefunden|verfügbar)
      | (?:la\ |cette\ )?page\ (?:\w+\ ){0,3}?(?:introuvable|n['’]existe\ (?:pas|plus)|non\ trouvée)
      | (?:la\ )?p[áa]gina\ (?:\w+\ ){0,3}?(?:no\ (?:encontrada|existe)|não\ (?:encontrada
        |existe)|non\ (?:trovata|esiste))
      | (?:nie\ znaleziono\ strony|strona\ nie\ (?:została\ znaleziona|istnieje)
        |stránka\ nenalezena|pagina\ niet\ gevonden)
      | sayfa\ (?:\w+\ ){0,2}?bulunamad[ıi] | səhifə\ tapılmadı
      | صفحه\ (?:\w+\ ){0,4}?(?:یافت|پیدا)\ نشد | الصفحة\ غير\ موجودة
        | (?:您访问的)?页面(?:不存在|未找到)
      | 找不到(?:该)?(?:页面|網頁)
    )""",
    re.VERBOSE | re.IGNORECASE,
)


def is_soft_404(extracted: ExtractedPage, context: RuleContext) -> bool:
    """Tell whether a page of few words says in its title or first lines that it is not found.

    Args:
        extracted: The page before the rules.
        context: Its lines after the rules.
    """
    if sum(line.words for line in context.lines if line.link_share < 0.5) > MAX_ERROR_WORDS:
        return False
    texts = [extracted.metadata.title, *(line.text for line in context.lines[:FIRST_LINES])]
    if not any(map(NOT_FOUND.search, _title_parts(texts))):
        return False
    return not any(line.is_prose and line.words >= MIN_PROSE_WORDS for line in context.kept)


def _title_parts(texts: list[str]) -> Iterator[str]:
    """Yield the short texts, whole and in parts: the site's name may stand before the message."""
    for text in texts:
        if len(text) <= MAX_ERROR_TITLE_LENGTH:
            yield text
            yield from TITLE_SEPARATOR.split(text)


def is_paywall_stub(extracted: ExtractedPage, context: RuleContext) -> bool:
    """Tell whether a page calls its story paywalled and shows no more than its beginning.

    Args:
        extracted: The page before the rules.
        context: Its lines after the rules.
    """
    if not extracted.metadata.paywalled:
        return False
    if not context.kept or context.words < MAX_STUB_WORDS:
        return True
    return context.words < MAX_TEASER_WORDS and _breaks_off(context)


def _breaks_off(context: RuleContext) -> bool:
    """Tell whether the story ends in mid-sentence, or a request to subscribe follows it."""
    last = context.kept[-1]
    if not last.ends_sentence or last.text.rstrip("\"'”’»)]").endswith(("…", "...")):
        return True
    for line in context.lines:
        if line.index > last.index and context.rule_of(line.index) in WALL_RULES:
            return True
    return False
