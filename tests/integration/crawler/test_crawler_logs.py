"""The log of a site is limited in size and age, and is JSON if the settings say so."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from crawler import logs
from pipeline.config.site import Site
from pipeline.process_messages import CrawlJob

SITE = Site(
    id="courier",
    name="Courier",
    url="https://courier.example/",
    feeds=("https://courier.example/feed.xml",),
)


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, which is restored after the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield root
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
        with suppress(OSError):
            handler.close()
    root.setLevel(level)


def install_log(path: Path, **values: object) -> None:
    logs.install(
        CrawlJob.model_validate(
            {"site": SITE, "database_url": "", "user_agent": "", "log_file": str(path), **values}
        )
    )


def test_full_log_is_rotated_and_old_logs_are_removed(tmp_path: Path, root: logging.Logger) -> None:
    path = tmp_path / "courier.log"
    for name, age in (
        ("courier.log.1", 1),
        ("courier.log.2", 100),
        ("courier.log.bak", 100),
        ("other.log.2", 100),
    ):
        (tmp_path / name).write_text("old")
        os.utime(tmp_path / name, (path.parent.stat().st_mtime - age * 86400,) * 2)
    install_log(path, log_megabytes=0.001, log_files=2, log_days=90)
    assert not (tmp_path / "courier.log.2").exists()
    for number in range(100):
        logging.getLogger("crawler.spider").info("story %d is kept", number)
    assert {file.name for file in tmp_path.iterdir()} == {
        "courier.log", "courier.log.1", "courier.log.2", "courier.log.bak", "other.log.2"
    }  # fmt: skip
    assert all(file.stat().st_size <= 1100 for file in tmp_path.iterdir())
    assert "[crawler.spider] INFO: story 99 is kept" in path.read_text()


def test_json_line_has_all_fields(tmp_path: Path, root: logging.Logger) -> None:
    path = tmp_path / "courier.log"
    install_log(path, log_format="json")
    logging.getLogger("crawler.spider").debug("is left out")
    try:
        raise ValueError("«broken»")
    except ValueError:
        logging.getLogger("crawler.spider").exception(
            "%s: reading\nit failed", "https://courier.example/"
        )
    (line,) = map(json.loads, path.read_text().splitlines())
    assert (line["level"], line["site"], line["logger"]) == ("ERROR", "courier", "crawler.spider")
    assert line["message"] == "https://courier.example/: reading\nit failed"
    assert "ValueError: «broken»" in line["error"]
    assert line["at"].endswith("+00:00")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_log_on_a_full_disk_raises_no_error(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    install_log(Path("/dev/full"))
    logging.getLogger("crawler.spider").warning("is lost")
    assert capsys.readouterr().err == ""
