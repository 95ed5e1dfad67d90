"""How the names of months begin, in the languages of news sites.

A word belongs to its longest beginning, so that one entry stands for all cases, abbreviations and
many languages: "mar" is mars, marzo, Mart, março and marts. Accents of Latin, Greek and Cyrillic
letters do not count.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

BEGINNINGS = (
    # January first; each line of names is of one alphabet.
    (
        "jan jaa gen ene ian yan xan oca led sij sty sau tam"
        " янв яну қаң січ студз сту јан ιαν ἰαν հուն იან"
        " जन जाने জানু ஜன జన يناير كانون_الثاني جانفي ینایر جنوری ژانوی ינו มกร ม.ค"
    ),
    (
        "feb fev fév fef fevr sub úno uno vel vas helmi shk peb vee lut fewr"
        " фев феб фебр ақп лют люты φεβ փետ თებ"
        " फर फ़र फेब ফেব পிப ஃபெப் பிப் பிப ఫిబ్ فبراير شباط فيفري فوریه فروری פבר กุม ก.พ"
    ),
    (
        "mar mär maa mrz mac mrt bře ožu kov mae marec"
        " мар нау бер сак μαρ մար მარ"
        " मार्च মার্চ மார்ச் మార్చి مارس آذار اذار مارچ מרץ มีนา มี.ค"
    ),
    (
        "apr avr abr ebr dub tra bal huh pri nis kwi ápr"
        " апр сәу кві крас απρ ապր აპრ"
        " अप्रै एप्रि এপ্রি ஏப்ர ఏప్రి أبريل ابريل إبريل نيسان أفريل آوریل اپریل אפר เมษ เม.ย"
    ),
    (
        "may mai mei mag maj maí maig mayo svi kvě kve geg tou mag máj maý"
        " май мая маи мам мај тра травен μαι μαϊ μάι մայ მაი"
        " मई मे মে மே మే مايو أيار ايار ماي مئی مه מאי พฤษภ พ.ค"
    ),
    (
        "jun juun juin juni giu iun iyun ıun čer čvn lipnj lipan lipn bir kes haz cze xun qer huny"
        " июн іюн чер чэр мау юни јун ιουν ἰουν հունի ივნ"
        " जून জুন ஜூன் జూన్ يونيو حزيران جوان ژوئن جون יוני มิถุ มิ.ย"
    ),
    (
        "jul juul juil lug iul iyul červenec července čvc srpnj srpan lie hei tem lip xul kor huly"
        " июл лип ліп шіл юли јул ιουλ ἰουλ հուլ ივლ"
        " जुल জুলা ஜூலை జూలై يوليو تموز جويلية ژوئی جولای جولائی יולי กรก ก.ค"
    ),
    (
        "aug aou aoû ago avg agu ağu awg avq srp kol rugpj elo sie ogo gus ágú"
        " авг тамыз сер жні αυγ օգո აგვ"
        " अग ऑग আগ ஆக ఆగ أغسطس اغسطس آب اب أوت اوت آگوست اگست אוג สิงห ส.ค"
    ),
    (
        "sep set syy zář zar ruj rugs eyl wrz sht szep sen"
        " сен сеп септ қыр вер σεπ սեպ სექ"
        " सित सप्ट সেপ செப் సెప్ سبتمبر أيلول ايلول سپتامبر ستمبر ספט กันย ก.ย"
    ),
    (
        "oct okt out ott ekt oky říj rij spa lok eki paź paz tet hed"
        " окт қаз жов кас οκτ հոկ ოქტ"
        " अक्ट अक्तू ऑक्टो অক্টো அக்டோ అక్టో أكتوبر اكتوبر تشرين_الأول تشرين_الاول اکتبر "
        "اکتوبر אוקט"
        " ตุลา ต.ค"
    ),
    (
        "nov noi noy nob nën nen stude lap marra kas lis"
        " ноя ное нов қара лис ліс νοε նոյ ნოე"
        " नव नोव নভে நவ నవ نوفمبر تشرين_الثاني نوامبر نومبر נוב พฤศจ พ.ย"
    ),
    (
        "dec dez déc dic dek dis des det dhj pro gru joul ara abe gruo"
        " дек дец жел гру сне снеж δεκ դեկ დეკ"
        " दिस डिसे ডিসে டிச డిసె ديسمبر كانون_الأول كانون_الاول دسامبر دسمبر דצמ ธันว ธ.ค"
    ),
)
# Where one word is two months, as "listopad" is, the language of the page decides.
BY_LANGUAGE = {
    "hr": {"lis": 10, "lip": 6, "tra": 4, "srp": 7},
    "bs": {"lis": 10, "lip": 6, "tra": 4, "srp": 7},
}
# The months of the Solar Hijri year, in Iran and in Afghanistan.
SOLAR_MONTHS = (
    "فروردین حمل", "اردیبهشت ثور", "خرداد جوزا", "تیر سرطان", "مرداد امرداد اسد", "شهریور سنبله",
    "مهر میزان", "آبان ابان عقرب", "آذر قوس", "دی جدی", "بهمن دلو", "اسفند حوت",
)  # fmt: skip
ACCENTS = re.compile("[\u0300-\u036f]")
MIN_BEGINNING = 2


def fold(word: str) -> str:
    """Return a word in lower case, without the accents of European letters."""
    lower = word.casefold()
    if lower.isascii():
        return lower
    return ACCENTS.sub("", unicodedata.normalize("NFD", lower))


def _numbers_by_beginning(lines: Iterable[str]) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        for beginning in line.split():
            numbers[fold(beginning.replace("_", " "))] = number
    return numbers


MONTH_NUMBERS = _numbers_by_beginning(BEGINNINGS)
SOLAR_NUMBERS = _numbers_by_beginning(SOLAR_MONTHS)
LONGEST_BEGINNING = max(map(len, MONTH_NUMBERS))


def month_number(word: str, language: str = "") -> int:
    """Return the number of the month that a word names, or 0.

    Args:
        word: The word, in any case, whole or abbreviated.
        language: Of the page, as an ISO 639-1 code.
    """
    folded = fold(word)
    if language in BY_LANGUAGE:
        number = _longest_match(folded, BY_LANGUAGE[language])
        if number:
            return number
    return _longest_match(folded, MONTH_NUMBERS)


def solar_month_number(word: str) -> int:
    """Return the number of the month of the Solar Hijri year that a word names, or 0."""
    return SOLAR_NUMBERS.get(fold(word), 0)


def _longest_match(word: str, numbers: Mapping[str, int]) -> int:
    for length in range(min(LONGEST_BEGINNING, len(word)), MIN_BEGINNING - 1, -1):
        number = numbers.get(word[:length])
        if number is not None:
            return number
    return 0
