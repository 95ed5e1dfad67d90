"""Names of months are known in the languages of news sites."""

from __future__ import annotations

import pytest

from pipeline.core.dates.month_names import (
    BEGINNINGS,
    fold,
    month_number,
    solar_month_number,
)

NAMES = (
    ("en", "January February March April May June July August September October November December"),
    ("de", "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
    ("fr", "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
    (
        "es",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    ),
    (
        "pt",
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    ),
    (
        "it",
        (
            "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre "
            "novembre dicembre"
        ),
    ),
    (
        "nl",
        "januari februari maart april mei juni juli augustus september oktober november december",
    ),
    ("sv", "januari februari mars april maj juni juli augusti september oktober november december"),
    ("da", "januar februar marts april maj juni juli august september oktober november december"),
    (
        "fi",
        (
            "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta "
            "elokuuta syyskuuta lokakuuta marraskuuta joulukuuta"
        ),
    ),
    (
        "et",
        (
            "jaanuar veebruar märts aprill mai juuni juuli august september oktoober november "
            "detsember"
        ),
    ),
    (
        "lv",
        (
            "janvāris februāris marts aprīlis maijs jūnijs jūlijs augusts septembris oktobris "
            "novembris decembris"
        ),
    ),
    (
        "lt",
        (
            "sausio vasario kovo balandžio gegužės birželio liepos rugpjūčio rugsėjo spalio "
            "lapkričio gruodžio"
        ),
    ),
    (
        "pl",
        (
            "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października "
            "listopada grudnia"
        ),
    ),
    ("cs", "ledna února března dubna května června července srpna září října listopadu prosince"),
    ("cs", "leden únor březen duben květen červen červenec srpen září říjen listopad prosinec"),
    (
        "sk",
        "januára februára marca apríla mája júna júla augusta septembra októbra novembra decembra",
    ),
    (
        "hu",
        (
            "január február március április május június július augusztus szeptember október "
            "november december"
        ),
    ),
    (
        "ro",
        (
            "ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie "
            "noiembrie decembrie"
        ),
    ),
    (
        "hr",
        (
            "siječnja veljače ožujka travnja svibnja lipnja srpnja kolovoza rujna listopada "
            "studenoga prosinca"
        ),
    ),
    ("sl", "januar februar marec april maj junij julij avgust september oktober november december"),
    ("tr", "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık"),
    ("az", "yanvar fevral mart aprel may iyun iyul avqust sentyabr oktyabr noyabr dekabr"),
    ("uz", "yanvar fevral mart aprel may iyun iyul avgust sentabr oktabr noyabr dekabr"),
    ("uz", "январ феврал март апрел май июн июл август сентябр октябр ноябр декабр"),
    ("tg", "январи феврали марти апрели майи июни июли августи сентябри октябри ноябри декабри"),
    ("ru", "января февраля марта апреля мая июня июля августа сентября октября ноября декабря"),
    (
        "uk",
        "січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня",
    ),
    (
        "be",
        (
            "студзеня лютага сакавіка красавіка мая чэрвеня ліпеня жніўня верасня кастрычніка "
            "лістапада снежня"
        ),
    ),
    ("bg", "януари февруари март април май юни юли август септември октомври ноември декември"),
    ("sr", "јануар фебруар март април мај јун јул август септембар октобар новембар децембар"),
    ("kk", "қаңтар ақпан наурыз сәуір мамыр маусым шілде тамыз қыркүйек қазан қараша желтоқсан"),
    (
        "el",
        (
            "Ιανουαρίου Φεβρουαρίου Μαρτίου Απριλίου Μαΐου Ιουνίου Ιουλίου Αυγούστου "
            "Σεπτεμβρίου Οκτωβρίου Νοεμβρίου Δεκεμβρίου"
        ),
    ),
    ("hi", "जनवरी फ़रवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर"),
    ("hi", "जनवरी फरवरी मार्च अप्रैल मई जून जुलाई अगस्त सितम्बर अक्तूबर नवम्बर दिसम्बर"),
    ("mr", "जानेवारी फेब्रुवारी मार्च एप्रिल मे जून जुलै ऑगस्ट सप्टेंबर ऑक्टोबर नोव्हेंबर डिसेंबर"),
    (
        "bn",
        "জানুয়ারি ফেব্রুয়ারি মার্চ এপ্রিল মে জুন জুলাই আগস্ট সেপ্টেম্বর অক্টোবর নভেম্বর ডিসেম্বর",
    ),
    ("ta", "ஜனவரி பிப்ரவரி மார்ச் ஏப்ரல் மே ஜூன் ஜூலை ஆகஸ்ட் செப்டம்பர் அக்டோபர் நவம்பர் டிசம்பர்"),
    ("te", "జనవరి ఫిబ్రవరి మార్చి ఏప్రిల్ మే జూన్ జూలై ఆగస్టు సెప్టెంబర్ అక్టోబర్ నవంబర్ డిసెంబర్"),
    ("ar", "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر"),
    ("ar", "جانفي فيفري مارس أفريل ماي جوان جويلية أوت سبتمبر أكتوبر نوفمبر ديسمبر"),
    ("ur", "جنوری فروری مارچ اپریل مئی جون جولائی اگست ستمبر اکتوبر نومبر دسمبر"),
    ("fa", "ژانویه فوریه مارس آوریل مه ژوئن ژوئیه اوت سپتامبر اکتبر نوامبر دسامبر"),
    ("he", "ינואר פברואר מרץ אפריל מאי יוני יולי אוגוסט ספטמבר אוקטובר נובמבר דצמבר"),
    (
        "hy",
        (
            "հունվարի փետրվարի մարտի ապրիլի մայիսի հունիսի հուլիսի օգոստոսի սեպտեմբերի "
            "հոկտեմբերի նոյեմբերի դեկտեմբերի"
        ),
    ),
    (
        "ka",
        (
            "იანვარი თებერვალი მარტი აპრილი მაისი ივნისი ივლისი აგვისტო სექტემბერი ოქტომბერი "
            "ნოემბერი დეკემბერი"
        ),
    ),
    (
        "th",
        "มกราคม กุมภาพันธ์ มีนาคม เมษายน พฤษภาคม มิถุนายน กรกฎาคม สิงหาคม กันยายน ตุลาคม พฤศจิกายน ธันวาคม",
    ),
    (
        "id",
        "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
    ),
    ("ms", "Januari Februari Mac April Mei Jun Julai Ogos September Oktober November Disember"),
    (
        "tl",
        "Enero Pebrero Marso Abril Mayo Hunyo Hulyo Agosto Setyembre Oktubre Nobyembre Disyembre",
    ),
    ("sw", "Januari Februari Machi Aprili Mei Juni Julai Agosti Septemba Oktoba Novemba Desemba"),
    ("sq", "janar shkurt mars prill maj qershor korrik gusht shtator tetor nëntor dhjetor"),
    ("ca", "gener febrer març abril maig juny juliol agost setembre octubre novembre desembre"),
    (
        "gl",
        "xaneiro febreiro marzo abril maio xuño xullo agosto setembro outubro novembro decembro",
    ),
    ("is", "janúar febrúar mars apríl maí júní júlí ágúst september október nóvember desember"),
    ("tk", "ýanwar fewral mart aprel maý iýun iýul awgust sentýabr oktýabr noýabr dekabr"),
)


@pytest.mark.parametrize(("language", "names"), NAMES)
def test_the_months_of_a_language_have_their_numbers(language: str, names: str) -> None:
    assert [month_number(name, language) for name in names.split()] == list(range(1, 13))
    assert [month_number(name.upper(), language) for name in names.split()] == list(range(1, 13))


def test_every_beginning_of_a_month_belongs_to_one_month() -> None:
    months: dict[str, int] = {}
    for number, line in enumerate(BEGINNINGS, 1):
        for beginning in line.split():
            assert months.setdefault(fold(beginning), number) == number


@pytest.mark.parametrize("word", ["Uhr", "Downing", "von", "yesterday", "", "a", "den"])
def test_other_words_are_no_months(word: str) -> None:
    assert month_number(word) == 0


def test_solar_months_are_whole_words() -> None:
    names = [
        "فروردین",
        "اردیبهشت",
        "خرداد",
        "تیر",
        "مرداد",
        "شهریور",
        "مهر",
        "آبان",
        "آذر",
        "دی",
        "بهمن",
        "اسفند",
    ]
    assert list(map(solar_month_number, names)) == list(range(1, 13))
    assert solar_month_number("دیروز") == 0
