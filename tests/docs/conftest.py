"""A home folder with an archive of the demo, in which the examples of the manual run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline import demo_site
from pipeline.config.settings import ENV_PREFIX
from pipeline.core.errors import ExitCode
from tests.support.cli import CommandResult, nightdesk_process

TYPED = {"NIGHTDESK_CONTACT": "tests@example.org", "COLUMNS": "200"}


def run_nightdesk(home: Path, *words: str) -> CommandResult:
    """Run the command as a person would, in a process of its own."""
    return nightdesk_process(home, *words, **TYPED)


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(ENV_PREFIX):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with an archive of one night of one site."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "config" / "sites").mkdir(parents=True)
    with demo_site.serve_demo_sites(night=1) as server:
        text = demo_site.site_file("harbour-courier", server.base_url("harbour-courier"))
        (folder / "config" / "sites" / "harbour-courier.toml").write_text(text, encoding="utf8")
        result = run_nightdesk(folder, "crawl")
    assert result.code == ExitCode.OK, result.out + result.err
    (folder / "printed.txt").write_text(result.out, encoding="utf8")
    return folder
