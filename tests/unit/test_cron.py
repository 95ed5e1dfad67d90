"""Cron lines have the meaning of crontab(5), or are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from pipeline.config.cron import CronSchedule, cron_trigger

MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=ZoneInfo("UTC"))


def fire_times(
    line: str, count: int = 1, zone: str = "UTC", start: datetime = MONDAY
) -> list[datetime]:
    times: list[datetime] = []
    trigger = cron_trigger(line, zone)
    for _ in range(count):
        time = trigger.get_next_fire_time(None, start)
        assert time is not None
        times.append(time)
        start = time.astimezone(UTC) + timedelta(seconds=1)  # in UTC, where no hour comes twice
    return times


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("30 2 * * *", "2026-03-03 02:30"),
        ("*/15 * * * *", "2026-03-02 12:00"),
        ("0 4,16 * * *", "2026-03-02 16:00"),
        ("0 0 1 * *", "2026-04-01 00:00"),
        ("0 0 * 12 *", "2026-12-01 00:00"),
        ("0 3 * * 0", "2026-03-08 03:00"),
        ("0 3 * * 7", "2026-03-08 03:00"),
        ("0 3 * * sun", "2026-03-08 03:00"),
        ("0 3 * * 1", "2026-03-09 03:00"),
        ("0 3 * * 1-5", "2026-03-03 03:00"),
        ("0 3 * * MON-FRI", "2026-03-03 03:00"),
        ("0 3 * * 5-7", "2026-03-06 03:00"),
        ("0 3 * * */2", "2026-03-03 03:00"),
        ("0 3 * * 6,0", "2026-03-07 03:00"),
    ],
)
def test_a_line_has_the_meaning_of_crontab(line: str, at: str) -> None:
    assert f"{fire_times(line)[0]:%Y-%m-%d %H:%M}" == at


def test_weekdays_count_from_sunday() -> None:
    assert [f"{at:%a}" for at in fire_times("0 3 * * 1-5", 6)] == [
        "Tue",
        "Wed",
        "Thu",
        "Fri",
        "Mon",
        "Tue",
    ]
    assert [f"{at:%a}" for at in fire_times("0 3 * * */2", 5)] == [
        "Tue",
        "Thu",
        "Sat",
        "Sun",
        "Tue",
    ]


def test_a_line_is_read_in_the_zone_of_its_site() -> None:
    (at,) = fire_times("30 2 * * *", zone="Asia/Dushanbe")
    assert at.utcoffset() == timedelta(hours=5)
    assert f"{at:%H:%M}" == "02:30"


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]
)
@pytest.mark.parametrize("line", ["30 2 * * *", "15 1 * * *", "0 0 * * *"])
def test_each_day_has_one_night_even_when_the_clock_changes(line: str, zone: str) -> None:
    start = datetime(2026, 1, 1, 23, tzinfo=ZoneInfo(zone))
    nights = list(islice(CronSchedule(line, zone).times_after(start), 365))
    assert nights == sorted(nights)
    days = [at.astimezone(ZoneInfo(zone)).date() for at in nights]
    assert days == [start.date() + timedelta(days=n) for n in range(1, 366)]


def test_a_line_without_any_possible_day_names_no_night() -> None:
    assert list(CronSchedule("0 0 31 2 *", "UTC").times_after(MONDAY)) == []


@pytest.mark.parametrize(
    "line",
    [
        "",
        "30 2 * *",
        "30 2 * * * *",
        "60 2 * * *",
        "30 24 * * *",
        "x 2 * * *",
        "30 2 * * 8",
        "30 2 * * fri-mon",
        "30 2 * * mo",
        "30 2 1 * 1",
        "30 2 32 * *",
        "@daily",
        "30 2 * * 1-",
        "30 2 * * /0",
        "30 2 * * */0",
    ],
)
def test_a_wrong_cron_line_is_refused_with_a_sentence(line: str) -> None:
    with pytest.raises(ValueError, match=r".{10}") as caught:
        cron_trigger(line, "UTC")
    assert "\n" not in str(caught.value)
