"""Which child process gets a slot, and when."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.jobs.crawlers import slots as slots_module
from pipeline.jobs.crawlers.slots import ChildSlots

QUIET_SECONDS = 0.15


def test_a_silent_child_gives_its_slot_to_the_next_one_and_a_talking_child_keeps_it() -> None:
    async def night() -> list[str]:
        slots, order = ChildSlots(1, QUIET_SECONDS), list[str]()

        async def silent() -> None:
            async with slots.acquire() as record_event:
                record_event()
                order.append("silent begins")
                await asyncio.sleep(10 * QUIET_SECONDS)
            order.append("silent ends")

        async def talking() -> None:
            async with slots.acquire() as record_event:
                order.append("talking begins")
                for _ in range(6):
                    record_event()
                    await asyncio.sleep(QUIET_SECONDS / 3)
            order.append("talking ends")

        async def last() -> None:
            async with slots.acquire():
                order.append("last begins")

        await asyncio.gather(silent(), talking(), last())
        return order

    assert asyncio.run(night()) == [
        "silent begins",
        "talking begins",
        "talking ends",
        "last begins",
        "silent ends",
    ]


def test_a_child_that_has_not_begun_yet_keeps_its_slot() -> None:
    async def night() -> list[str]:
        slots, order = ChildSlots(1, QUIET_SECONDS), list[str]()

        async def loading() -> None:
            async with slots.acquire() as record_event:
                await asyncio.sleep(4 * QUIET_SECONDS)
                order.append("first word")
                record_event()

        async def last() -> None:
            async with slots.acquire():
                order.append("last begins")

        await asyncio.gather(loading(), last())
        return order

    assert asyncio.run(night()) == ["first word", "last begins"]


@pytest.mark.parametrize(
    ("megabytes", "total"), [(None, 12), (100_000, 12), (900, 6), (600, 4), (100, 4)]
)
def test_fewer_children_wait_where_there_is_little_memory(
    megabytes: int | None, total: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots_module, "available_megabytes", lambda: megabytes)

    async def night() -> int:
        slots, running, most = ChildSlots(4, 0.001), 0, 0

        async def silent() -> None:
            nonlocal running, most
            async with slots.acquire() as record_event:
                record_event()
                running += 1
                most = max(most, running)
                await asyncio.sleep(0.05)
                running -= 1

        await asyncio.gather(*(silent() for _ in range(30)))
        return most

    assert asyncio.run(night()) == total
