"""The free memory is read from what Linux says of the machine and of the container."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core import memory


@pytest.mark.parametrize(
    ("meminfo", "limit", "used", "megabytes"),
    [
        ("MemTotal: 9 kB\nMemAvailable:  2048000 kB\n", "", "", 2000),
        ("MemAvailable: 2048000 kB\n", "max\n", "1048576\n", 2000),
        ("MemAvailable: 2048000 kB\n", "1073741824\n", "536870912\n", 512),
        ("MemAvailable: 2048000 kB\n", "1048576\n", "5368709120\n", 0),
        ("", "", "", None),
    ],
)
def test_the_smaller_of_machine_and_container_counts(
    meminfo: str,
    limit: str,
    used: str,
    megabytes: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, content in (("meminfo", meminfo), ("memory.max", limit), ("memory.current", used)):
        if content:
            (tmp_path / name).write_text(content, encoding="utf8")
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory.available_megabytes() == megabytes
