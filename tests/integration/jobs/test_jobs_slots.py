"""Which child process gets a slot, and when."""

from __future__ import annotations

import asyncio

from pipeline.jobs.slots import WAITING_PER_ACTIVE, ChildSlots

QUIET_SECONDS = 0.15


def test_a_silent_child_gives_its_slot_to_the_next_one_and_a_talking_child_keeps_it() -> None:
    async def night() -> list[str]:
        slots, order = ChildSlots(1, QUIET_SECONDS), list[str]()

        async def silent() -> None:
            async with slots.acquire():
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


def test_the_number_of_all_children_is_limited_even_if_all_are_silent() -> None:
    async def night() -> int:
        slots, running, most = ChildSlots(2, 0.001), 0, 0

        async def silent() -> None:
            nonlocal running, most
            async with slots.acquire():
                running += 1
                most = max(most, running)
                await asyncio.sleep(0.03)
                running -= 1

        await asyncio.gather(*(silent() for _ in range(20)))
        return most

    assert asyncio.run(night()) == 2 * (1 + WAITING_PER_ACTIVE)
