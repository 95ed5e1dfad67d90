"""Writes a proposal as a site file in TOML. Comments say where each value was seen.

The file loads to the site that was proposed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.onboarding.proposal import CleanedSample, ExplainedValue, Proposal, story_samples
from pipeline.process_messages import ProbeResult

MAX_COMMENT_LENGTH = 110  # characters
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class SiteFileOptions:
    """What the user who adds a site decides, not the probe."""

    delay: float = 1.0  # seconds between two requests
    allow_private: bool = False
    probed_on: str = ""  # the day of the probe


def site_file_text(
    proposal: Proposal,
    probe: ProbeResult,
    samples: Sequence[CleanedSample],
    options: SiteFileOptions,
) -> str:
    """Return the text of a site file.

    Args:
        proposal: The values of the file.
        probe: The probe that they come from.
        samples: Its samples, cleaned.
        options: What the user decides.
    """
    lines = _head(probe, samples, options)
    lines += [
        "",
        f"name = {toml_string(proposal.name)}",
        f"url = {toml_string(proposal.url)}",
        _value_line("language", proposal.language),
        _value_line("timezone", proposal.timezone),
        "",
    ]
    for key in ("hosts", "feeds", "sitemaps"):
        lines += _list_lines(key, getattr(proposal, key))
    for sitemap in proposal.omitted_sitemaps:
        reason = comment_text(sitemap.reason)
        lines.append(f"# Left out, because it holds the whole past ({reason}).")
        lines.append("# Add it to archive that, too:")
        lines.append(f"#   {toml_string(sitemap.value)}")
    lines += _list_lines("sections", proposal.sections)
    lines += _section_pages_lines(proposal)
    lines += ["", *_pattern_lines(proposal)]
    if proposal.render:
        comment = "scripts build its pages: without a browser they hold no text"
        lines += ["", f"render = true  # {comment}"]
    lines += _politeness_lines(probe, options)
    if options.allow_private:
        comment = "as you asked: a site on this machine or in an intranet"
        lines += ["", "[safety]", f"allow_private = true  # {comment}"]
    return "\n".join(lines) + "\n"


def _head(
    probe: ProbeResult, samples: Sequence[CleanedSample], options: SiteFileOptions
) -> list[str]:
    stories = len(story_samples(samples))
    day = f" on {options.probed_on}" if options.probed_on else ""
    counts = f"{probe.requests} requests, {len(samples)} samples, {stories} of them stories"
    lines = [
        f"# Made by 'nightdesk add'{day}: {counts}.",
        "# You may edit it. All keys are in config/sites/example.toml.sample.",
        "# 'nightdesk check' shows what has changed since.",
    ]
    if system := probe.front.generator or probe.front.cms:
        lines.append(f"# Made with: {comment_text(system)}.")
    return lines


def _value_line(key: str, explained: ExplainedValue) -> str:
    if not explained.value:
        return f"# {key}: the probe did not find it"
    return f"{key} = {toml_string(explained.value)}  # {comment_text(explained.reason)}"


def _list_lines(key: str, values: Sequence[ExplainedValue]) -> list[str]:
    if not values:
        return []
    lines = [f"{key} = ["]
    for explained in values:
        comment = comment_text(explained.reason)
        lines.append(f"    {toml_string(explained.value)},  # {comment}")
    return [*lines, "]"]


def _section_pages_lines(proposal: Proposal) -> list[str]:
    pages = proposal.section_pages
    if pages.value:
        return [f"section_pages = {pages.value}  # {comment_text(pages.reason)}"]
    if proposal.sections:
        return ["# section_pages: no section shows the next page of its list"]
    return []


def _pattern_lines(proposal: Proposal) -> list[str]:
    lines = []
    if proposal.allow:
        lines.append("# The URL of a story matches one of these.")
        lines += _list_lines("allow", proposal.allow)
    else:
        lines.append(f"# allow: {proposal.no_allow_reason}; all links of feeds and sitemaps count")
    return lines + _list_lines("deny", proposal.deny)


def _politeness_lines(probe: ProbeResult, options: SiteFileOptions) -> list[str]:
    delay = float(options.delay)
    lines = ["", "[politeness]", f"delay = {delay!r}  # seconds between two requests, at least"]
    if probe.crawl_delay:
        lines.append(f"# robots.txt asks for {probe.crawl_delay:g} s, which is kept in any case")
    return lines


def toml_string(text: str) -> str:
    """Return a TOML string: literal where that is easier to read, as for patterns."""
    if "\\" in text and "'" not in text and not CONTROL.search(text):
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def comment_text(text: str) -> str:
    """Return a site's text as a comment: one line of limited length without controls."""
    return " ".join(UNPRINTABLE.sub(" ", text).split())[:MAX_COMMENT_LENGTH]
