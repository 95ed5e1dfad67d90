"""The files in config/deploy are tried as far as this machine can: they parse, and what they call and name exists."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_readme import Shown, shown_on, wrong_with

from pipeline.config.cron import CronSchedule
from pipeline.config.settings import ENV_PREFIX, Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "config" / "deploy"
CRON = re.compile(r"^(?:# )?((?:[\d*/,-]+ ){5})(.*nightdesk.*)$", re.M)
HOME = "/opt/nightdesk"


def text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf8")


def read_yaml(name: str) -> Any:
    return yaml.safe_load(text(name))


def instruction(name: str) -> list[str]:
    """The words of one instruction of the Dockerfile that is written as JSON."""
    found = re.search(rf"^{name} (\[.*\])$", text("Dockerfile"), re.M)
    assert found
    return list(json.loads(found.group(1)))


def test_every_file_is_known_here_and_in_the_readme() -> None:
    names = {path.name for path in DEPLOY.iterdir()}
    assert names == {
        "crontab.example", "nightdesk.service", "nightdesk.timer", "nightdesk-schedule.service", "Dockerfile",
        "Dockerfile.dockerignore", "compose.yaml", "compose.cluster.yaml", "nightdesk-worker.service", "github-actions.yml",
    }  # fmt: skip
    readme = (ROOT / "README.md").read_text(encoding="utf8")
    assert [name for name in names if f"config/deploy/{name}" not in readme] == [
        "Dockerfile.dockerignore"
    ]


def test_the_cron_lines_are_cron_lines_that_call_commands() -> None:
    lines = CRON.findall(text("crontab.example"))
    assert len(lines) == 3
    for line, command in lines:
        assert len(list(islice(CronSchedule(line, "UTC").after(datetime.now(UTC)), 2))) == 2
        (shown,) = shown_on(command)
        assert (wrong_with(shown), shown.command, shown.words[:2]) == (
            "",
            "crawl",
            ("--home", HOME),
        )


@pytest.mark.parametrize(
    ("unit", "command"),
    [
        ("nightdesk.service", "crawl"),
        ("nightdesk-schedule.service", "schedule"),
        ("nightdesk-worker.service", "worker"),
    ],
)
def test_the_units_call_commands(unit: str, command: str) -> None:
    (line,) = re.findall(r"^ExecStart=(.*)$", text(unit), re.M)
    (shown,) = shown_on(line)
    assert (wrong_with(shown), shown.command, shown.words) == (
        "",
        command,
        ("--home", HOME, command),
    )


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for name in (
        "nightdesk.service",
        "nightdesk.timer",
        "nightdesk-schedule.service",
        "nightdesk-worker.service",
    ):
        there = text(name).replace(
            "/opt/nightdesk/.venv/bin/nightdesk", "/bin/true"
        )  # it has to be installed, else
        (tmp_path / name).write_text(there, encoding="utf8")
    units = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run(
        ["systemd-analyze", "verify", *units],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert [
        line for line in done.stderr.splitlines() if str(tmp_path) in line or "nightdesk" in line
    ] == []
    assert done.returncode == 0


@pytest.mark.parametrize("unit", ["nightdesk-schedule.service", "nightdesk-worker.service"])
def test_what_stays_is_watched_by_a_systemd_that_it_tells_of_its_state(unit: str) -> None:
    lines = text(unit).splitlines()
    assert {"Type=notify", "NotifyAccess=main", "Restart=on-failure"} <= set(lines)
    (seconds,) = [int(line.partition("=")[2]) for line in lines if line.startswith("WatchdogSec=")]
    assert seconds >= 60, "a look takes a while where there are many sites"


def test_the_image_is_made_of_what_is_there() -> None:
    copied = [words.split()[:-1] for words in re.findall(r"^COPY (.*)$", text("Dockerfile"), re.M)]
    names = [name for words in copied for name in words]
    assert [name for name in names if not (ROOT / name).exists()] == []
    kept = re.findall(r"^!(.*)$", text("Dockerfile.dockerignore"), re.M)
    assert sorted(kept) == sorted(names)
    program, *words = instruction("ENTRYPOINT")
    assert (program, words) == ("nightdesk", ["--home", HOME])
    assert wrong_with(Shown((*words, *instruction("CMD")))) == ""


def test_the_services_of_compose_call_commands_and_name_settings() -> None:
    compose = read_yaml("compose.yaml")
    ours = [each for each in compose["services"].values() if each["image"] == "nightdesk"]
    assert {each["command"][0] for each in ours} == {"schedule", "serve"}
    for each in ours:
        assert wrong_with(Shown(tuple(each["command"]))) == ""
        names = {name.removeprefix(ENV_PREFIX).lower() for name in each["environment"]}
        assert names == {"database_url", "contact"}
        assert names <= set(Settings.model_fields)
        assert (
            DEPLOY / each["build"]["context"] / each["build"]["dockerfile"]
        ).resolve() == DEPLOY / "Dockerfile"
        folders = [volume.split(":")[0] for volume in each["volumes"]]
        assert all((DEPLOY / folder).exists() or folder in compose["volumes"] for folder in folders)
    for line in re.findall(r"^#   (docker .*)$", text("compose.yaml"), re.M):
        for shown in shown_on(
            " ".join(words for words in [line.partition(" exec schedule ")[2]] if words)
        ):
            assert wrong_with(shown) == ""


def test_the_workers_of_compose_are_those_of_a_schedule_that_hands_its_nights_out() -> None:
    services, base = (
        read_yaml("compose.cluster.yaml")["services"],
        read_yaml("compose.yaml")["services"],
    )
    assert services["schedule"]["command"] == ["schedule", "--enqueue"]
    same = (
        "build",
        "image",
        "depends_on",
        "environment",
        "read_only",
        "cap_drop",
        "security_opt",
        "volumes",
    )
    assert {key: services["worker"][key] for key in same} == {
        key: base["schedule"][key] for key in same
    }
    assert [wrong_with(Shown(tuple(each["command"]))) for each in services.values()] == ["", ""]
    assert "[cluster]" in text("Dockerfile")


@pytest.mark.skipif(shutil.which("docker") is None, reason="there is no Docker here")
def test_compose_reads_its_file() -> None:
    command = ["docker", "compose", "-f", str(DEPLOY / "compose.yaml"), "config", "--quiet"]
    if subprocess.run(
        ["docker", "compose", "version"], capture_output=True, check=False
    ).returncode:
        pytest.skip("there is no compose")
    words = {
        "NIGHTDESK_PASSWORD": "secret",
        "NIGHTDESK_CONTACT": "a@example.org",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=words, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_workflow_calls_commands_and_keeps_the_archive_whatever_came_of_the_night() -> None:
    workflow = read_yaml("github-actions.yml")
    (event,) = workflow[True]["schedule"]  # YAML takes `on` for a truth
    assert list(islice(CronSchedule(event["cron"], "UTC").after(datetime.now(UTC)), 1))
    steps = workflow["jobs"]["night"]["steps"]
    called = [
        shown
        for step in steps
        for line in step.get("run", "").splitlines()
        for shown in shown_on(line)
    ]
    assert [shown.command for shown in called] == ["crawl", "status"]
    assert [wrong_with(shown) for shown in called] == ["", ""]
    kept = [
        step
        for step in steps
        if "cache/save" in step.get("uses", "") or "upload-artifact" in step.get("uses", "")
    ]
    assert [step["if"] for step in kept] == ["always()", "always()"]
    assert {step["with"]["path"] for step in kept} == {"var"}
    assert Settings().database_url.endswith("/var/nightdesk.db")
    assert all(name.removeprefix(ENV_PREFIX).lower() in Settings.model_fields for step in steps for name in step.get("env", {})
               if name.startswith(ENV_PREFIX))  # fmt: skip
    for step in steps:
        if "run" in step and shutil.which("bash"):
            subprocess.run(
                ["bash", "-n", "-c", re.sub(r"\$\{\{.*?\}\}", "x", step["run"])], check=True
            )
