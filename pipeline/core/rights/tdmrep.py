"""Read `/.well-known/tdmrep.json` of the TDM Reservation Protocol (W3C community group, 2024)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from pipeline.core.rights.path_patterns import matches, path_of
from pipeline.core.rights.statements import (
    MAX_VALUE_LENGTH,
    NO,
    YES,
    RightsStatement,
    Statements,
    Use,
)

TDMREP_PATH: Final = "/.well-known/tdmrep.json"
MAX_RULES: Final = 1_000
SOURCE: Final = "tdmrep.json"


@dataclass(frozen=True, slots=True)
class TdmRule:
    """One object of the file."""

    location: str
    is_reserved: bool
    policy: str


@dataclass(frozen=True, slots=True)
class TdmRights:
    """What one tdmrep.json declares."""

    rules: tuple[TdmRule, ...] = ()

    def statements(self, url: str) -> Statements:
        """Return what the first rule says whose location matches a URL of its host."""
        path = path_of(url)
        for rule in self.rules:
            if matches(rule.location, path):
                return reservation(rule.is_reserved, rule.policy, SOURCE)
        return ()


def reservation(is_reserved: bool, policy: str, source: str) -> Statements:
    """Return the statements of one reservation, and of the policy that belongs to it."""
    statements: Statements = (RightsStatement(Use.TDM, NO if is_reserved else YES, source),)
    if policy:
        value = policy[:MAX_VALUE_LENGTH]
        statements = (*statements, RightsStatement(Use.POLICY, value, source))
    return statements


def parse_tdmrep(body: bytes) -> TdmRights:
    """Read the file. What is no rule of the protocol is left out, and broken JSON has no rule.

    Args:
        body: The stored `/.well-known/tdmrep.json` of a host (TDM Reservation Protocol of the W3C
            community group).

    Returns:
        At most MAX_RULES rules, in their order: the first one whose location fits a URL decides.
    """
    try:
        items = json.loads(body)
    except (ValueError, RecursionError):
        return TdmRights()
    rules: list[TdmRule] = []
    for item in items[:MAX_RULES] if isinstance(items, list) else ():
        if isinstance(item, dict):
            location, reserved = item.get("location"), _reserved(item.get("tdm-reservation"))
            if isinstance(location, str) and reserved is not None:
                policy = item.get("tdm-policy")
                rules.append(TdmRule(location, reserved, policy if isinstance(policy, str) else ""))
    return TdmRights(tuple(rules))


def _reserved(value: Any) -> bool | None:
    """Return whether a value of tdm-reservation reserves; None for a value without a meaning."""
    text = str(value).strip()
    if isinstance(value, bool) or text not in ("0", "1"):
        return None
    return text == "1"
