"""One route's window: order inside a lane, independence between lanes, bounds, and what is given back."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from webhookcore.store.rows import Row
from webhookcore_router.lanes import Lanes

NOW = datetime(2025, 11, 24, 19, 0, tzinfo=UTC)
ROW = Row(1, "a", "mobility", 1, NOW, None, "key", "keyword", None, "corr", "req", None, b"x" * 10)


def row(row_id: int, sender: str = "a", body: bytes = b"x" * 10) -> Row:
    return replace(ROW, id=row_id, sender=sender, body=body)


def lanes(concurrency: int = 10, window_rows: int = 100, window_bytes: int = 1000) -> Lanes:
    return Lanes(concurrency=concurrency, window_rows=window_rows, window_bytes=window_bytes)


def test_one_of_a_lane_at_a_time() -> None:
    """The second row of a lane is handed out when the first is done, and not before; another lane's at once."""
    window = lanes()
    first, second, other = row(1), row(2), row(3, "b")
    for each in (first, second, other):
        window.add(each)
    assert [window.take(), window.take(), window.take()] == [first, other, None]
    window.done(first)
    assert [window.take(), window.take()] == [second, None]


def test_rows_without_a_sender_are_lanes_of_their_own() -> None:
    """Nothing waits for another one without a sender."""
    window = lanes()
    window.add(row(1, ""))
    window.add(row(2, ""))
    assert [window.take(), window.take()] == [row(1, ""), row(2, "")]


def test_no_more_than_so_many_at_once() -> None:
    """Concurrency is a bound over all lanes of the route; a delivery that never waited here takes a slot too."""
    window = lanes(concurrency=2)
    for number, sender in enumerate("abc"):
        window.add(row(number, sender))
    window.begin(row(9, "z"))
    assert window.take() == row(0, "a")
    assert (window.take(), window.has_slot, window.running) == (None, False, 2)
    window.done(row(9, "z"))
    assert window.take() == row(1, "b")


def test_what_is_delivered_elsewhere_holds_its_lane() -> None:
    """While a probe or a redelivery of a lane runs, its next row waits."""
    window = lanes()
    window.begin(row(1))
    window.add(row(2))
    assert window.take() is None
    window.done(row(1))
    assert window.take() == row(2)


def test_room() -> None:
    """Rows in memory count, those being delivered too; past the bound on bytes there is no room at all."""
    window = lanes(window_rows=4, window_bytes=25)
    assert (window.rows, window.room) == (0, 4)
    window.add(row(1))
    window.add(row(2))
    assert (window.rows, window.room) == (2, 2)
    window.add(row(3))
    assert (window.rows, window.room) == (3, 0)
    window.take()
    assert (window.rows, window.room) == (3, 1)
    window.done(row(1))
    assert (window.rows, window.room) == (2, 2)


def test_a_window_is_refilled_when_that_is_worth_a_claim() -> None:
    """A quarter of it must be free."""
    window = lanes(window_rows=8)
    for number in range(7):
        window.add(row(number))
    assert not window.wants_refill
    window.done(window.take() or ROW)
    assert window.wants_refill


def test_what_waits_is_given_back() -> None:
    """In the order of each lane; what is being delivered stays, and keeps its lane for whoever comes again."""
    window = lanes()
    for number, sender in enumerate("aaba"):
        window.add(row(number, sender))
    assert window.take() == row(0)
    generation = window.generation
    assert sorted(window.give_back(), key=lambda each: each.id) == [row(1), row(2, "b"), row(3)]
    assert (window.rows, window.generation, window.take()) == (1, generation + 1, None)
    window.add(row(1))
    assert window.take() is None
    window.done(row(0))
    assert window.take() == row(1)


async def test_waiting_for_a_slot() -> None:
    """A slot that comes free in time is told of; one that does not is not waited for any longer."""
    window = lanes(concurrency=1)
    assert await window.slot(0)
    window.begin(ROW)
    assert not await window.slot(0.01)
    waiting = asyncio.create_task(window.slot(30))
    await asyncio.sleep(0)
    window.done(ROW)
    assert await waiting


@given(
    steps=st.lists(st.tuples(st.sampled_from(["add", "take", "done"]), st.sampled_from(["a", "b", ""])), max_size=60),
    concurrency=st.integers(1, 4),
)
def test_order_and_bounds_hold_whatever_happens(steps: list[tuple[str, str]], concurrency: int) -> None:
    """However rows come, go and end: each is handed out once, in its lane's order, one of a lane and so many of all at
    a time; and the count of rows and bytes ends at nothing.
    """
    window = lanes(concurrency=concurrency)
    running: list[Row] = []
    handed: list[Row] = []
    added = 0

    def take() -> None:
        taken = window.take()
        if taken is not None:
            assert taken.sender == "" or taken.sender not in [each.sender for each in running]
            running.append(taken)
            handed.append(taken)
        assert len(running) <= concurrency

    for step, sender in steps:
        if step == "add":
            added += 1
            window.add(row(added, sender))
        elif step == "take":
            take()
        elif running:
            window.done(running.pop(0))
        assert window.rows == added - len(handed) + len(running)
    while running or len(handed) < added:
        take()
        if running:
            window.done(running.pop(0))
    assert sorted(each.id for each in handed) == list(range(1, added + 1))
    for sender in "ab":
        mine = [each.id for each in handed if each.sender == sender]
        assert mine == sorted(mine)
    assert (window.rows, window.running, window.room) == (0, 0, 100)


def test_two_deliveries_of_one_lane_hold_it_until_both_are_done() -> None:
    """A redelivery whose route was decided anew runs beside what its lane delivers; the next row waits for both."""
    window = lanes()
    window.add(row(1))
    assert window.take() == row(1)
    window.begin(row(9))
    window.add(row(2))
    window.done(row(9))
    assert window.take() is None
    window.done(row(1))
    assert [window.take(), window.take()] == [row(2), None]


def test_what_waits_for_a_slot_waits_for_a_redelivery_too() -> None:
    """A lane that was ready is not while a redelivery of it runs, and is once after that."""
    window = lanes(concurrency=1)
    window.add(row(1, "b"))
    assert window.take() == row(1, "b")
    window.add(row(2))
    window.begin(row(9))
    window.done(row(1, "b"))
    assert window.take() is None
    window.done(row(9))
    assert [window.take(), window.take()] == [row(2), None]
