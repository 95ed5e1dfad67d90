"""Bylines → names of those who wrote.

Promises names only: no roles, no addresses, no agency or publisher behind a person's name, each name once however it is
capitalised or accented, in the order given. Organisations are names where no person is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from unicodedata import combining, normalize

from pipeline.extract.sanitize import single_line

BY = re.compile(
    r"^(?:"
    r"(?:(?:written|posted|reported|published|compiled|story|words|text|article|opinion|analysis|review)\s+)?by"
    r"|(?:(?:eine?\s+\w+|geschrieben|verfasst|veröffentlicht|kommentar|analyse|interview)\s+)?von(?!\s+de[rmn]\b)"
    r"|(?:(?:écrit|publié|rédigé|propos recueillis)\s+)?par|(?:(?:escrito|publicado|redactado|escrita|publicada)\s+)?por"
    r"|a cura di|(?:(?:scritto|pubblicato)\s+)?da|(?:(?:testo|articolo)\s+)?di|(?:geschreven\s+)?door|(?:skrevet\s+)?av|przez"
    r")\b[\s:]+"
    r"|^(?:автор(?:ы|и|ҳо|лар)?|текст|матн|муаллиф(?:он|ҳо|лар)?|muallif(?:lar)?|auteurs?|aut[eo]r(?:es|as?|zy|en|in|i)?|auth?ors?"
    r"|byline|text[eo]?|testo|tekst|opracował[ai]?|napisał[a]?|redattor[ei]|redactor|συντάκτης|作者|記者|记者)\s*[::\-–—]\s*",
    re.I,
)
SPLIT = re.compile(
    r"\s*(?:;|\||•|·|/|&|\n|、|，|,(?!\s*[js]r\b))\s*"
    r"|\s+(?:and|und|et|by|with|avec|и|та|ва|және|жана|og|och)\s+|^by\s+",
    re.I,
)
# Within some names, too (Ortega y Gasset, Costa e Silva): they join names only where two words stand on either side.
JOINT = re.compile(r"(?<=\S)\s+(?:y|e|i|en|va|con|mit)\s+(?=\S)", re.I)
RANK = (
    r"(?:senior|junior|chief|lead|staff|special|contributing|deputy|associate|assistant|managing|executive|political|foreign|business|"
    r"economics|economy|science|health|medical|legal|crime|sports?|technology|tech|education|environment|climate|national|world|local|"
    r"news|guest|digital|online|web|arts?|culture|city|data|video|multimedia|content|features?|opinion|investigative|military|"
    r"international|freelance|general)"
)
ROLE = re.compile(
    rf"(?:the\s+)?(?:{RANK}[\s-]+)*(?:editors?(?:-in-chief)?|reporters?|writers?|correspondents?|journalists?|columnists?|contributors?|"
    r"producers?|staff|team|desk|bureau|newsroom|photographers?|analyst|critic|president|director|(?:\w+\s+)?officer|c[efit]o|founder|head|"
    r"professor|sponsored|advertorial|"
    r"redaktion|(?:chef)?redakteur(?:in)?|redaktor(?:ka)?|korrespondent(?:in)?|reporterin|la rédaction|rédact(?:ion|eur|rice)|"
    r"journaliste|correspondante?|(?:la )?redacci[oó]n|redactora?|periodista|corresponsal|(?:la )?redazione|giornalista|"
    r"redação|jornalista|redactie|redacteur|verslaggever|redakcja|dziennikarz|dziennikarka|"
    r"(?:(?:специальный|собственный|главный) )?(?:корреспондент|редактор|журналист|обозреватель)|редакция|муҳаррир|хабарнигор|"
    r"рӯзноманигор|специально для.*)(?:(?:\s+(?:at|for|in|of|bei|der|des|für|de|du|della|do|da)\b|,).*)?",
    re.I,
)
CREDENTIAL = re.compile(
    r"(?:[\s,]+(?:ph\.?d|m\.?d|r\.?d\.?n?|m\.?s\.?c?|m\.?p\.?h|m\.?b\.?a|j\.?d|r\.?n|cfp|cpt|esq)\b\.?)+$",
    re.I,
)
NO_NAME = re.compile(
    r"https?:|www\.|@|\.(?:com|org|net|ru|tj|uk|de|in)\b|^[\w-]+(?:\.[\w-]+)*\.[a-z]{2,4}$|\d{2}|[()<>{}\[\]=::©]"
    r"|^(?:last|compiled|edited|written|reporting|image|photos?|foto|getty.*|share|comments?|\w+ \d)$"
    r"|\b(?:admin|administrator|webmaster|unknown|null|none|undefined|user)\b",
    re.I,
)
TRAIL = re.compile(
    r"\s+(?:for|in|at|of|from|aus|à|desde)\s+(?:the\s+)?(?-i:[A-ZÀ-ÞА-Я]).*$|\s*\([^)]*\)?\s*$|\s*[-–—]\s+.*$"
    r"|\s+(?:on\s+)?(?:published|updated|posted|last|veröffentlicht|aktualisiert|publié|publicado|pubblicato|опубликовано)\b.*$",
    re.I,
)
# Words of organisations and not of people.
ORGANISATION = re.compile(
    r"\b(?:press|news|newspapers?|times|post|tribune|journal|gazette|telegraph|herald|reuters|dpa|тасс|интерфакс|"
    r"(?-i:A[FN]P|APA|AP|ANSA|EFE|UPI|TASS|РИА|afp)|агентство|агентлик|ховар|agency|agence|agencia|agência|agentur|agenzia|agencja|staff|media|magazine|network|"
    r"bureau|editors?|editorial|team|today|reports?|university|institute?|school|newsroom|tv|radio|inc|ltd|gmbh|group|association|"
    r"society|company|foundation|technolog(?:y|ies)|business|insider|international|ministry|council|redaktion\w*|rédaction|redacci[oó]n|redazione|redação|redactie|redakcja|редакция|"
    r"zeitung|verlag|online|daily|advance media|sponsored)\b",
    re.I,
)
ADDRESS = re.compile(r"https?://\S+|\bmailto:\S+|\S+@\S+\.\w+|(?<!\S)@\w+")
ROLE_BEHIND = re.compile(rf"[\s,]+{ROLE.pattern}$", re.I)
ACRONYM = re.compile(r"[A-ZА-Я]{3,}")
BOUND = re.compile(r"(?:d|l|dell|al|el|ash|as)['’-]", re.I)
INITIAL = re.compile(r"\b(?:[^\W\d_]|[js]r)$", re.I)
WORD = re.compile(r"\w+")
PARTICLES = {
    "al", "an", "ap", "ben", "bin", "d", "da", "das", "de", "del", "della", "den", "der", "des", "di", "do", "dos", "du", "e",
    "el", "en", "i", "ibn", "la", "las", "le", "los", "ten", "ter", "van", "vom", "von", "y", "zu", "zum",
}  # fmt: skip
EDGES = " .,:;-–—|\"'“”*_"
LONGEST_NAME, MOST = 60, 20


def parse_names(bylines: Iterable[str], publisher: str = "") -> tuple[str, ...]:
    """The names in some bylines; the publisher is none."""
    found: dict[str, str] = {}
    for byline in bylines:
        for part in _parts(BY.sub("", ADDRESS.sub(" ", single_line(byline)[:400]).strip())):
            name = _name(part)
            if name and name_key(name) != name_key(publisher):
                found.setdefault(name_key(name), name)
    return tuple(found.values())[:MOST]


def select_authors(given: Sequence[str], publishers: Iterable[str] = ()) -> tuple[str, ...]:
    """Names without a publisher or agency behind them; organisations go where people are left."""
    known = (
        AGENCIES
        | _spellings(publishers)
        | {name_key(name).rpartition(" ")[2] for name in publishers if " " in name}
    )
    bare: dict[str, str] = {}
    for name in (_without(name, known) for name in given):
        bare.setdefault(name_key(name), name)
    found = bare.values()
    persons = [
        name
        for name in found
        if " " in name and not ORGANISATION.search(name) and name_key(name) not in known
    ]
    if persons:
        return tuple(
            name
            for name in found
            if not (ORGANISATION.search(name) or ACRONYM.fullmatch(name) or name_key(name) in known)
        )
    return tuple(found)


def name_key(name: str) -> str:
    """A name without its accents, its case and its stops: two spellings of one person are one."""
    letters = "".join(char for char in normalize("NFKD", name.casefold()) if not combining(char))
    return " ".join(WORD.findall(letters))


def count_accents(given: Iterable[str]) -> int:
    """How many accents some names are written with."""
    return sum(bool(combining(char)) for name in given for char in normalize("NFKD", name))


def _spellings(organisations: Iterable[str]) -> frozenset[str]:
    """The keys of some names, with and without their article."""
    bare = {name_key(name).removeprefix("the ") for name in organisations} - {""}
    return frozenset(bare | {f"the {name}" for name in bare})


def is_person_name(text: str) -> bool:
    """Whether a text is written as the names of people are: two to five words, each capitalised but for particles."""
    words = text.split()
    if not 2 <= len(words) <= 5 or ORGANISATION.search(text):
        return False
    return words[-1][0].isupper() and all(
        word[0].isupper() or word.casefold() in PARTICLES or BOUND.match(word) for word in words
    )


def _parts(byline: str) -> Iterator[str]:
    for part in SPLIT.split(byline):
        joined = JOINT.split(part)
        if len(joined) > 1 and all(" " in each.strip() for each in joined):
            yield from joined
        else:
            yield part


def _name(part: str) -> str:
    name = BY.sub("", part.strip(EDGES))
    name = TRAIL.sub("", name).strip(EDGES) if not ORGANISATION.search(name) else name
    name, role = ROLE_BEHIND.subn("", CREDENTIAL.sub("", name))
    if (
        not 2 < len(name) <= LONGEST_NAME
        or NO_NAME.search(name)
        or ROLE.fullmatch(name)
        or CREDENTIAL.fullmatch(" " + name)
    ):
        return ""
    if (
        len(name.split()) > 6
        or not any(char.isalpha() for char in name)
        or (role and " " not in name)
    ):
        return ""
    if INITIAL.search(name) and f"{name}." in part:
        name += "."
    return name.title() if name.isupper() and " " in name else name


def _without(name: str, known: Iterable[str]) -> str:
    """A person's name without the organisation behind it; two words at least are left."""
    words = name.split() if name_key(name) not in known else []
    for size in range(len(words) - 2, 0, -1):
        if name_key(" ".join(words[-size:])) in known:
            return " ".join(words[:-size]).rstrip(EDGES)
    return name


AGENCIES = _spellings((
    "Associated Press", "Thomson Reuters", "Reuters", "Agence France-Presse", "AFP", "Bloomberg", "dpa", "UPI", "ANSA", "EFE",
    "Lusa", "Europa Press", "Canadian Press", "Press Association", "PA Media",
))  # fmt: skip
