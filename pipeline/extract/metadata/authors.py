"""Parse bylines to the names of the people who wrote a story.

A name has no role, no address and no agency or publisher after it. Each name comes once, however it
is capitalised or accented, in the order of the page. An organisation is a name only where no person
is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from unicodedata import combining, normalize

from pipeline.extract.metadata import agencies
from pipeline.extract.sanitize import single_line

BY = re.compile(
    r"^(?:"
    r"(?:(?:written|posted|reported|published|compiled|story|words|text|article|opinion|analysis|"
    r"review|report|article\s+written|interview|by\s+contributor|submitted|created|recipe|"
    r"guest\s+post)\s+)?by"
    r"|posted\s+in\s+\S+(?:\s\S+){0,3}?\s+by|(?:blog\s?-?\s?beitrag|gespeichert)\s+von"
    r"|(?:(?:eine?\s+\w+|geschrieben|verfasst|veröffentlicht|publiziert|erstellt|eingestellt|"
    r"gepostet|kommentar|analyse|artikel|beitrag|text|bericht|interview)\s+)?"
    r"(?:von(?!\s+de[rmn]\b)|vom(?=\s+\w+$))"
    r"|(?:(?:écrit|publié|rédigé|posté|propos recueillis|un article|article|texte)\s+)?par"
    r"|(?:(?:escrito|publicado|redactado|escrita|publicada|texto)\s+)?por"
    r"|a cura di|(?:(?:scritto|pubblicato)\s+)?da|(?:(?:testo|articolo)\s+)?di|"
    r"(?:(?:geschreven|geplaatst)\s+)?door|(?:(?:skrevet|skriven|skrevet)\s+)?a[vf]|przez|"
    r"scris\s+de|napsal[ai]?|γράφ(?:ει|ουν)\s+(?:[οη]|οι)|oleh|ditulis\s+oleh|yazan"
    r")\b[\s:\uff1a]+"
    r"|^(?:автор(?:ы|и|ҳо|лар)?|текст|матн|муаллиф(?:он|ҳо|лар)?|muallif(?:lar)?|auteurs?|"
    r"aut[eo]r(?:es|as?|zy|en|in|i|ka|ul)?|auth?ors?|written|words|skribent|forfatter|"
    r"byline|interview|protokoll|reportage|bericht|text[eo]?|testo|tekst|tekijä|kirjoittaja|"
    r"toimittaja|teksti|opracował[ai]?|"
    r"napisał[a]?|redattor[ei]|redactor|szerző|írta|yazar|haber|yazan|penulis|piše|tác giả|"
    r"συντάκτ(?:ης|ρια)|κείμενο|рэпартёр|кореспондент|נכתב על ידי|מאת|"
    r"(?:本报|本報|新华社|新華社)?(?:记者|記者|通讯员)|作者|撰文|文字?|執筆(?:者)?|著者|글|"
    r"लेखक|द्वारा|নিজস্ব প্রতিবেদক|كتب|كتبت|الكاتب|بقلم|نویسنده|به قلم)"
    r"\s*[:\uff1a\-–—/\uff0f・|]\s*"
    r"|^(?:(?:本报|本報|新华社|新華社)?(?:记者|記者)|作者|撰文|بقلم|به قلم|كتب|كتبت|מאת)\s+"
    r"|^(?:by|author|von)(?=[A-Z][a-z]+\s[A-Z])",
    re.I,
)
# "Photographs by" and the like: who comes after these words wrote nothing.
OTHER_WORK = re.compile(
    r"[\s,;|/•·–—-]*\b(?:(?:photo(?:graph|graphie)?s?|photography|pictures?|images?|illustrations?|"
    r"illustrated|edited|video|graphics?|artwork|translated|translation|reviewed|"
    r"medically reviewed|fact[\s-]checked|additional reporting|produced|design(?:ed)?|"
    r"foto(?:s|grafie|grafía|grafia)?|"
    r"bilde?r?|illustration|übersetzung|redigiert|fotograf\w*|traduction|traducción|zdjęcia|"
    r"kuva|kuvat|foto's|beeld)\s*(?:credit\s*)?(?:by|von|par|por|di|door|av|:)"
    r"|(?:фото|иллюстрации|перевод|φωτ(?:ό|ογραφίες)|摄影|攝影|撮影|写真|사진|编辑|編輯|责任编辑|"
    r"責任編輯|zdjęcia|foto|photo)\s*[:\uff1a/]).*$",
    re.I,
)
# What follows a name without a comma: "Email the author", "March 5", "Follow".
GLUED = re.compile(
    r"\s*(?:\d+\s+min(?:ute)?s?\s+read"
    r"|(?<=[a-zà-ÿ])(?=(?:Head|Chief|Editor|Senior|Staff|Reporter|Email|Published|Updated|"
    r"Co-?[Ff]ounder|Founder|Lead|Correspondent|Writer|Contributor|Follow|Posted|Author|Director|"
    r"Manager|CEO|Freelance|Associate)(?![a-z]))"
    r"|\b(?:e-?mail(?:\s+(?:the\s+author|me|\w+))?|contact(?:\s+the\s+author)?|"
    r"follow(?:\s+(?:us|me|on|@?\w+))?|share(?:s|d)?|view\s+(?:bio|profile|all|more)|"
    r"(?:read|see)\s+(?:more|bio|full\s+bio)|more\s+(?:by|from|posts)|all\s+posts|"
    r"full\s+bio|bio|subscribe|profile|website|twitter|facebook|linkedin|instagram|"
    r"staff\s+(?:writer|reporter)|min(?:utes?)?\s+read|leave\s+a\s+comment|comments?|"
    r"hinterlasse\s+einen\s+kommentar|in\s+uncategorized|filed\s+under|posted\s+in|"
    r"mehr\s+(?:von|über)|alle\s+(?:artikel|beiträge)|zur\s+\w+übersicht|autorenprofil|"
    r"voir\s+(?:tous|plus)|tous\s+ses\s+articles|ver\s+(?:más|perfil)|seguir|suivre|folgen|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|am\s+(?:mon|diens|donners|frei|sams|sonn)tag|"
    r"am\s+mittwoch)\b"
    r"|\s(?:Le|El|Il|Am|On|Du|Del)$).*$",
    re.I,
)
COMMENTER = re.compile(
    r"\b(?:says|said|sagt(?:e)?|schrieb|schreibt|wrote|writes|commented|kommentiert|a dit|dit|"
    r"dice|dijo|ha detto|scrive|zegt|skriver|pisze|пишет|написал[аи]?|hat gesagt|replied)\s*:?\s*$",
    re.I,
)
NO_BYLINE = re.compile(
    r"(?:name|by|von|vom|par|por|red|rss|autoreninfo|mit agenturen|e-?mail|website|"
    r"author|autor(?:in)?|auteur|autore|written|posted|published|publiziert|"
    r"veröffentlicht|eingestellt|erstellt|geschrieben|artikel|article|text|words?|story|beitrag|"
    r"posted on|publiziert am|veröffentlicht am|written by|posted by|article by|artikel von|"
    r"released|related|share|print|reply|antworten|anonymous|guest|gast|about|über|"
    r"about the author|sources?|editors?' picks?|our editors|in \w+|on \w+|\w+ on|letters to.*|"
    r"noticias de .*|last updated|letzte änderung|news service reports|agenc(?:y|ies)|agenturen?|"
    r"(?:mit )?material(?: de[rs]| von)?|publisher|redaktion \w{1,3}|"
    r"all articles|log ?in|sign in|menu|suche|search|\w+ \d+)",
    re.I,
)
SPLIT = re.compile(
    r"\s*(?:;|\||•|·|/|／|&|\n|、|，|,(?!\s*[js]r\b))\s*"
    r"|\s+(?:and|und|et|by|with|avec|и|та|ва|және|жана|og|och|и|і|ve|ja|és|și|και|və|ile|και|"
    r"及|和)\s+|^by\s+",
    re.I,
)
# These words stand in some names, too (Ortega y Gasset, Costa e Silva). They join two names only
# where two words or more stand on either side.
JOINT = re.compile(r"(?<=\S)\s+(?:y|e|i|en|va|con|mit)\s+(?=\S)", re.I)
RANK = (
    r"(?:senior|junior|chief|lead|staff|special|contributing|deputy|associate|assistant|managing|"
    r"executive|political|foreign|business|"
    r"economics|economy|science|health|medical|legal|crime|sports?|technology|tech|education|"
    r"environment|climate|national|world|local|"
    r"news|guest|digital|online|web|arts?|culture|city|data|video|multimedia|content|features?|"
    r"opinion|investigative|military|"
    r"international|freelance|general)"
)
ROLE = re.compile(
    rf"(?:the\s+)?(?:{RANK}[\s-]+)*(?:editors?(?:-in-chief)?|reporters?|writers?|correspondents?|"
    rf"journalists?|columnists?|contributors?|"
    r"producers?|staff|team|desk|bureau|newsroom|photographers?|analyst|critic|president|director|"
    r"(?:\w+\s+)?officer|c[efit]o|founder|head|"
    r"professor|sponsored|advertorial|"
    r"redaktion|(?:chef)?redakteur(?:in)?|redaktor(?:ka)?|korrespondent(?:in)?|reporterin|"
    r"la rédaction|rédact(?:ion|eur|rice)|"
    r"journaliste|correspondante?|(?:la )?redacci[oó]n|redactora?|periodista|corresponsal|"
    r"(?:la )?redazione|giornalista|"
    r"redação|jornalista|redactie|redacteur|verslaggever|redakcja|dziennikarz|dziennikarka|"
    r"(?:(?:специальный|собственный|главный) )?(?:корреспондент|редактор|журналист|обозреватель)|"
    r"редакция|муҳаррир|хабарнигор|"
    r"рӯзноманигор|специально для.*)(?:(?:\s+(?:at|for|in|of|bei|der|des|für|de|du|della|do|da)\b|"
    r",).*)?",
    re.I,
)
CREDENTIAL = re.compile(
    r"(?:[\s,]+(?:ph\.?d|m\.?d|r\.?d\.?n?|m\.?s\.?c?|m\.?p\.?h|m\.?b\.?a|j\.?d|r\.?n|cfp|cpt|"
    r"esq)\b\.?)+$",
    re.I,
)
NO_NAME = re.compile(
    r"https?:|www\.|@|\.(?:com|org|net|ru|tj|uk|de|in)\b|^[\w-]+(?:\.[\w-]+)*\.[a-z]{2,4}$|\d{2}|"
    r"[()<>{}\[\]=::©]"
    r"|^(?:last|compiled|edited|written|reporting|image|photos?|foto|getty.*|share|comments?|"
    r"\w+ \d)$"
    r"|^~|\b(?:shutterstock|istock\w*|adobe ?stock|getty(?: images)?|thinkstock|fotolia|pixabay|"
    r"depositphotos|unsplash|alamy|imago|picture alliance|"
    r"admin|administrator|webmaster|unknown|null|none|undefined|user)\b",
    re.I,
)
TRAIL = re.compile(
    r"\s+(?:for|in|at|of|from|aus|à|desde)\s+(?:the\s+)?(?-i:[A-ZÀ-ÞА-Я]).*$|\s*\([^)]*\)?\s*$|"
    r"\s*[-–—]\s+.*$"
    r"|\s+(?:on\s+)?(?:published|updated|posted|last|veröffentlicht|aktualisiert|publié|publicado|"
    r"pubblicato|опубликовано)\b.*$",
    re.I,
)
# Words in the names of organisations.
ORGANISATION = re.compile(
    r"\b(?:press|news|newspapers?|times|post|tribune|journal|gazette|telegraph|herald|reuters|dpa|"
    r"тасс|интерфакс|"
    r"(?-i:A[FN]P|APA|AP|ANSA|EFE|UPI|TASS|РИА|afp)|агентство|агентлик|ховар|agency|agence|agencia|"
    r"agência|agentur|agenzia|agencja|staff|media|magazine|network|"
    r"bureau|editors?|editorial|team|today|reports?|university|institute?|school|newsroom|tv|radio|"
    r"inc|ltd|gmbh|group|association|"
    r"society|company|foundation|technolog(?:y|ies)|business|insider|international|ministry|"
    r"council|redaktion\w*|rédaction|redacci[oó]n|redazione|redação|redactie|redakcja|редакция|"
    r"zeitung|verlag|online|daily|advance media|sponsored)\b",
    re.I,
)
# Words in the titles of jobs: none of them is a name.
JOB = re.compile(
    r"\b(?:reviewer|gardener|grader|dietitian|nutritionist|co-?founder|founder|author|"
    r"expert|manager|"
    r"specialist|strategist|consultant|engineer|scientist|development|marketing|journalism|"
    r"contributor|winemaker|writer|editor|reporter|content|licensed|certified|registered|"
    r"diseases?|master gardener|articles?|published|released|written|edition|posted|updated|"
    r"copywriting|uncategorized|comment|kommentar|frankfurt|germany|photographer|former|coach|"
    r"therapist|desk|newsroom|attorney|counsel|officer|professor|lecturer|experte|expertin|"
    r"autorin)\b",
    re.I,
)
ADDRESS = re.compile(r"https?://\S+|\bmailto:\S+|\S+@\S+\.\w+|(?<!\S)@\w+")
ROLE_AT_END = re.compile(rf"[\s,]+{ROLE.pattern}$", re.I)
ACRONYM = re.compile(r"[A-ZА-Я]{3,}")
BOUND = re.compile(r"(?:d|l|dell|al|el|ash|as)['’-]", re.I)
INITIAL = re.compile(r"\b(?:[^\W\d_]|[js]r)$", re.I)
WORD = re.compile(r"\w+")
PARTICLES = {
    "al", "an", "ap", "ben", "bin", "d", "da", "das", "de", "del", "della", "den", "der", "des",
    "di", "do", "dos", "du", "e", "el", "en", "i", "ibn", "la", "las", "le", "los", "ten", "ter",
    "van", "vom", "von", "y", "zu", "zum",
}  # fmt: skip
COLLECTIVE = re.compile(r"\s+(?:team|staff|desk|newsroom|bureau|editors|editorial team)$", re.I)
# A part of a sentence: "in Gefühle", "on August 3", "am Samstag".
LOWER_START = re.compile(r"(?:in|on|am|um|im|at|for|to|le|el|il|og|of|zum|zur|mehr|und|and) ")
AND = re.compile(r"^(?:and|und|et|y|e|och|og|en|и|va|ва|&)\s+(?=[^\W\d_])")
CHINESE_REPORTERS = re.compile(r"(?:本报|新华社|本网)?(?:记者|通讯员|特约记者|实习生)[\s:\uff1a]")
CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
CJK_NAME = re.compile(
    "[\u4e00-\u9fff々]{2,4}|[\u4e00-\u9fff々]{1,3}[ \u3000·][\u4e00-\u9fff々\u3040-\u30ff]{1,4}|"
    "[\u4e00-\u9fff々]{1,3}[\u3040-\u309f]{2,4}|[\uac00-\ud7af]{2,4}|"
    "[\u30a0-\u30ff]{2,8}[・=＝][\u30a0-\u30ff・=＝]{2,12}|[\u4e00-\u9fff]{1,5}·[\u4e00-\u9fff·]{1,8}"
)
CJK_JOB = re.compile(
    r"^(?:本报|本報|新华社|新華社|本网|특파원)?(?:记者|記者|通讯员|作者|撰文|文|글|기자)[\s::／/]*"
    r"|\s*(?:记者|記者|通讯员|编辑|編輯|報道|报道|撰稿|著|論説委員|编译|기자|특파원|논설위원|칼럼니스트|에디터|"
    r"씨|さん|氏)$"
)
# Surnames that most people in China, Taiwan and Korea have, and two-letter ones, also of Japan.
CJK_SURNAME = re.compile(
    "[王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何高林罗羅郑鄭梁谢謝宋唐许許韩韓冯馮邓鄧曹彭曾肖蕭田董袁潘于蒋蔣蔡余杜叶葉"
    "程苏蘇魏吕呂丁任沈姚卢盧姜崔钟鍾谭譚陆陸汪范石廖贾賈夏韦韋傅方白邹鄒孟熊秦邱江尹薛闫段雷侯龙龍史陶黎贺賀顾顧毛郝龚龔邵万萬钱錢"
    "严嚴武戴莫孔向汤湯常温康施文牛樊葛邢安齐齊易乔喬伍庞龐颜顏倪庄莊聂聶章鲁魯岳翟殷詹申欧歐耿关關兰蘭焦俞左柳甘祝包宁寧尚符舒阮纪紀"
    "裴帅冉麻金洪游柯連连方].{1,2}$|(?:欧阳|歐陽|司马|司馬|诸葛|諸葛|上官|东方|令狐|皇甫|尉迟).{1,2}$|"
    "[김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구민진지엄채원천방공현함변염여추도소석선설마길연위표명기"
    "반왕금옥육인맹제모탁국어은편용][\uac00-\ud7af]{1,3}$|"
    "(?:佐藤|鈴木|高橋|田中|伊藤|渡辺|渡邊|山本|中村|小林|加藤|吉田|山田|佐々木|山口|松本|井上|木村|斎藤|清水|山崎|森|池田|橋本|阿部|石川|"
    "前田|藤田|小川|後藤|岡田|長谷川|村上|近藤|石井|坂本|遠藤|青木|藤井|西村|福田|太田|三浦|岡本|松田|中島|中川|原田|小野|竹内|金子|和田|"
    "中山|藤原|石田|上田|森田|原|柴田|酒井|工藤|横山|宮崎|宮本|内田|高木|安藤|谷口|大野|丸山|今井|河野|藤本|村田|武田|上野|杉山|増田|小島|"
    "平野|大塚|千葉|久保|松井|小山|岩崎|桜井|野口|松尾|野村|木下|菊地|佐野|大西|杉本|新井|浜田|菅原|市川|水野|小松|島田|古川|小池)"
    "[ \u3000]?[\u4e00-\u9fff\u3040-\u30ff]{1,3}$"
)
CJK_NO_NAME = re.compile(
    "回答者|编辑|編輯|記者|记者|作者|来源|來源|新闻|新聞|時事|日报|日報|网|網|報|社$|社会|国际|國際|评论|評論|首页|"
    "发布|時間|时间|更新|신문|뉴스|일보|기사|편집|写真|撮影|関連|コメント|登録"
)
EDGES = " .,:;-–—|\"'“”*_"
MIN_NAME_LENGTH, MAX_NAME_LENGTH = 3, 60
MAX_CJK_NAME = 8  # characters
MAX_NAME_WORDS = 6
MAX_NAMES = 20
MAX_BYLINE_LENGTH = 400


def parse_names(bylines: Iterable[str], publisher: str = "") -> tuple[str, ...]:
    """Return the names in some bylines.

    Args:
        bylines: Texts such as "By Jane Doe and John Smith, staff reporters".
        publisher: A name that is not an author.
    """
    names: dict[str, str] = {}
    publisher_key = name_key(publisher)
    for byline in bylines:
        text = ADDRESS.sub(" ", single_line(byline)[:MAX_BYLINE_LENGTH]).strip()
        if COMMENTER.search(text):
            continue
        if CHINESE_REPORTERS.match(text):
            text = text.replace(" ", "、")
        text = BY.sub("", OTHER_WORK.sub("", text))
        for part in _split_names(text):
            name = _clean_name(part)
            if name and name_key(name) != publisher_key:
                names.setdefault(name_key(name), name)
    return tuple(names.values())[:MAX_NAMES]


def select_authors(names: Sequence[str], publishers: Iterable[str] = ()) -> tuple[str, ...]:
    """Return names without the publisher or agency after them, people before organisations.

    Args:
        names: Names as `parse_names` returns them.
        publishers: Names of the site and its publisher.

    Returns:
        The people; all names where no person is among them.
    """
    publishers = list(publishers)
    organisations = AGENCIES | _organisation_keys(publishers)
    for name in publishers:
        if " " in name:
            organisations |= {name_key(name).rpartition(" ")[2]}
    unique: dict[str, str] = {}
    for name in names:
        bare_name = _without_organisation(name, organisations)
        is_kept = bare_name == name or is_name(bare_name)
        if is_kept and not agencies.agency_name(bare_name):
            unique.setdefault(name_key(bare_name), bare_name)
    others = []
    has_person = False
    for key, name in unique.items():
        if ORGANISATION.search(name) or key in organisations:
            continue
        has_person = has_person or " " in name
        if not ACRONYM.fullmatch(name):
            others.append(name)
    if not has_person:
        return tuple(unique.values())
    return tuple(others)


def name_key(name: str) -> str:
    """Return a name without accents, case and punctuation: the same for all its spellings."""
    letters = name.casefold()
    if not letters.isascii():
        decomposed = normalize("NFKD", letters)
        letters = "".join([char for char in decomposed if not combining(char)])
    return " ".join(WORD.findall(letters))


def count_accents(names: Iterable[str]) -> int:
    """Count the accents in some names."""
    return sum(bool(combining(char)) for char in normalize("NFKD", "".join(names)))


def _organisation_keys(names: Iterable[str]) -> frozenset[str]:
    """Return the keys of some names, with and without their article."""
    keys = set()
    for name in names:
        if key := name_key(name).removeprefix("the "):
            keys |= {key, f"the {key}"}
    return frozenset(keys)


def is_person_name(text: str) -> bool:
    """Tell whether a text looks like a person's name.

    Such a name has two to five words, and all but particles ("de", "van") begin with a capital. A
    Chinese or Korean name begins with a surname that many people have.

    Args:
        text: A name without roles and labels.

    Returns:
        True where the form is that of a name. Nothing is looked up but Chinese and Korean surnames.
    """
    if CJK.search(text):
        return is_cjk_name(text) and CJK_SURNAME.match(text) is not None
    words = text.split()
    if not 2 <= len(words) <= 5 or words[0].casefold() == "the":
        return False
    if ORGANISATION.search(text) or JOB.search(text):
        return False
    return _is_capital(words[-1][0]) and all(map(_is_name_word, words))


def _is_name_word(word: str) -> bool:
    return _is_capital(word[0]) or word.casefold() in PARTICLES or BOUND.match(word) is not None


def _is_capital(letter: str) -> bool:
    """Tell whether a letter is a capital, or of a script that has none."""
    return letter.isupper() or (letter.isalpha() and letter.lower() == letter.upper())


def _split_names(byline: str) -> Iterator[str]:
    for part in SPLIT.split(byline):
        names = JOINT.split(part)
        if len(names) > 1 and all(" " in name.strip() for name in names):
            yield from names
        elif CJK.search(part) and all(map(is_cjk_name, part.split())):
            yield from part.split()
        else:
            yield part


def _clean_name(part: str) -> str:
    """Return the name in one part of a byline, or ""."""
    name = BY.sub("", AND.sub("", part.strip(EDGES), count=1))
    if CJK.search(name):
        return _clean_cjk_name(name)
    name = GLUED.sub("", name).strip(EDGES)
    trail = TRAIL.search(name)
    if trail and (is_person_name(name[: trail.start()]) or not ORGANISATION.search(name)):
        name = name[: trail.start()].strip(EDGES)
    role_count = 0
    if not _is_collective(name):
        name, role_count = ROLE_AT_END.subn("", CREDENTIAL.sub("", name))
    name = CREDENTIAL.sub("", name)
    if not is_name(name) or (role_count and " " not in name):
        return ""
    if INITIAL.search(name) and f"{name}." in part:
        name += "."
    if name.isupper() and " " in name:
        return name.title()
    return name


def _clean_cjk_name(text: str) -> str:
    """Return a Chinese, Japanese or Korean name without the job beside it, or ""."""
    name = CJK_JOB.sub("", text.strip(EDGES)).strip(EDGES + "：／()（）")
    return name if is_cjk_name(name) else ""


def is_cjk_name(text: str) -> bool:
    """Tell whether a text is as long as a Chinese, Japanese or Korean name."""
    if CJK_NO_NAME.search(text):
        return False
    return CJK_NAME.fullmatch(text) is not None


def _is_collective(name: str) -> bool:
    """Tell whether a text names a group such as "Courier Staff", and no person of a group."""
    match = COLLECTIVE.search(name)
    if match is None:
        return False
    before = name[: match.start()].split()
    if not before or "," in name or ROLE.fullmatch(name):
        return False
    return len(before) == 1 or before[0].lower() == "the" or before[0].isupper()


def is_name(text: str) -> bool:
    """Tell whether a text may be a name at all: no address, no role, no part of a sentence.

    Args:
        text: One piece of a byline.

    Returns:
        True for people, organisations and pen names.
    """
    if not any(map(str.isalpha, text)):
        return False
    if not MIN_NAME_LENGTH <= len(text) <= MAX_NAME_LENGTH or len(text.split()) > MAX_NAME_WORDS:
        return False
    if NO_BYLINE.fullmatch(text) or LOWER_START.match(text):
        return False
    is_other = NO_NAME.search(text) or ROLE.fullmatch(text) or CREDENTIAL.fullmatch(" " + text)
    return not is_other


def _without_organisation(name: str, organisations: Iterable[str]) -> str:
    """Return a person's name without the organisation after it; at least two words stay."""
    if name_key(name) in organisations:
        return name
    words = name.split()
    for size in range(len(words) - 2, 0, -1):
        if name_key(" ".join(words[-size:])) in organisations:
            return " ".join(words[:-size]).rstrip(EDGES)
    return name


AGENCIES = _organisation_keys((
    "Associated Press", "Thomson Reuters", "Reuters", "Agence France-Presse", "AFP", "Bloomberg",
    "dpa", "UPI", "ANSA", "EFE", "Lusa", "Europa Press", "Canadian Press", "Press Association",
    "PA Media", "AP", "Xinhua", "Anadolu", "Anadolu Agency", "TASS", "ANI", "PTI", "IANS", "APA",
))  # fmt: skip
