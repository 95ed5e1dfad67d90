"""Proposal → the text of a site file, with a comment on each value: where it was seen and what it yielded.

Promises TOML that loads to the Site that was proposed, in the order of keys that the README has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.onboarding.proposal import Judged, Proposal, Value
from pipeline.process_messages import Findings

WIDTH = 110


@dataclass(frozen=True, slots=True)
class Terms:
    """What the person who adds a site decides, not the probe."""

    delay: float = 1.0
    allow_private: bool = False
    day: str = ""  # of the probe


def compose(proposal: Proposal, findings: Findings, judged: Sequence[Judged], terms: Terms) -> str:
    """The file."""
    stories = sum(each.is_story for each in judged)
    on = f" on {terms.day}" if terms.day else ""
    lines = [
        f"# Made by 'nightdesk add'{on}: {findings.requests} requests, {len(judged)} samples, {stories} of them stories.",
        "# Yours to edit. All keys: config/sites/example.toml.sample. 'nightdesk check' tells what has changed since.",
        "",
        f"name = {quoted(proposal.name)}",
        f"url = {quoted(proposal.url)}",
    ]
    if findings.front.cms or findings.front.generator:
        lines.insert(2, f"# Made with: {plain(findings.front.generator or findings.front.cms)}.")
    lines += _keyed("language", proposal.language)
    lines += _keyed("timezone", proposal.timezone)
    lines.append("")
    for key in ("hosts", "feeds", "sitemaps"):
        lines += _listed(key, getattr(proposal, key))
    for each in proposal.left_out:
        lines += [
            f"# Left out, since it holds the whole past ({plain(each.why)}). Add it to have that archived, too:",
            f"#   {quoted(each.value)}",
        ]
    lines += _listed("sections", proposal.sections)
    lines += ["", *_patterns(proposal)]
    if proposal.render:
        lines += [
            "",
            "render = true  # its pages are built by scripts: without a browser they hold no text",
        ]
    lines += _politeness(findings, terms)
    if terms.allow_private:
        lines += [
            "",
            "[safety]",
            "allow_private = true  # as asked for: a site on this machine or on an intranet",
        ]
    return "\n".join(lines) + "\n"


def _keyed(key: str, value: Value) -> list[str]:
    if not value.value:
        return [f"# {key}: nothing that was seen says it"]
    return [f"{key} = {quoted(value.value)}  # {plain(value.why)}"]


def _listed(key: str, values: Sequence[Value]) -> list[str]:
    if not values:
        return []
    return [
        f"{key} = [",
        *(f"    {quoted(each.value)},  # {plain(each.why)}" for each in values),
        "]",
    ]


def _patterns(proposal: Proposal) -> list[str]:
    lines = ["# A story's URL matches one of these."] if proposal.allow else []
    lines += _listed("allow", proposal.allow) or [
        f"# allow: {proposal.no_patterns}; what feeds and sitemaps name is taken"
    ]
    return lines + _listed("deny", proposal.deny)


def _politeness(findings: Findings, terms: Terms) -> list[str]:
    lines = [
        "",
        "[politeness]",
        f"delay = {float(terms.delay)!r}  # seconds between two requests, at the least",
    ]
    if findings.crawl_delay:
        lines.append(f"# robots.txt asks for {findings.crawl_delay:g} s, which is kept in any case")
    return lines


def quoted(text: str) -> str:
    """A TOML string: literal where that is easier to read, as for patterns."""
    if "\\" in text and "'" not in text and not re.search(r"[\x00-\x1f\x7f]", text):
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def plain(text: str) -> str:
    """What a site said, as a comment: one line without control characters."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).split())[:WIDTH]
