"""What a robots.txt says to robots of AI firms and archives, and its content signals.

The crawler obeys the rules for its own name by other means. Here the rules for others are read as
what they are to a corpus: declarations of the publisher. Only groups that name a robot count; a
group for all robots says nothing about a use.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from pipeline.core.rights.path_patterns import matches, path_of
from pipeline.core.rights.statements import NO, YES, RightsStatement, Statements, Use

AGENTS_FILE: Final = Path(__file__).with_name("ai_agents.toml")
MAX_LINES: Final = 20_000
MAX_RULES: Final = 1_000  # of one group
MAX_NAMED: Final = 6  # robots that a source names
SIGNAL_FIELDS: Final = ("content-signal", "content-usage")
# Names of Content-Signal (contentsignals.org) and Content-Usage (IETF AI Preferences).
SIGNAL_USES: Final[Mapping[str, Use]] = {
    "ai-train": Use.TRAIN,
    "train-ai": Use.TRAIN,
    "train-genai": Use.TRAIN,
    "ai-input": Use.AI_INPUT,
    "search": Use.SEARCH,
    "tdm": Use.TDM,
}
SIGNAL_VALUES: Final = {"yes": YES, "y": YES, "no": NO, "n": NO}


@dataclass(slots=True)
class RobotsGroup:
    """A group of robots.txt: the robots that it names, in lower case, and its rules in order."""

    agents: list[str] = field(default_factory=list)
    rules: list[tuple[bool, str]] = field(default_factory=list)  # (is allowed, pattern)
    signals: list[tuple[str, str, str]] = field(default_factory=list)  # (path, field, signals)


@dataclass(frozen=True, slots=True)
class AgentRules:
    """The rules of robots.txt for robots with the same rules and the same use."""

    use: Use
    names: tuple[str, ...]
    rules: tuple[tuple[bool, str], ...]

    def closes(self, path: str) -> bool:
        """Return whether a path is closed. The longest pattern decides, and of two, Allow."""
        best_length, is_allowed = -1, True
        for allows, pattern in self.rules:
            length = len(pattern)
            if length < best_length or (length == best_length and not allows):
                continue
            if matches(pattern, path):
                best_length, is_allowed = length, allows
        return not is_allowed


@dataclass(frozen=True, slots=True)
class RobotsRights:
    """What one robots.txt declares. `statements` says what concerns a URL."""

    agents: tuple[AgentRules, ...] = ()
    signals: tuple[tuple[str, RightsStatement], ...] = ()  # (path pattern, statement)

    def statements(self, url: str) -> Statements:
        """Return what the file says of a URL of its host.

        Args:
            url: An absolute URL of the host whose robots.txt this is.

        Returns:
            The declarations of groups that name known AI robots or archives and that close this
            path, and of content signals for it.
        """
        path = path_of(url)
        found: list[RightsStatement] = []
        for rules in self.agents:
            if rules.closes(path):
                found.append(RightsStatement(rules.use, NO, _source(rules.names)))
        found += [one for pattern, one in self.signals if matches(pattern, path)]
        return tuple(dict.fromkeys(found))


@cache
def known_agents() -> Mapping[str, tuple[str, Use]]:
    """Return the robots of the data file, by name in lower case, with their use.

    Returns:
        For each robot its name as the file spells it, and the use that a rule for it reserves.
    """
    uses = tomllib.loads(AGENTS_FILE.read_text(encoding="utf8"))
    agents: dict[str, tuple[str, Use]] = {}
    for use, names in uses.items():
        for name in names:
            agents[name.lower()] = (name, Use(use))
    return agents


def parse_robots(body: bytes) -> RobotsRights:
    """Read a robots.txt. What is no rule is left out.

    Args:
        body: The file as it was stored, in UTF-8. Bytes that are no UTF-8 are replaced.

    Returns:
        Its groups and signals. The groups are those of RFC 9309; `Content-Signal` and
        `Content-Usage` are lines of them.
    """
    rules_by_agent: dict[str, list[tuple[bool, str]]] = {}
    signals: list[tuple[str, RightsStatement]] = []
    known = known_agents()
    for group in _groups(body.decode("utf8", "replace")):
        for agent in group.agents:
            if agent in known:
                rules_by_agent.setdefault(agent, []).extend(group.rules[:MAX_RULES])
        if not group.agents or "*" in group.agents:
            for path, name, value in group.signals:
                signals += [(path, one) for one in read_signals(value, f"robots.txt: {name}")]
    names_by_rules: dict[tuple[Use, tuple[tuple[bool, str], ...]], list[str]] = {}
    for agent, rules in rules_by_agent.items():
        name, use = known[agent]
        names_by_rules.setdefault((use, tuple(rules)), []).append(name)
    agents: list[AgentRules] = []
    for (use, agent_rules), names in names_by_rules.items():
        agents.append(AgentRules(use, tuple(sorted(names, key=str.lower)), agent_rules))
    return RobotsRights(tuple(agents), tuple(signals))


def read_signals(value: str, source: str) -> Iterator[RightsStatement]:
    """Yield the statements of a content signal, such as `search=yes, ai-train=no`.

    Args:
        value: The signals, separated by commas.
        source: Where they stand.
    """
    for item in value.split(","):
        name, _, answer = item.partition("=")
        use = SIGNAL_USES.get(name.strip().lower())
        meaning = SIGNAL_VALUES.get(answer.partition(";")[0].strip().lower())
        if use is not None and meaning is not None:
            yield RightsStatement(use, meaning, f"{source}: {name.strip().lower()}")


def _groups(text: str) -> Iterator[RobotsGroup]:
    """Yield the groups in their order; the lines before the first one are a group without names."""
    group = RobotsGroup()
    is_header = False  # a line that names a robot was the last one
    for line in text.lstrip("\ufeff").splitlines()[:MAX_LINES]:
        name, colon, value = line.partition("#")[0].partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon:
            continue
        if name == "user-agent":
            if not is_header:
                yield group
                group = RobotsGroup()
            group.agents.append(value.lower())
            is_header = True
            continue
        if name in ("allow", "disallow"):
            is_header = False
            if value and len(group.rules) < MAX_RULES:
                group.rules.append((name == "allow", value))
        elif name in SIGNAL_FIELDS:
            is_header = False
            path, _, signals = value.partition(" ")
            if not path.startswith("/"):
                path, signals = "/", value
            group.signals.append((path, name, signals))
    yield group


def _source(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:MAX_NAMED])
    others = len(names) - MAX_NAMED
    return f"robots.txt: {shown}" + (f" and {others} more" if others > 0 else "")
