"""Each promise of the manual names a test that exists."""

from __future__ import annotations

import re

from tests.stress.__main__ import STRESS_TESTS
from tests.support.documentation import ROOT, page_text

PAGE = "docs/explanation/promises.md"
ROW = re.compile(r"^\| (?!Promise )([^|-][^|]*) \| ([^|]*) \|$", re.M)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
STRESS_TEST = re.compile(r"stress test `(\w+)`", re.I)
MODULE = re.compile(r"`python -m ([\w.]+)`")


def promises() -> list[tuple[str, str]]:
    rows = ROW.findall(page_text(PAGE))
    assert len(rows) > 20
    return rows


def test_each_promise_names_a_test_that_exists() -> None:
    for promise, named in promises():
        tests = TEST.findall(named)
        stress_tests = STRESS_TEST.findall(named)
        modules = MODULE.findall(named)
        assert tests or stress_tests or modules, f"no test is named for: {promise}"
        for file, name in tests:
            source = (ROOT / file).read_text(encoding="utf8")
            assert f"def {name}(" in source, f"{file} has no {name}, which shows: {promise}"
        for name in stress_tests:
            assert name in STRESS_TESTS, f"no stress test {name}, which shows: {promise}"
        for module in modules:
            assert (ROOT / f"{module.replace('.', '/')}.py").exists(), module


def test_each_stress_test_shows_a_promise_or_is_described() -> None:
    described = page_text(PAGE) + page_text("docs/explanation/stress-tests.md")
    assert {name for name in STRESS_TESTS if f"`{name}`" not in described} == set()
