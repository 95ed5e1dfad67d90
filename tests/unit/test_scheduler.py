"""The scheduler: two years of nights under a simulated clock, and its messages to systemd."""

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
from pipeline.scheduler.planning import GRACE, PastRun, ScheduledRun, last_completed, start_delay
from pipeline.scheduler.sd_notify import SystemdNotifier
from pipeline.scheduler.service import SiteSchedule
from tests.support.cli import ROOT, clean_environment, command_line

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
    """The clock that APScheduler and the test see."""

    now = START

    class FakeDatetime(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Self:
            return Clock.now.astimezone(tz)  # type: ignore[return-value]


class SteppedScheduler(BaseScheduler):  # type: ignore[misc]
    """APScheduler without a thread of its own."""

    def wakeup(self) -> None: ...

    def shutdown(self, wait: bool = True) -> None: ...

    def step(self) -> None:
        self._process_jobs()


class World:
    """Sites, an archive of their crawls, and a scheduler that may be killed and started again."""

    def __init__(self, all_sites: list[Site], spread: float = 0.0) -> None:
        self.sites = all_sites
        self.spread = spread
        self.archive: dict[str, list[PastRun]] = {}
        self.nights: list[tuple[str, ScheduledRun, datetime]] = []
        self.said: list[str] = []
        self.dies_in_next_night = False
        self.start()

    def start(self) -> None:
        scheduler = SteppedScheduler(timezone="UTC", executors={"default": DebugExecutor()})
        scheduler.start()
        self.scheduler = scheduler
        self.plan = SiteSchedule(scheduler, self.run, self.said.append, self.spread)
        self.plan.update(self.sites, Clock.now, past_runs=self.archive)

    def run(self, site: Site, night: ScheduledRun) -> None:
        status = "interrupted" if self.dies_in_next_night else "finished"
        self.archive.setdefault(site.id, []).append(PastRun(Clock.now, status))
        del self.archive[site.id][:-5]
        if not self.dies_in_next_night:
            self.nights.append((site.id, night, Clock.now))

    def step(self) -> None:
        self.plan.update(self.sites, Clock.now)
        self.scheduler.step()


@contextmanager
def simulated_clock(to: datetime = START) -> Iterator[None]:
    Clock.now = to
    with (
        patch("apscheduler.schedulers.base.datetime", Clock.FakeDatetime),
        patch("apscheduler.executors.base.datetime", Clock.FakeDatetime),
    ):
        yield


def site(name: str, cron: str, zone: str) -> Site:
    return sites.parse_site(
        name,
        'name = "N"\nurl = "https://n.example/"\nfeeds = ["https://n.example/f"]\n'
        f'cron = "{cron}"\ntimezone = "{zone}"',
        name,
    )


def all_sites() -> list[Site]:
    return [site(f"s{n}", *night) for n, night in enumerate(NIGHTS)]


def expected(each: Site, start: datetime, end: datetime) -> list[str]:
    """Return the days whose night lies between two times, from the calendar of the time zone."""
    zone, (minute, hour) = ZoneInfo(each.timezone), map(int, each.cron.split()[:2])
    days, day = [], start.astimezone(zone).date()
    while day <= end.astimezone(zone).date():
        at = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
        if start < at.astimezone(UTC) <= end and (each.cron.endswith("*") or day.isoweekday() <= 5):
            days.append(f"{day}")
        day += timedelta(days=1)
    return days


def test_each_night_of_two_years_runs_once_whatever_the_clock_and_the_process_do() -> None:
    chance = random.Random(6)
    with simulated_clock():
        world = World(all_sites(), spread=20)
        end = START + timedelta(days=DAYS)
        back_until = START  # what the clock showed before it went back
        while Clock.now < end:
            event = chance.random()
            Clock.now += timedelta(minutes=chance.uniform(20, 200))
            if event < 0.01:  # the machine sleeps or the clock goes forward
                Clock.now += timedelta(hours=chance.uniform(0, 2.2))
            elif event < 0.02 and Clock.now > back_until:  # the clock goes back
                back_until = Clock.now
                Clock.now -= timedelta(hours=chance.uniform(0, 3))
            elif event < 0.04:  # the scheduler is stopped and started again
                Clock.now += timedelta(hours=chance.uniform(0, 2.2))
                world.start()
            elif event < 0.05:  # killed during a night, if there is one
                world.dies_in_next_night = True
                world.step()
                world.dies_in_next_night = False
                Clock.now += timedelta(minutes=chance.uniform(1, 60))
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


def test_a_skipped_hour_runs_when_the_clock_goes_forward_and_a_repeated_hour_runs_once() -> None:
    clock_sites = [
        site("gap", "30 2 * * *", "Europe/Berlin"),
        site("half", "15 2 * * *", "Australia/Lord_Howe"),
    ]
    timezones = {each.id: each.timezone for each in clock_sites}
    for begin, gap, half in (
        ("2026-03-28", "2026-03-29 03:00", None),
        ("2026-10-03", None, "2026-10-04 02:30"),
        ("2026-10-24", "2026-10-25 02:30", None),
    ):
        with simulated_clock(datetime.fromisoformat(f"{begin} 13:30+00:00")):
            world = World(clock_sites)
            for _ in range(10 * 60):
                Clock.now += 2 * MINUTE
                world.step()
        at = {
            name: started_at.astimezone(ZoneInfo(timezones[name]))
            for name, _, started_at in world.nights
        }
        assert gap is None or f"{at['gap']:%Y-%m-%d %H:%M}" == gap
        assert gap is None or at["gap"].utcoffset() == 2 * HOUR, "of two the first, in summer time"
        assert half is None or f"{at['half']:%Y-%m-%d %H:%M}" == half


def test_a_night_that_is_too_late_is_reported_and_skipped() -> None:
    with simulated_clock(datetime(2026, 5, 4, 12, tzinfo=UTC)):
        world = World([site("a", "30 2 * * *", "UTC")])
        world.archive["a"] = [PastRun(datetime(2026, 5, 4, 2, 30, 5, tzinfo=UTC), "finished")]
        for away, line in (
            (
                timedelta(hours=20, minutes=45),
                "the night of 2026-05-05 02:30 was missed by more than 6 hours",
            ),
            (
                timedelta(days=3),
                "3 nights, from 2026-05-06 02:30 to 2026-05-08 02:30, were missed by more than",
            ),
        ):
            Clock.now += away
            for again in (world.start, world.step):
                again()
            assert world.nights == []
            assert any(line in said for said in world.said), world.said
            world.archive["a"] = [PastRun(Clock.now, "finished")]


def test_a_completed_night_is_not_repeated_and_an_interrupted_one_goes_on_but_not_for_ever() -> (
    None
):
    now = datetime(2026, 5, 4, 4, tzinfo=UTC)
    whole = PastRun(now - 24 * HOUR, "finished")
    broken = [PastRun(now - n * MINUTE, "interrupted") for n in (90, 60, 30)]
    assert last_completed([], now) is None
    assert last_completed([whole], now) == whole.started_at
    assert last_completed([whole, broken[0]], now) == whole.started_at, "its night starts again"
    assert last_completed([whole, *broken], now) == broken[-1].started_at
    assert last_completed([whole, broken[0]], now + GRACE) == broken[0].started_at
    assert (
        last_completed([whole, PastRun(now + timedelta(days=90), "finished")], now)
        == whole.started_at
    ), "the clock was wrong"
    assert last_completed([broken[0]], now) == broken[0].started_at - GRACE


def test_a_night_that_another_command_has_run_is_skipped_and_none_starts_after_the_end(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    planned = datetime.now(UTC) - 5 * MINUTE
    night, begun = ScheduledRun(planned, planned), {"a": [PastRun(planned + MINUTE, "finished")]}
    nights = ChildRuns(Settings(home=tmp_path), lambda _: begun, said.append)
    nights.run(site("a", "30 2 * * *", "UTC"), night)
    assert said == [
        f"a: crawled at {planned + MINUTE:%H:%M} by another command, so the night is skipped"
    ]
    assert nights.status() == "nothing is running"
    nights.stop()
    begun.clear()
    nights.run(site("a", "30 2 * * *", "UTC"), night)
    assert len(said) == 1


def test_each_site_has_its_own_delay_that_never_changes() -> None:
    delays = {start_delay(f"site-{n}", 20) for n in range(50)}
    assert len(delays) > 40
    assert min(delays) >= timedelta()
    assert max(delays) < 20 * MINUTE
    assert start_delay("site-1", 20) == start_delay("site-1", 20)
    assert start_delay("site-1", 0) == timedelta()


@pytest.mark.parametrize("is_abstract", [False, True])
def test_systemd_gets_the_status_and_signs_of_life(tmp_path: Path, is_abstract: bool) -> None:
    name = f"nightdesk-{tmp_path.name}-{random.random()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}" if is_abstract else str(tmp_path / "notify"))
        listening.settimeout(5)
        address = f"@{name}" if is_abstract else str(tmp_path / "notify")
        notifier = SystemdNotifier(
            {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 7
        )
        assert notifier.watchdog == 30
        (
            notifier.ready(),
            notifier.alive(),
            notifier.status("at work: a\nnext is b"),
            notifier.status("at work: a\nnext is b"),
            notifier.stopping(),
        )
        messages = [listening.recv(500).decode() for _ in range(4)]
    assert messages == ["READY=1", "WATCHDOG=1", "STATUS=at work: a next is b", "STOPPING=1"]
    notifier.status("nobody listens any more, and this has no effect")
    assert (
        SystemdNotifier(
            {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1", "WATCHDOG_PID": "8"}, 7
        ).watchdog
        == 0
    )
    assert SystemdNotifier({}, 7).watchdog == 0


def test_the_command_reports_that_it_is_ready_and_stops_in_order(
    home: Path, tmp_path: Path
) -> None:
    text = (
        'name = "A"\nurl = "https://a.example/"\nfeeds = ["https://a.example/f"]\n'
        'timezone = "Asia/Dushanbe"\n'
    )
    (home / "config" / "sites" / "a.toml").write_text(text, encoding="utf8")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(60)
        variables = clean_environment(
            NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="3000000"
        )
        with subprocess.Popen(
            command_line(home, "schedule"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env=variables,
        ) as child:
            messages = [listening.recv(500).decode() for _ in range(4)]
            child.send_signal(signal.SIGTERM)
            said = child.communicate(timeout=60)[0].splitlines()
            while (message := listening.recv(500).decode()) != "STOPPING=1":
                assert message == "WATCHDOG=1"
    assert (messages[0], messages[2], messages[3]) == ("READY=1", "WATCHDOG=1", "WATCHDOG=1")
    assert messages[1].startswith("STATUS=nothing is running; next is a at 20")
    assert messages[1].endswith(" 02:30 +05")
    assert said[0].startswith("a: '30 2 * * *' Asia/Dushanbe, next at 20")
    assert said[-1] == "stopping: nights that are running stop in order"
    assert child.returncode == 0
