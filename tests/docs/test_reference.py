"""The reference pages say what the code says, and links lead somewhere."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from pipeline import __version__
from pipeline.config import settings, site
from pipeline.config.settings import Settings
from pipeline.config.site import Site
from pipeline.core.errors import EXIT_CODE_MEANINGS, ExitCode
from pipeline.core.outcomes import OUTCOME_MEANINGS, REASON_MEANINGS, Outcome, Reason
from pipeline.monitoring.issues import IssueKind
from pipeline.store.db.row_classes import Base, role_of
from tests.support.documentation import DOCS, ROOT, pages, table

CONFIG = ROOT / "config"


def uncommented(text: str) -> str:
    """Return a sample file with its commented keys switched on."""
    return re.sub(r"^# (\w+ = )", r"\1", text, flags=re.M)


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the dotted keys of a site file."""
    for name, field in model.model_fields.items():
        if name == "id":
            continue
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys_of(field.annotation, f"{name}.")
        else:
            yield prefix + name


def test_every_generated_page_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sphinx", reason="Sphinx is not installed")
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    sys.modules.pop("reference_pages", None)
    import reference_pages  # type: ignore[import-not-found]

    reference_pages.write_pages(tmp_path)
    written = {path.stem: path.read_text(encoding="utf8") for path in tmp_path.iterdir()}
    assert set(written) == set(reference_pages.GENERATORS)
    for key in keys_of(Site):
        assert f"`{key}`" in written["site_file"]
    for outcome in Outcome:
        assert f"`{outcome}`" in written["outcomes"]


def test_every_table_has_its_row_in_the_architecture() -> None:
    rows = table("docs/explanation/architecture.md", "Table", "Role", "Holds")
    described = {}
    for names, role, _ in rows:
        for name in names.split("`, `"):
            described[name] = role
    assert described.pop("article_index") == "derived"  # made by each database in its own way
    assert described == {item.name: str(role_of(item)) for item in Base.metadata.sorted_tables}


def test_every_message_of_the_troubleshooting_page_exists() -> None:
    sources = []
    for folder in ("crawler", "pipeline"):
        for path in (ROOT / folder).rglob("*.py"):
            sources.append(path.read_text(encoding="utf8"))
    code = re.sub(r'"\s*\n\s*f?"', "", "\n".join(sources))
    page = (DOCS / "how-to" / "troubleshooting.md").read_text(encoding="utf8")
    cells = re.findall(r"^\| (`[^|]*) \|", page, re.M)
    assert len(cells) > 30
    missing = []
    for message in re.findall(r"`([^`]+)`", " ".join(cells)):
        missing += [part for part in message.split("…") if part.strip() not in code]
    assert not missing


def test_every_outcome_reason_and_exit_code_has_a_meaning() -> None:
    assert set(OUTCOME_MEANINGS) == set(Outcome)
    assert set(REASON_MEANINGS) == {reason for reason in Reason if reason}
    assert set(EXIT_CODE_MEANINGS) == set(ExitCode)
    outcomes = {str(outcome) for outcome in Outcome}
    for goes_with, _ in REASON_MEANINGS.values():
        assert set(goes_with.split(", ")) <= outcomes


def test_every_issue_is_explained() -> None:
    rows = table("docs/reference/issues.md", "Issue", "What it means")
    assert [name for name, _ in rows] == [str(kind) for kind in IssueKind]


def test_every_export_format_is_explained() -> None:
    from pipeline.formats.export import FORMATS

    names = []
    for row in table("docs/how-to/export.md", "Format", "Makes", "What it is"):
        names += re.findall(r"\w+", row[0])
    assert set(names) == set(FORMATS)


def test_the_settings_file_shows_every_setting_at_its_default(tmp_path: Path) -> None:
    text = (CONFIG / "nightdesk.toml").read_text(encoding="utf8")
    assert tomllib.loads(text) == {"contact": ""}
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "nightdesk.toml").write_text(uncommented(text), encoding="utf8")
    assert set(tomllib.loads(uncommented(text))) == set(Settings.model_fields) - {"home"}
    assert settings.load_settings(tmp_path) == Settings(home=tmp_path)


def test_the_sample_of_a_site_file_shows_every_key_at_its_default() -> None:
    text = (CONFIG / "sites" / "example.toml.sample").read_text(encoding="utf8")
    keys = set()
    for key, value in tomllib.loads(uncommented(text)).items():
        keys.update(sample_keys(key, value))
    assert keys == set(keys_of(Site))
    whole = site.parse_site("example", uncommented(text), "the sample")
    assert whole == site.parse_site("example", text, "the sample")


def sample_keys(key: str, value: Any) -> list[str]:
    """Return the dotted keys that an entry of the sample holds."""
    if isinstance(value, dict) and value:
        return [f"{key}.{inner}" for inner in value]
    return [key]


def test_local_links_lead_somewhere() -> None:
    missing = []
    for page in pages():
        text = re.sub(r"^```.*?^```$", "", page.text, flags=re.M | re.S)
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            folder = (ROOT / page.path).parent
            if "://" not in link and not any(
                (folder / f"{link}{end}").exists() for end in ("", ".md")
            ):
                missing.append(f"{page.path}: {link}")
    assert not missing


def test_every_page_of_the_manual_is_reached_from_a_table_of_contents() -> None:
    entries: set[Path] = {DOCS / "index.md"}
    for page in pages():
        if not page.path.startswith("docs/"):
            continue
        folder = (ROOT / page.path).parent
        for body in re.findall(r"^```\{toctree\}\n(.*?)^```$", page.text, flags=re.M | re.S):
            for line in body.splitlines():
                if line and not line.startswith(":"):
                    entries.add((folder / f"{line}.md").resolve())
    manual = {(ROOT / page.path).resolve() for page in pages() if page.path.startswith("docs/")}
    assert manual == entries


def test_the_workflow_runs_the_checks_of_ci() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf8")
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))
    assert ".ci/run" in workflow
    oldest = pyproject["project"]["requires-python"].removeprefix(">=")
    assert f'"{oldest}"' in workflow
    for marker in re.findall(r'-m "?(?:not )?(\w+)', workflow):
        names = [
            line.partition(":")[0] for line in pyproject["tool"]["pytest"]["ini_options"]["markers"]
        ]
        assert marker in names or marker in ("venv", "pytest")


def test_the_changelog_speaks_of_this_version() -> None:
    assert f"\n## {__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf8")
