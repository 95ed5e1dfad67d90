"""Parse bylines to the names of the people who wrote a story.

A name has no role, no address and no agency or publisher after it. Each name comes once, however it
is capitalised or accented, in the order of the page. An organisation is a name only where no person
is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from unicodedata import combining, normalize

from pipeline.extract.sanitize import single_line

BY = re.compile(
    r"^(?:"
    r"(?:(?:written|posted|reported|published|compiled|story|words|text|article|opinion|analysis|"
    r"review)\s+)?by"
    r"|(?:(?:eine?\s+\w+|geschrieben|verfasst|veröffentlicht|kommentar|analyse|"
    r"interview)\s+)?von(?!\s+de[rmn]\b)"
    r"|(?:(?:écrit|publié|rédigé|propos recueillis)\s+)?par|(?:(?:escrito|publicado|redactado|"
    r"escrita|publicada)\s+)?por"
    r"|a cura di|(?:(?:scritto|pubblicato)\s+)?da|(?:(?:testo|articolo)\s+)?di|"
    r"(?:geschreven\s+)?door|(?:skrevet\s+)?av|przez"
    r")\b[\s:]+"
    r"|^(?:автор(?:ы|и|ҳо|лар)?|текст|матн|муаллиф(?:он|ҳо|лар)?|muallif(?:lar)?|auteurs?|"
    r"aut[eo]r(?:es|as?|zy|en|in|i)?|auth?ors?"
    r"|byline|text[eo]?|testo|tekst|opracował[ai]?|napisał[a]?|redattor[ei]|redactor|συντάκτης|作者|"
    r"記者|记者)\s*[::\-–—]\s*",
    re.I,
)
SPLIT = re.compile(
    r"\s*(?:;|\||•|·|/|&|\n|、|，|,(?!\s*[js]r\b))\s*"
    r"|\s+(?:and|und|et|by|with|avec|и|та|ва|және|жана|og|och)\s+|^by\s+",
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
    r"|\b(?:admin|administrator|webmaster|unknown|null|none|undefined|user)\b",
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
EDGES = " .,:;-–—|\"'“”*_"
MIN_NAME_LENGTH, MAX_NAME_LENGTH = 3, 60
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
        for part in _split_names(BY.sub("", text)):
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
    decomposed = normalize("NFKD", name.casefold())
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

    Such a name has two to five words, and all but particles ("de", "van") begin with a capital.
    """
    words = text.split()
    if not 2 <= len(words) <= 5 or ORGANISATION.search(text):
        return False
    return words[-1][0].isupper() and all(map(_is_name_word, words))


def _is_name_word(word: str) -> bool:
    return word[0].isupper() or word.casefold() in PARTICLES or BOUND.match(word) is not None


def _split_names(byline: str) -> Iterator[str]:
    for part in SPLIT.split(byline):
        names = JOINT.split(part)
        if len(names) > 1 and all(" " in name.strip() for name in names):
            yield from names
        else:
            yield part


def _clean_name(part: str) -> str:
    """Return the name in one part of a byline, or ""."""
    name = BY.sub("", part.strip(EDGES))
    if not ORGANISATION.search(name):
        name = TRAIL.sub("", name).strip(EDGES)
    name, role_count = ROLE_AT_END.subn("", CREDENTIAL.sub("", name))
    if not _is_name(name) or (role_count and " " not in name):
        return ""
    if INITIAL.search(name) and f"{name}." in part:
        name += "."
    if name.isupper() and " " in name:
        return name.title()
    return name


def _is_name(text: str) -> bool:
    if not MIN_NAME_LENGTH <= len(text) <= MAX_NAME_LENGTH or len(text.split()) > MAX_NAME_WORDS:
        return False
    if NO_NAME.search(text) or ROLE.fullmatch(text) or CREDENTIAL.fullmatch(" " + text):
        return False
    return any(map(str.isalpha, text))


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
    "PA Media",
))  # fmt: skip
