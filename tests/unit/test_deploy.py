"""The files in config/deploy parse, and the commands and settings that they name exist."""

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

from pipeline.config.cron import CronSchedule
from pipeline.config.settings import ENV_PREFIX, Settings
from tests.support.documentation import (
    ShownCommand,
    commands_on,
    pages,
    what_does_not_exist,
)

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "config" / "deploy"
CRON = re.compile(r"^(?:# )?((?:[\d*/,-]+ ){5})(.*nightdesk.*)$", re.M)
HOME = "/opt/nightdesk"
UNITS = (
    "nightdesk.service",
    "nightdesk.timer",
    "nightdesk-schedule.service",
    "nightdesk-worker.service",
)


def text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf8")


def read_yaml(name: str) -> Any:
    return yaml.safe_load(text(name))


def instruction(name: str) -> list[str]:
    """Return the words of one instruction of the Dockerfile that is written as JSON."""
    match = re.search(rf"^{name} (\[.*\])$", text("Dockerfile"), re.M)
    assert match
    return list(json.loads(match.group(1)))


FILES = {
    "crontab.example",
    "nightdesk.service",
    "nightdesk.timer",
    "nightdesk-schedule.service",
    "nightdesk-worker.service",
    "Dockerfile",
    "Dockerfile.dockerignore",
    "compose.yaml",
    "compose.cluster.yaml",
    "github-actions.yml",
}


def test_every_file_is_listed_here_and_in_the_documentation() -> None:
    names = {path.name for path in DEPLOY.iterdir()}
    assert names == FILES
    manual = "".join(page.text for page in pages())
    undocumented = [name for name in names if f"config/deploy/{name}" not in manual]
    assert undocumented == ["Dockerfile.dockerignore"]


