"""The built-in schedule: two years of it under a clock that we turn, and what it says to systemd."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.base import BaseScheduler

from pipeline.config import site as sites
from pipeline.config.settings import Settings
from pipeline.config.site import Site
from pipeline.scheduler.child_runs import ChildRuns
from pipeline.scheduler.planning import GRACE, ScheduledRun, PastRun, start_delay, last_completed
from pipeline.scheduler.sd_notify import SystemdNotifier
from pipeline.scheduler.service import SiteSchedule
from tests.support.cli import ROOT, command_line, clean_environment

NIGHTS = (  # in the hour that is skipped in spring, and in the one that comes twice in autumn
    ("30 2 * * *", "Europe/Berlin"),
    ("30 2 * * *", "America/New_York"),
    ("30 1 * * *", "America/New_York"),
    ("15 2 * * *", "Australia/Lord_Howe"),
    ("45 1 * * *", "Australia/Lord_Howe"),
    ("0 22 * * 1-5", "Asia/Dushanbe"),
)
START, DAYS = datetime(2026, 1, 1, 12, tzinfo=UTC), 730
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


class Clock:
    """The clock on the wall, as APScheduler and we see it."""

    now = START

    class Faked(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Self:
            return Clock.now.astimezone(tz)  # type: ignore[return-value]


class Stepped(BaseScheduler):  # type: ignore[misc]
    """APScheduler without a thread of its own."""

    def wakeup(self) -> None: ...

    def shutdown(self, wait: bool = True) -> None: ...

    def step(self) -> None:
        self._process_jobs()


class World:
    """Sites, an archive that remembers what was crawled, and a process that plans, which may be killed and started."""

    def __init__(self, found: list[Site], spread: float = 0.0) -> None:
        self.sites = found
        self.spread = spread
        self.archive: dict[str, list[PastRun]] = {}
        self.nights: list[tuple[str, ScheduledRun, datetime]] = []
        self.said: list[str] = []
        self.dies_in_the_next = False
        self.start()

    def start(self) -> None:
        scheduler = Stepped(timezone="UTC", executors={"default": DebugExecutor()})
        scheduler.start()
        self.scheduler = scheduler
        self.plan = SiteSchedule(scheduler, self.run, self.said.append, self.spread)
        self.plan.update(self.sites, Clock.now, begun=self.archive)

    def run(self, site: Site, night: ScheduledRun) -> None:
        status = "interrupted" if self.dies_in_the_next else "finished"
        self.archive.setdefault(site.id, []).append(PastRun(Clock.now, status))
        del self.archive[site.id][:-5]
        if not self.dies_in_the_next:
            self.nights.append((site.id, night, Clock.now))

    def step(self) -> None:
        self.plan.update(self.sites, Clock.now)
        self.scheduler.step()


@contextmanager
def turned(to: datetime = START) -> Iterator[None]:
    Clock.now = to
    with (
        patch("apscheduler.schedulers.base.datetime", Clock.Faked),
        patch("apscheduler.executors.base.datetime", Clock.Faked),
    ):
        yield


def site(name: str, cron: str, zone: str) -> Site:
    return sites.parse_site(
        name,
        f'name = "N"\nurl = "https://n.example/"\nfeeds = ["https://n.example/f"]\ncron = "{cron}"\ntimezone = "{zone}"',
        name,
    )


def all_sites() -> list[Site]:
    return [site(f"s{n}", *night) for n, night in enumerate(NIGHTS)]


def expected(each: Site, start: datetime, end: datetime) -> list[str]:
    """The days of a zone whose night lies between two moments, by walking over its calendar."""
    zone, (minute, hour) = ZoneInfo(each.timezone), map(int, each.cron.split()[:2])
    days, day = [], start.astimezone(zone).date()
    while day <= end.astimezone(zone).date():
        at = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
        if start < at.astimezone(UTC) <= end and (each.cron.endswith("*") or day.isoweekday() <= 5):
            days.append(f"{day}")
        day += timedelta(days=1)
    return days


def test_each_night_of_two_years_is_run_once_whatever_the_clock_and_the_process_do() -> None:
    lots = random.Random(6)
    with turned():
        world = World(all_sites(), spread=20)
        end = START + timedelta(days=DAYS)
        back_until = START  # where the clock stood before it was put back
        while Clock.now < end:
            lot = lots.random()
            Clock.now += timedelta(minutes=lots.uniform(20, 200))
            if lot < 0.01:  # asleep or forward
                Clock.now += timedelta(hours=lots.uniform(0, 2.2))
            elif lot < 0.02 and Clock.now > back_until:  # put back
                back_until = Clock.now
                Clock.now -= timedelta(hours=lots.uniform(0, 3))
            elif lot < 0.04:  # away, and started again
                Clock.now += timedelta(hours=lots.uniform(0, 2.2))
                world.start()
            elif lot < 0.05:  # killed in the middle of a night, if there is one
                world.dies_in_the_next = True
                world.step()
                world.dies_in_the_next = False
                Clock.now += timedelta(minutes=lots.uniform(1, 60))
                world.start()
            world.step()
    for each in world.sites:
        days = Counter(
            f"{night.planned_at.astimezone(ZoneInfo(each.timezone)):%Y-%m-%d}"
            for name, night, _ in world.nights
            if name == each.id and night.planned_at <= end - GRACE
        )
        assert sorted(days) == expected(each, START, end - GRACE), each
        assert set(days.values()) == {1}, each
    assert not [line for line in world.said if "missed" in line]
    assert all(timedelta() <= at - night.start_at <= GRACE for _, night, at in world.nights)


def test_a_night_that_the_clock_skips_is_run_when_it_is_put_forward_and_one_that_comes_twice_the_first_time() -> (
    None
):
    found = [
        site("gap", "30 2 * * *", "Europe/Berlin"),
        site("half", "15 2 * * *", "Australia/Lord_Howe"),
    ]
    for begin, gap, half in (("2026-03-28", "2026-03-29 03:00", None), ("2026-10-03", None, "2026-10-04 02:30"),
                             ("2026-10-24", "2026-10-25 02:30", None)):  # fmt: skip
        with turned(datetime.fromisoformat(f"{begin} 13:30+00:00")):
            world = World(found)
            for _ in range(10 * 60):
                Clock.now += 2 * MINUTE
                world.step()
        at = {
            name: when.astimezone(ZoneInfo({s.id: s for s in found}[name].timezone))
            for name, _, when in world.nights
        }
        assert gap is None or f"{at['gap']:%Y-%m-%d %H:%M}" == gap
        assert gap is None or at["gap"].utcoffset() == 2 * HOUR, "of two the first, in summer time"
        assert half is None or f"{at['half']:%Y-%m-%d %H:%M}" == half


def test_a_night_missed_by_more_than_the_grace_is_said_and_left_out() -> None:
    with turned(datetime(2026, 5, 4, 12, tzinfo=UTC)):
        world = World([site("a", "30 2 * * *", "UTC")])
        world.archive["a"] = [PastRun(datetime(2026, 5, 4, 2, 30, 5, tzinfo=UTC), "finished")]
        for away, line in (
            (
                timedelta(hours=20, minutes=45),
                "the night of 2026-05-05 02:30 was missed by more than 6 hours",
            ),
            (
                timedelta(days=3),
                "3 nights, from 2026-05-06 02:30 to 2026-05-08 02:30, were missed by more than 6 hours",
            ),
        ):
            Clock.now += away
            for again in (world.start, world.step):
                again()
            assert world.nights == []
            assert any(line in said for said in world.said), world.said
            world.archive["a"] = [PastRun(Clock.now, "finished")]


def test_what_is_done_is_not_begun_again_and_what_broke_off_goes_on_but_not_for_ever() -> None:
    now = datetime(2026, 5, 4, 4, tzinfo=UTC)
    whole, broken = (
        PastRun(now - 24 * HOUR, "finished"),
        [PastRun(now - n * MINUTE, "interrupted") for n in (90, 60, 30)],
    )
    assert last_completed([], now) is None
    assert last_completed([whole], now) == whole.started_at
    assert last_completed([whole, broken[0]], now) == whole.started_at, "so that its night is begun again"
    assert last_completed([whole, *broken], now) == broken[-1].started_at
    assert last_completed([whole, broken[0]], now + GRACE) == broken[0].started_at
    assert last_completed([whole, PastRun(now + timedelta(days=90), "finished")], now) == whole.started_at, (
        "the clock was wrong"
    )
    assert last_completed([broken[0]], now) == broken[0].started_at - GRACE


def test_a_night_that_somebody_else_has_run_is_left_out_and_none_is_begun_after_the_end(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    planned = datetime.now(UTC) - 5 * MINUTE
    night, begun = ScheduledRun(planned, planned), {"a": [PastRun(planned + MINUTE, "finished")]}
    nights = ChildRuns(Settings(home=tmp_path), lambda _: begun, said.append)
    nights.run(site("a", "30 2 * * *", "UTC"), night)
    assert said == [
        f"a: crawled at {planned + MINUTE:%H:%M} by another command, so the night is left out"
    ]
    assert nights.status() == "nothing at work"
    nights.stop()
    begun.clear()
    nights.run(site("a", "30 2 * * *", "UTC"), night)
    assert len(said) == 1


def test_the_delay_of_a_site_is_its_own_and_always_the_same() -> None:
    delays = {start_delay(f"site-{n}", 20) for n in range(50)}
    assert len(delays) > 40
    assert min(delays) >= timedelta()
    assert max(delays) < 20 * MINUTE
    assert start_delay("site-1", 20) == start_delay("site-1", 20)
    assert start_delay("site-1", 0) == timedelta()


@pytest.mark.parametrize("is_abstract", [False, True])
def test_systemd_is_told_and_its_watchdog_is_fed(tmp_path: Path, is_abstract: bool) -> None:
    name = f"nightdesk-{tmp_path.name}-{random.random()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}" if is_abstract else str(tmp_path / "notify"))
        listening.settimeout(5)
        address = f"@{name}" if is_abstract else str(tmp_path / "notify")
        told = SystemdNotifier(
            {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 7
        )
        assert told.watchdog == 30
        (
            told.ready(),
            told.alive(),
            told.status("at work: a\nnext is b"),
            told.status("at work: a\nnext is b"),
            told.stopping(),
        )
        words = [listening.recv(500).decode() for _ in range(4)]
    assert words == ["READY=1", "WATCHDOG=1", "STATUS=at work: a next is b", "STOPPING=1"]
    told.status("nobody listens any more, and nothing comes of it")
    assert (
        SystemdNotifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1", "WATCHDOG_PID": "8"}, 7).watchdog
        == 0
    )
    assert SystemdNotifier({}, 7).watchdog == 0


def test_the_command_says_that_it_is_ready_and_ends_in_order(home: Path, tmp_path: Path) -> None:
    text = 'name = "A"\nurl = "https://a.example/"\nfeeds = ["https://a.example/f"]\ntimezone = "Asia/Dushanbe"\n'
    (home / "config" / "sites" / "a.toml").write_text(text, encoding="utf8")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(60)
        variables = clean_environment(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="3000000")
        with subprocess.Popen(
            command_line(home, "schedule"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env=variables,
        ) as child:
            words = [listening.recv(500).decode() for _ in range(4)]
            child.send_signal(signal.SIGTERM)
            said = child.communicate(timeout=60)[0].splitlines()
            while (word := listening.recv(500).decode()) != "STOPPING=1":
                assert word == "WATCHDOG=1"
    assert (words[0], words[2], words[3]) == ("READY=1", "WATCHDOG=1", "WATCHDOG=1")
    assert words[1].startswith("STATUS=nothing at work; next is a at 20")
    assert words[1].endswith(" 02:30 +05")
    assert said[0].startswith("a: '30 2 * * *' Asia/Dushanbe, next at 20")
    assert said[-1] == "ending: what is at work stops in order"
    assert child.returncode == 0
