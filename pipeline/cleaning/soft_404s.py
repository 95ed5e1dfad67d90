"""Pages that stand in a story's place: a "page not found" that is served as a page, and what a paywall leaves of a story.

Promises pure answers over a Draft and its lines. A long text is a story, whatever its title says; a story that its page calls
paywalled and that is there in full is a story, too.
"""

from __future__ import annotations

import re

from pipeline.cleaning.rules.context import RuleContext
from pipeline.core.models import ExtractedPage

MISSING_WORDS = 120  # an error page apologises, and offers the menu; it tells no story
STUB_WORDS = 60  # what is behind a paywall and has fewer is a teaser in any case
TEASER_WORDS = 200  # and up to so many where the text breaks off
WALLS = ("prompt", "site-pattern")  # rules that strike the invitation to subscribe
MISSING = re.compile(
    r"""^\W*(?:error\W*|ошибка\W*|erreur\W*|fehler\W*|хато\W*|xato\w*\W*|oops\W*|sorry\W*|ой\W*|упс\W*)*
    (?: 404(?:\W*$|\W+(?:error|not\b|page|file|ошибка|страница|не\b|fehler|seite|erreur|p[aá]gina))
      | (?:(?:the|this)\ )?(?:requested\ )?(?:page|article|story|url|content|file)\ (?:\w+\ ){0,4}?
        (?:(?:can(?:no|['’])t\ be|could\ not\ be|couldn['’]t\ be|was\ not|is\ not|wasn['’]t|not)\ found|does\ not\ exist
          |doesn['’]t\ exist|(?:is\ )?no\ longer\ (?:available|exists)|not\ available)
      | (?:we\ )?(?:can(?:no|['’])t|couldn['’]t|could\ not)\ find\ (?:the|this|that)\ (?:page|article|story)
      | not\ found$ | nothing\ (?:was\ )?found$
      | (?:(?:запраш\w+|запрош\w+|такой|эта|данная|искомая)\ )?(?:страниц[аы]|материал|статья|новость|публикаци[яи]|документ)
        \ (?:\w+\ ){0,3}?(?:не\ (?:найден[аоы]?|существует|доступн[аы]?)|удал[её]н[аоы]?|отсутствует)
      | ничего\ не\ найдено$ | не\ найдено$
      | (?:сторінк[ау]|матеріал|старонк[ау])\ (?:\w+\ ){0,3}?не\ (?:знайден[оаы]|існує|знойдзен[аы]|існуе)
      | са[ҳх]ифа\ (?:\w+\ ){0,3}?(?:ёфт\ на|пайдо\ на|мавҷуд\ нест|вуҷуд\ надорад)
      | sahifa\ (?:\w+\ ){0,2}?(?:topilmadi|mavjud\ emas) | саҳифа\ (?:\w+\ ){0,2}?топилмади
      | (?:бет|парақша|бет\ же\ макала|барак(?:ча)?)\ (?:\w+\ ){0,2}?(?:табылмады|табылган\ жок|табылған\ жоқ)
      | (?:die\ |diese\ )?seite\ (?:\w+\ ){0,3}?nicht\ (?:gefunden|verfügbar)
      | (?:la\ |cette\ )?page\ (?:\w+\ ){0,3}?(?:introuvable|n['’]existe\ (?:pas|plus)|non\ trouvée)
      | (?:la\ )?p[áa]gina\ (?:\w+\ ){0,3}?(?:no\ (?:encontrada|existe)|não\ (?:encontrada|existe)|non\ (?:trovata|esiste))
      | (?:nie\ znaleziono\ strony|strona\ nie\ (?:została\ znaleziona|istnieje)|stránka\ nenalezena|pagina\ niet\ gevonden)
      | sayfa\ (?:\w+\ ){0,2}?bulunamad[ıi] | səhifə\ tapılmadı
      | صفحه\ (?:\w+\ ){0,4}?(?:یافت|پیدا)\ نشد | الصفحة\ غير\ موجودة | (?:您访问的)?页面(?:不存在|未找到)
      | 找不到(?:该)?(?:页面|網頁)
    )""",
    re.VERBOSE | re.IGNORECASE,
)


def is_soft_404(draft: ExtractedPage, reading: RuleContext) -> bool:
    """Whether a page of few words says in its title, or in its first lines, that there is no such page."""
    if sum(line.words for line in reading.lines if line.link_share < 0.5) > MISSING_WORDS:
        return False
    title = draft.metadata.title
    shown = [line.text for line in reading.lines[:3]]
    said = [
        part
        for text in (title, *shown)
        if len(text) <= 200
        for part in (text, *re.split(r"\s[|–—:·-]\s", text))
    ]
    if not any(MISSING.search(part) for part in said):
        return False
    return not any(line.is_prose and line.words >= 30 for line in reading.kept)


def is_paywall_stub(draft: ExtractedPage, reading: RuleContext) -> bool:
    """Whether the page calls its story paywalled and shows no more than its beginning."""
    if not draft.metadata.paywalled:
        return False
    if not reading.kept or reading.words < STUB_WORDS:
        return True
    return reading.words < TEASER_WORDS and _breaks_off(reading)


def _breaks_off(reading: RuleContext) -> bool:
    """The last line of the story ends in the middle of a sentence, or a request to subscribe follows it."""
    last = reading.kept[-1]
    if not last.ends_sentence or last.text.rstrip("\"'”’»)]").endswith(("…", "...")):
        return True
    return any(
        line.index > last.index and reading.rule_of(line.index) in WALLS for line in reading.lines
    )
