"""The rights of an article: what its publisher says about uses of it, each with its source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

NO: Final = "no"
YES: Final = "yes"
MAX_VALUE_LENGTH: Final = 500  # characters


class Use(StrEnum):
    """What a statement is about."""

    TRAIN = "train"
    AI_INPUT = "ai-input"
    SEARCH = "search"
    TDM = "tdm"
    ARCHIVE = "archive"
    LICENSE = "license"
    POLICY = "policy"
    FREE_ACCESS = "free-access"


@dataclass(frozen=True, slots=True)
class RightsStatement:
    """One declaration of a publisher.

    Attributes:
        use: The use that it is about.
        value: "no" or "yes"; of a licence or a policy its name or URL.
        source: Where it is declared, such as `robots.txt: GPTBot, CCBot` or `meta robots: noai`.
    """

    use: Use
    value: str
    source: str


Statements = tuple[RightsStatement, ...]
# Uses that a reservation of another use covers, too. Who reserves text and data mining reserves
# training, which is a kind of it (Directive (EU) 2019/790, article 4, and Regulation (EU)
# 2024/1689, article 53).
COVERED_BY: Final[Mapping[Use, tuple[Use, ...]]] = {
    Use.TRAIN: (Use.TRAIN, Use.TDM),
    Use.TDM: (Use.TDM,),
    Use.ARCHIVE: (Use.ARCHIVE,),
}
# What `export --respect` knows, and what it leaves out.
RESPECTED: Final = {"train": Use.TRAIN, "tdm": Use.TDM, "noarchive": Use.ARCHIVE}
# The values of the search filter `rights:`
FLAGS: Final = (
    "no-train",
    "no-ai-input",
    "no-search",
    "no-tdm",
    "no-archive",
    "license",
    "paywall",
)


def flags_of(statements: Iterable[RightsStatement]) -> tuple[str, ...]:
    """Return the values of `rights:` under which an article is found, sorted."""
    flags = set[str]()
    for statement in statements:
        if statement.use is Use.LICENSE:
            flags.add("license")
        elif statement.use is Use.FREE_ACCESS and statement.value == NO:
            flags.add("paywall")
        elif statement.value == NO:
            flags.add(f"no-{statement.use}")
    return tuple(sorted(flags.intersection(FLAGS)))


def is_reserved(statements: Iterable[RightsStatement], use: Use) -> bool:
    """Return whether a publisher reserves a use. One "no" counts more than any "yes"."""
    covering = COVERED_BY.get(use, (use,))
    return any(one.value == NO and one.use in covering for one in statements)


def license_of(statements: Iterable[RightsStatement]) -> str:
    """Return the licence that is declared, or ""."""
    return next((one.value for one in statements if one.use is Use.LICENSE), "")


def to_json(statements: Iterable[RightsStatement]) -> list[dict[str, str]]:
    """Return statements as they are stored: a list of objects."""
    rows: list[dict[str, str]] = []
    for one in statements:
        rows.append({"use": str(one.use), "value": one.value, "source": one.source})
    return rows


def from_json(rows: Any) -> Statements:
    """Return the statements of a stored list."""
    return tuple(RightsStatement(Use(row["use"]), row["value"], row["source"]) for row in rows)


def to_texts(statements: Iterable[RightsStatement]) -> list[str]:
    """Return each statement as a line for people: `train: no (robots.txt: GPTBot)`."""
    return [f"{one.use}: {one.value} ({one.source})" for one in statements]
