"""Languages that statistics confuse are distinguished by their letters."""

from __future__ import annotations

import pytest

from pipeline.extract.languages.detection import detect_language
from pipeline.extract.languages.letters import language_by_letters

TAJIK = (
    "Киштӣ рӯзи сешанбе дер монд, зеро тюлен дар соҳил хобаш бурд ва ҳеҷ кас намехост онро бедор"
    " кунад."
)
UZBEK_LATIN = (
    "Paromning kechikishiga bandargohda uxlab qolgan tyulen sabab bo{0}ldi, uni hech kim"
    " uyg{0}otmadi."
)
UZBEK_CYRILLIC = (
    "Паром сешанба куни кечикди, чунки қирғоқда тюлень ухлаб қолган ва уни ҳеч ким уйғотишни"
    " истамаган, дейди ўқувчилар."
)
KAZAKH = (
    "Паром сейсенбі күні кешікті, өйткені айлақта итбалық ұйықтап қалған, оны ешкім оятқысы"
    " келмеді."
)
KYRGYZ = (
    "Паром шейшембиде кечикти, анткени жээкте тюлень уктап калган, аны эч ким ойготкусу келген жок"
    " деп өкмөт жаңы билдирди."
)
RUSSIAN = (
    "Паром опоздал во вторник, потому что на пристани уснул тюлень, и никто не хотел его будить."
)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("tg", TAJIK),
        ("uz", UZBEK_CYRILLIC),
        ("kk", KAZAKH),
        ("ky", KYRGYZ),
        *(("uz", UZBEK_LATIN.format(mark)) for mark in "ʻ‘’ʼ'`"),
    ],
)
@pytest.mark.parametrize("declared", ["", "ru", "de"])
def test_own_letters_decide_whatever_the_page_declares(
    language: str, text: str, declared: str
) -> None:
    assert language_by_letters(text) == language
    assert detect_language(text, declared) == language


@pytest.mark.parametrize(
    "text",
    [
        RUSSIAN,
        RUSSIAN
        + " Так сказал капитан Ҷамшед Қурбонов, который знает этих животных с самого детства.",
        RUSSIAN
        + " Об этом сообщил Ўткир Ҳошимов, смотритель пристани, который видел всё своими глазами.",
        # Ukrainian has і
        "Пором запізнився у вівторок, бо на пристані заснув тюлень, і ніхто не хотів його будити.",
        # Belarusian has ў
        "Паром спазніўся ў аўторак, бо на прыстані заснуў цюлень, і ніхто не хацеў яго будзіць.",
        (  # Mongolian
            "Сал боом мягмар гарагт хоцорсон, учир нь далайн хав унтаж, хэн ч түүнийг сэрээхийг"
            " хүссэнгүй өнөөдөр."
        ),
        (  # Tatar
            "Паром сишәмбе көнне соңга калды, чөнки тюлень ярда йоклап киткән һәм аны беркем дә"
            " уятырга теләмәгән."
        ),
        "It’s five o’clock, and O’Brien’s dog wasn’t at the o’clock bus.",
        "Un po’ d’acqua, l’ora dell’oro: c’è un po' di tutto.",
        "",
    ],
)
def test_shared_letters_and_letters_of_a_name_decide_nothing(text: str) -> None:
    assert language_by_letters(text) == ""


def test_a_russian_text_that_quotes_a_name_stays_russian() -> None:
    text = (
        RUSSIAN
        + " Так сказал капитан Ҷамшед Қурбонов, который знает этих животных с самого детства, и"
        " добавил, что привык."
    )
    assert detect_language(text * 2, "tg") == "ru"


def test_a_short_text_has_the_declared_language() -> None:
    assert detect_language("Паром", "tg") == "tg"
    assert detect_language("", "tg") == "tg"
    assert detect_language("12:30", "") == ""
