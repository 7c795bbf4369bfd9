"""Turns: what was taken first comes first, whatever finishes first."""

import asyncio

from webhookcore_router.turns import Turns


async def test_turns_come_up_in_the_order_in_which_they_were_taken() -> None:
    """The last one is ready first and still acts last."""
    turns, acted = Turns(), list[int]()
    taken = [turns.take() for _ in range(3)]

    async def act(number: int) -> None:
        await taken[number]
        acted.append(number)
        turns.end(taken[number])

    tasks = [asyncio.create_task(act(number)) for number in (2, 1)]
    await asyncio.sleep(0)
    assert acted == []
    await act(0)
    await asyncio.gather(*tasks)
    assert acted == [0, 1, 2]


async def test_a_turn_given_up_lets_the_next_one_go() -> None:
    """A holder that failed before its turn came blocks nobody."""
    turns = Turns()
    first, second, third = turns.take(), turns.take(), turns.take()
    turns.end(second)
    assert not third.done()
    turns.end(first)
    await third
    turns.end(third)
    await turns.take()