def test_the_cron_lines_are_valid_and_call_commands() -> None:
    lines = CRON.findall(text("crontab.example"))
    assert len(lines) == 3
    for line, command_line in lines:
        times = CronSchedule(line, "UTC").times_after(datetime.now(UTC))
        assert len(list(islice(times, 2))) == 2
        (command,) = commands_on(command_line)
        assert what_does_not_exist(command) == ""
        assert command.command == "crawl"
        assert command.words[:2] == ("--home", HOME)


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
    (called,) = commands_on(line)
    assert what_does_not_exist(called) == ""
    assert called.words == ("--home", HOME, command)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for name in UNITS:
        # systemd requires that the program is there
        unit = text(name).replace("/opt/nightdesk/.venv/bin/nightdesk", "/bin/true")
        (tmp_path / name).write_text(unit, encoding="utf8")
    units = sorted(map(str, tmp_path.iterdir()))
    result = subprocess.run(
        ["systemd-analyze", "verify", *units],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    complaints = []
    for line in result.stderr.splitlines():
        if str(tmp_path) in line or "nightdesk" in line:
            complaints.append(line)
    assert complaints == []
    assert result.returncode == 0


@pytest.mark.parametrize("unit", ["nightdesk-schedule.service", "nightdesk-worker.service"])
def test_a_service_reports_its_state_to_the_watchdog_of_systemd(unit: str) -> None:
    lines = text(unit).splitlines()
    assert {"Type=notify", "NotifyAccess=main", "Restart=on-failure"} <= set(lines)
    (seconds,) = [int(line.partition("=")[2]) for line in lines if line.startswith("WatchdogSec=")]
    assert seconds >= 60, "many sites take a while"


def test_the_image_copies_files_that_exist() -> None:
    names: list[str] = []
    for arguments in re.findall(r"^COPY (?!--from)(.*)$", text("Dockerfile"), re.M):
        names += arguments.split()[:-1]
    assert [name for name in names if not (ROOT / name).exists()] == []
    not_ignored = re.findall(r"^!(.*)$", text("Dockerfile.dockerignore"), re.M)
    assert sorted(not_ignored) == sorted(names)
    program, *words = instruction("ENTRYPOINT")
    assert (program, words) == ("nightdesk", [])
    assert f"NIGHTDESK_HOME={HOME}" in text("Dockerfile")
    assert re.search(r"^USER 10001:10001$", text("Dockerfile"), re.M)
    (health,) = re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", text("Dockerfile"), re.M)
    assert what_does_not_exist(ShownCommand(tuple(json.loads(health)[1:]))) == ""
    assert what_does_not_exist(ShownCommand((*words, *instruction("CMD")))) == ""


def test_the_services_of_compose_call_commands_and_name_settings() -> None:
    compose = read_yaml("compose.yaml")
    services = [value for value in compose["services"].values() if value["image"] == "nightdesk"]
    assert {service["command"][0] for service in services} == {"schedule", "serve"}
    for service in services:
        assert what_does_not_exist(ShownCommand(tuple(service["command"]))) == ""
        names = {name.removeprefix(ENV_PREFIX).lower() for name in service["environment"]}
        assert names == {"database_url", "contact"}
        assert names <= set(Settings.model_fields)
        build = service["build"]
        dockerfile = DEPLOY / build["context"] / build["dockerfile"]
        assert dockerfile.resolve() == DEPLOY / "Dockerfile"
        for volume in service["volumes"]:
            folder = volume.split(":")[0]
            assert (DEPLOY / folder).exists() or folder in compose["volumes"]


def test_the_commands_in_the_comments_of_compose_exist() -> None:
    for line in re.findall(r"^#   (docker .*)$", text("compose.yaml"), re.M):
        for command in commands_on(line.partition(" exec schedule ")[2]):
            assert what_does_not_exist(command) == ""


def test_compose_has_workers_and_a_schedule_that_enqueues_for_them() -> None:
    services = read_yaml("compose.cluster.yaml")["services"]
    single_machine = read_yaml("compose.yaml")["services"]["schedule"]
    assert services["schedule"]["command"] == ["schedule", "--enqueue"]
    for key in (
        "build",
        "image",
        "depends_on",
        "environment",
        "read_only",
        "cap_drop",
        "security_opt",
        "volumes",
    ):
        assert services["worker"][key] == single_machine[key]
    for service in services.values():
        assert what_does_not_exist(ShownCommand(tuple(service["command"]))) == ""
    assert "[alerts,cluster]" in text("Dockerfile")


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


def test_the_workflow_calls_commands_and_always_saves_the_archive() -> None:
    workflow = read_yaml("github-actions.yml")
    (event,) = workflow[True]["schedule"]  # YAML reads `on` as a truth value
    times = CronSchedule(event["cron"], "UTC").times_after(datetime.now(UTC))
    assert next(times)
    steps = workflow["jobs"]["night"]["steps"]
    commands: list[ShownCommand] = []
    for step in steps:
        for line in step.get("run", "").splitlines():
            commands += commands_on(line)
    assert [command.command for command in commands] == ["crawl", "status"]
    assert [what_does_not_exist(command) for command in commands] == ["", ""]
    saving = [step for step in steps if saves_files(step)]
    assert [step["if"] for step in saving] == ["always()", "always()"]
    assert {step["with"]["path"] for step in saving} == {"var"}
    assert Settings().database_url.endswith("/var/nightdesk.db")
    for step in steps:
        for name in step.get("env", {}):
            if name.startswith(ENV_PREFIX):
                assert name.removeprefix(ENV_PREFIX).lower() in Settings.model_fields


def saves_files(step: dict[str, Any]) -> bool:
    action = step.get("uses", "")
    return "cache/save" in action or "upload-artifact" in action


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_the_scripts_of_the_workflow_are_valid() -> None:
    for step in read_yaml("github-actions.yml")["jobs"]["night"]["steps"]:
        if "run" in step:
            script = re.sub(r"\$\{\{.*?\}\}", "x", step["run"])
            subprocess.run(["bash", "-n", "-c", script], check=True)
