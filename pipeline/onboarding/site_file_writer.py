"""Proposal → the text of a site file, with a comment on each value: where it was seen and what it yielded.

Promises TOML that loads to the Site that was proposed, in the order of keys that the README has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.onboarding.proposal import CleanedSample, ExplainedValue, Proposal
from pipeline.process_messages import ProbeResult

MAX_COMMENT_LENGTH = 110


@dataclass(frozen=True, slots=True)
class SiteFileOptions:
    """What the person who adds a site decides, not the probe."""

    delay: float = 1.0
    allow_private: bool = False
    probed_on: str = ""  # of the probe


def site_file_text(
    proposal: Proposal,
    findings: ProbeResult,
    judged: Sequence[CleanedSample],
    terms: SiteFileOptions,
) -> str:
    """The file."""
    stories = sum(each.is_story for each in judged)
    on = f" on {terms.probed_on}" if terms.probed_on else ""
    lines = [
        f"# Made by 'nightdesk add'{on}: {findings.requests} requests, {len(judged)} samples, {stories} of them stories.",
        "# Yours to edit. All keys: config/sites/example.toml.sample. 'nightdesk check' tells what has changed since.",
        "",
        f"name = {toml_string(proposal.name)}",
        f"url = {toml_string(proposal.url)}",
    ]
    if findings.front.cms or findings.front.generator:
        lines.insert(
            2, f"# Made with: {comment_text(findings.front.generator or findings.front.cms)}."
        )
    lines += _keyed("language", proposal.language)
    lines += _keyed("timezone", proposal.timezone)
    lines.append("")
    for key in ("hosts", "feeds", "sitemaps"):
        lines += _listed(key, getattr(proposal, key))
    for each in proposal.omitted_sitemaps:
        lines += [
            f"# Left out, since it holds the whole past ({comment_text(each.reason)}). Add it to have that archived, too:",
            f"#   {toml_string(each.value)}",
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


def _keyed(key: str, value: ExplainedValue) -> list[str]:
    if not value.value:
        return [f"# {key}: nothing that was seen says it"]
    return [f"{key} = {toml_string(value.value)}  # {comment_text(value.reason)}"]


def _listed(key: str, values: Sequence[ExplainedValue]) -> list[str]:
    if not values:
        return []
    return [
        f"{key} = [",
        *(f"    {toml_string(each.value)},  # {comment_text(each.reason)}" for each in values),
        "]",
    ]


def _patterns(proposal: Proposal) -> list[str]:
    lines = ["# A story's URL matches one of these."] if proposal.allow else []
    lines += _listed("allow", proposal.allow) or [
        f"# allow: {proposal.no_allow_reason}; what feeds and sitemaps name is taken"
    ]
    return lines + _listed("deny", proposal.deny)


def _politeness(findings: ProbeResult, terms: SiteFileOptions) -> list[str]:
    lines = [
        "",
        "[politeness]",
        f"delay = {float(terms.delay)!r}  # seconds between two requests, at the least",
    ]
    if findings.crawl_delay:
        lines.append(f"# robots.txt asks for {findings.crawl_delay:g} s, which is kept in any case")
    return lines


def toml_string(text: str) -> str:
    """A TOML string: literal where that is easier to read, as for patterns."""
    if "\\" in text and "'" not in text and not re.search(r"[\x00-\x1f\x7f]", text):
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def comment_text(text: str) -> str:
    """What a site said, as a comment: one line without control characters."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).split())[
        :MAX_COMMENT_LENGTH
    ]
