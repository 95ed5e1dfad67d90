"""Who gets a place for a child process, and when."""

from __future__ import annotations

import asyncio

from pipeline.jobs.slots import WAITING, ChildSlots

QUIET = 0.15


def test_a_child_that_says_nothing_holds_up_nobody_and_one_that_speaks_keeps_its_place() -> None:
    async def night() -> list[str]:
        slots, order = ChildSlots(1, QUIET), list[str]()

        async def silent() -> None:
            async with slots.acquire():
                order.append("silent begins")
                await asyncio.sleep(10 * QUIET)
            order.append("silent ends")

        async def talking() -> None:
            async with slots.acquire() as heard:
                order.append("talking begins")
                for _ in range(6):
                    heard()
                    await asyncio.sleep(QUIET / 3)
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


def test_all_children_together_are_bounded_however_many_are_silent() -> None:
    async def night() -> int:
        slots, inside, most = ChildSlots(2, 0.001), 0, 0

        async def silent() -> None:
            nonlocal inside, most
            async with slots.acquire():
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.03)
                inside -= 1

        await asyncio.gather(*(silent() for _ in range(20)))
        return most

    assert asyncio.run(night()) == 2 * (1 + WAITING)
