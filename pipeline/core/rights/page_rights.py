"""What a page itself declares: by its headers, its head, its licence and its paywall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.core.models import Metadata
from pipeline.core.rights.robots_groups import SIGNAL_FIELDS, read_signals
from pipeline.core.rights.statements import (
    MAX_VALUE_LENGTH,
    NO,
    YES,
    RightsStatement,
    Statements,
    Use,
)
from pipeline.core.rights.tdmrep import reservation

OPT_OUT_USES: Final = {"noai": Use.TRAIN, "noarchive": Use.ARCHIVE}
ROBOTS_HEADER: Final = "x-robots-tag"
TDM_HEADER: Final = "tdm-reservation"


def page_statements(
    opt_outs: Sequence[str], headers: Mapping[str, str], metadata: Metadata
) -> Statements:
    """Return what a page declares.

    Args:
        opt_outs: What its capture found: some of `noai`, `noarchive` and `tdm`.
        headers: The stored headers of the capture, by names in lower case.
        metadata: The metadata of its article.
    """
    found: list[RightsStatement] = []
    robots_header = headers.get(ROBOTS_HEADER, "").lower()
    for name in opt_outs:
        if name in OPT_OUT_USES:
            place = "X-Robots-Tag" if name[:4] in robots_header else "meta robots"
            found.append(RightsStatement(OPT_OUT_USES[name], NO, f"{place}: {name}"))
    found += _tdm_statements(opt_outs, headers)
    for name in SIGNAL_FIELDS:
        if name in headers:
            found += read_signals(headers[name], f"header {name}")
    found += _metadata_statements(metadata)
    return tuple(dict.fromkeys(found))


def _tdm_statements(opt_outs: Sequence[str], headers: Mapping[str, str]) -> Statements:
    value = headers.get(TDM_HEADER, "").strip()
    policy = headers.get("tdm-policy", "")
    if value in ("0", "1"):
        return reservation(value == "1", policy, "TDM-Reservation header")
    if "tdm" in opt_outs:
        return reservation(True, policy, "meta tdm-reservation")
    return ()


def _metadata_statements(metadata: Metadata) -> list[RightsStatement]:
    sources = dict(metadata.sources)
    found: list[RightsStatement] = []
    if metadata.license:
        source = sources.get("license", "page")
        found.append(RightsStatement(Use.LICENSE, metadata.license[:MAX_VALUE_LENGTH], source))
    if metadata.paywalled is not None:
        value = NO if metadata.paywalled else YES
        found.append(RightsStatement(Use.FREE_ACCESS, value, "isAccessibleForFree"))
    return found
