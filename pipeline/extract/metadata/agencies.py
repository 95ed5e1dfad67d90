"""Know the news agencies, whose stories appear on many sites.

An agency is no author: it says where a story came from. Short names count only as they are written
("AP", "dpa"), because other words have the same letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.extract.sanitize import single_line

# Names as they are shown, each with the spellings that mean it. (?-i:…) keeps the case.
SPELLINGS = {
    "AP": r"(?:the\s+)?associated\s+press|(?-i:AP)",
    "Reuters": r"(?:thomson\s+)?reuters|рейтер",
    "AFP": r"agence\s+france[\s-]?presse|(?-i:AFP)|フランス通信|法新社",
    "dpa": r"deutsche\s+presse-?agentur|(?-i:dpa|DPA)(?:[-‑/](?:\w+))?",
    "PA Media": r"pa\s+media|press\s+association",
    "UPI": r"united\s+press\s+international|(?-i:UPI)",
    "Bloomberg": r"bloomberg(?:\s+news)?",
    "EFE": r"agencia\s+efe|(?-i:EFE)",
    "Europa Press": r"europa\s+press",
    "ANSA": r"agenzia\s+ansa|(?-i:ANSA)",
    "Lusa": r"agência\s+lusa|(?-i:Lusa)",
    "ANP": r"(?-i:ANP)",
    "Belga": r"(?-i:Belga)",
    "APA": r"austria\s+presse\s+agentur|(?-i:APA)(?:-(?:ots|dpa))?",
    "Keystone-SDA": r"keystone-sda|(?-i:sda|SDA|ATS)",
    "KNA": r"(?-i:KNA)",
    "epd": r"(?-i:epd)",
    "SID": r"(?-i:SID)",
    "Canadian Press": r"(?:the\s+)?canadian\s+press",
    "AAP": r"australian\s+associated\s+press|(?-i:AAP)",
    "ANI": r"(?-i:ANI)",
    "PTI": r"press\s+trust\s+of\s+india|(?-i:PTI)",
    "IANS": r"(?-i:IANS)",
    "Xinhua": r"xinhua(?:\s+news\s+agency)?|新华社|新華社",
    "Kyodo": r"kyodo(?:\s+news)?|共同通信(?:社)?",
    "Jiji": r"jiji\s+press|時事通信(?:社)?",
    "Yonhap": r"yonhap(?:\s+news(?:\s+agency)?)?|연합뉴스",
    "Anadolu": r"anadolu(?:\s+(?:agency|ajans[ıi]))?|(?-i:AA)",
    "TASS": r"(?:itar-)?tass|(?:итар-)?тасс",
    "RIA Novosti": r"ria\s+novosti|риа\s+новости",
    "Interfax": r"interfax(?:-\w+)?|интерфакс",
    "Ukrinform": r"ukrinform|укрінформ|укринформ",
    "PAP": r"(?-i:PAP)",
    "ČTK": r"(?-i:ČTK|CTK)",
    "MTI": r"(?-i:MTI)",
    "NTB": r"(?-i:NTB)",
    "TT": r"(?-i:TT)",
    "Ritzau": r"ritzau",
    "STT": r"(?-i:STT)",
    "CNA": r"catholic\s+news\s+agency",
    "Khovar": r"(?:амит\s+)?«?ховар»?|khovar",
}
AGENCY = re.compile(
    r"(?<![\w.-])(?:"
    + "|".join(f"(?P<a{number}>{each})" for number, each in enumerate(SPELLINGS.values()))
    + r")(?![\w])",
    re.I,
)
NAMES = tuple(SPELLINGS)
LIST = re.compile(r"\s*(?:[/,;|&+]|\bund\b|\band\b|\bet\b|\by\b|\bmit\b|\bwith\b)\s*", re.I)
NOISE = re.compile(
    r"^(?:by|von|par|por|da|av|door|from|source|quelle|fuente|fonte|via|mit material (?:der|von)|"
    r"with|the|der|die|according to|news agency|agency|agenturen?|credit|©|\(c\)|copyright|"
    r"redaktion|staff|reporters?|news|wire|service|wires?|:|\d{4}|\s)+"
    r"|(?:\s+(?:staff|reporters?|writers?|correspondents?|newsroom|news\s+agency|agency))+$"
    r"|[\s.,:()\[\]©-]+$",
    re.I,
)
# "LONDON, March 3 (Reuters) - ", "Berlin (dpa) – ", "(AP)".
DATELINE = re.compile(r"^[^()\[\]]{0,70}[(\[]([^()\[\]]{2,40})[)\]]\s*(?:[-–—.:]|$)")
CJK_AGENCIES = {
    "新华社": "Xinhua", "新華社": "Xinhua", "法新社": "AFP", "共同通信": "Kyodo",
    "時事通信": "Jiji", "路透社": "Reuters", "美联社": "AP", "연합뉴스": "Yonhap",
}  # fmt: skip
CJK_AGENCY = re.compile("|".join(CJK_AGENCIES))
DATELINE_LENGTH = 130
CREDIT_LENGTH, MAX_CREDIT_WORDS = 60, 6
MAX_AGENCIES = 4


def agencies_of_byline(text: str) -> list[str]:
    """Return the agencies that a byline names beside people or alone.

    Args:
        text: A visible byline or an author of the metadata.

    Returns:
        The names of the agencies in one spelling each, such as "Reuters".
    """
    found = []
    if match := CJK_AGENCY.match(text):
        found.append(CJK_AGENCIES[match[0]])
    for part in re.split(r"[,;/|&()]|\s[-–—]\s|\s(?:and|und|et|y|with|mit)\s", text[:400]):
        if name := agency_name(part):
            found.append(name)
    return found


def agency_name(text: str) -> str:
    """Return the agency that a text names if it names nothing else, or "".

    Args:
        text: A name of the metadata, as in `author` or `sourceOrganization`.

    Returns:
        The agency in its usual spelling.
    """
    text = single_line(NOISE.sub("", text[:CREDIT_LENGTH].strip()))
    match = AGENCY.fullmatch(text)
    if match is None or match.lastgroup is None:
        return ""
    return NAMES[int(match.lastgroup[1:])]


def agencies_of_text(text: str) -> list[str]:
    """Return the agencies that the dateline of a paragraph names, or a credit line.

    Args:
        text: The text of one line.

    Returns:
        The agencies in their order: "LONDON (Reuters) -" names one, "(dpa/AFP)" two.
    """
    text = single_line(text[:DATELINE_LENGTH])
    if match := DATELINE.match(text):
        return _listed(match[1])
    if len(text) < CREDIT_LENGTH and len(text.split()) <= MAX_CREDIT_WORDS:
        return _listed(text)
    return []


def _listed(text: str) -> list[str]:
    """Return the agencies of a text such as "dpa/AFP"; [] where it names anything else first."""
    found = []
    for part in LIST.split(text.strip(" ()[].©")):
        if name := agency_name(part):
            found.append(name)
        elif not found:
            return []
    return found


def join_agencies(names: Iterable[str]) -> str:
    """Return some agencies as one value, each once."""
    return ", ".join(list(dict.fromkeys(names))[:MAX_AGENCIES])
