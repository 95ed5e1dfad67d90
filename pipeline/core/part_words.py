"""The words by which pages of one story lead to each other, in many languages."""

from __future__ import annotations

import re

# The words are those of addresses and publishing systems.
PAGE_WORD = (
    r"(?:pages?|pg|p|seite|pagina|pagina|página|sayfa|strona|strana|stran|str|sida|side|sivu|oldal"
    r"|part|parte|partie|teil|bolum|chast|stranica|stranitsa|bet|sahifa)"
)
NUMBER_TEXT = re.compile(
    rf"^(?:{PAGE_WORD}|page|страница|стр\.?|часть|саҳифа|бет|sahifa|第)?\s*"
    r"(\d{1,2})\s*(?:页|頁|ページ)?(?:\s*(?:of|/|von|de|sur|di|из|av|z)\s*\d{1,3})?"
    r"(?:\s*[:.)–—-].*)?$",
    re.IGNORECASE,
)
CONTINUE_TEXT = re.compile(
    r"""^[\W_]*(?:
        next(?:\s+page)?|continue(?:\s+reading|d)?|read\s+(?:on|further)|keep\s+reading
      | more\s+on\s+page
      | (?:zur\s+)?n(?:ä|ae)chste(?:n)?(?:\s+seite)?|weiter(?:lesen)?(?:\s+auf\s+(?:der\s+)?seite)?
      | page\s+suivante|suivant[e]?|lire\s+la\s+suite|suite|la\s+suite
      | (?:p[áa]gina\s+)?siguiente|seguir\s+leyendo|continuar(?:\s+leyendo)?|sigue\s+leyendo
      | pr[óo]xima(?:\s+p[áa]gina)?|continue\s+lendo|continuar\s+lendo|seguinte
      | (?:pagina\s+)?successiva|avanti|continua(?:\s+a\s+leggere)?|segue
      | volgende(?:\s+pagina)?|lees\s+(?:verder|door)|nästa(?:\s+sida)?|läs\s+vidare
      | neste(?:\s+side)?
      | næste(?:\s+side)?|læs\s+videre|seuraava(?:\s+sivu)?|jatka\s+lukemista
      | następna(?:\s+strona)?|czytaj\s+dalej|dalej|další(?:\s+strana)?|pokračovat|tovább
      | sonraki(?:\s+sayfa)?|devamı?(?:nı\s+oku)?|keyingi(?:\s+sahifa)?|davomi(?:ni\s+oʻqing)?
      | следующая(?:\s+страница)?|далее|дальше|читать\s+(?:далее|дальше)|продолжение|вперед|вперёд
      | наступна(?:\s+сторінка)?|далі|читати\s+далі
      | саҳифаи\s+(?:навбатӣ|оянда)|давомаш|идома|келесі(?:\s+бет)?|жалғасы
      | кийинки(?:\s+бет)?|уландысы
      | 下一页|下一頁|次(?:の|へ)(?:ページ)?|次ページ|다음(?:\s*페이지)?
      | التالي|الصفحة\s+التالية|صفحه\s+بعد|ادامه
    )[\W_]*(?:\d{1,2}[\W_]*)?$""",
    re.IGNORECASE | re.VERBOSE,
)
# "page 2 of 5", "(2/5)", "Seite 2", "continued on page 2", at the end of a line or as the line
PAGE_MARK = re.compile(
    rf"""[\s([|–—-]*(?:(?:continued|to\s+be\s+continued|fortsetzung|suite|continúa|продолжение)\s+
        (?:on|from|auf|von|à\s+la|en|на)?\s*)?
        (?:{PAGE_WORD}|страница|стр\.?|часть|саҳифа|бет|sahifa)\.?\s*\d{{1,2}}
        (?:\s*(?:of|/|von|de|sur|di|из|av|z)\s*\d{{1,3}})?[\s)\].:…»>→-]*$
      | [\s([|–—-]*[(\[]?\d{{1,2}}\s*(?:/|of|von|из)\s*\d{{1,2}}[)\]]?\s*$
      | \s*[(\[](?:continued|fortsetzung|suite|продолжение)[)\]]\s*$""",
    re.IGNORECASE | re.VERBOSE,
)
# a pager as a line: "« 1 2 3 … next »"
PAGE_NUMBERS = re.compile(
    r"[\W_]*(?:(?:prev(?:ious)?|zurück|назад|next|weiter|далее|вперед|вперёд)?[\W_]*"
    r"(?:\d{1,2}[\W_]+){2,20}\d{0,2}[\W_]*(?:next|weiter|далее|вперед|вперёд)?)[\W_]*",
    re.IGNORECASE,
)
