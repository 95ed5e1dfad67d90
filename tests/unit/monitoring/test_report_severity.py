"""The exit code of `report` tells how serious the open issues are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.cli.commands.report import severity_code
from pipeline.jobs.night_report import NightReport, SiteNightReport
from pipeline.monitoring.issues import MINOR_KINDS, IssueKind
from pipeline.store.read import IssueView

AT = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
MINOR = sorted(MINOR_KINDS)[0]


def issue(kind: str) -> IssueView:
    return IssueView(
        1, "courier", kind, "", "words", "", "", {}, AT, AT, None, False, None, None
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kinds", "code", "strict_code"),
    [
        ((), 0, 0),
        ((MINOR,), 0, 7),
        ((IssueKind.FEW_ARTICLES,), 1, 1),
        ((MINOR, IssueKind.FEW_ARTICLES), 1, 1),
    ],
)
def test_exit_code_tells_the_severity(kinds: tuple[str, ...], code: int, strict_code: int) -> None:
    issues = tuple(issue(kind) for kind in kinds)
    report = NightReport(AT, (SiteNightReport("courier", None, issues),))
    assert severity_code(report, strict=False) == code
    assert severity_code(report, strict=True) == strict_code
