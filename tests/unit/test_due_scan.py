"""How a run goes through what is due: order, lanes, and that nothing is hidden for good."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from webhookcore.store.due_scan import SHORT_PASSES, START, DueRow, DueScan, Position, look_size

T0 = datetime(2025, 11, 24, tzinfo=UTC)


def row(number: int, sender: str = "", *, occupied: bool = False) -> DueRow:
    """The `number`th oldest."""
    at = T0 + timedelta(seconds=number)
    return DueRow(Position(at, at, UUID(int=number + 1)), sender, "rides", occupied)


def numbers(rows: list[DueRow]) -> list[int]:
    return [one.position.id.int - 1 for one in rows]


@dataclass
class Queue:
    """Due rows by number, oldest first, as the database hands them out; `occupied` lanes change under a scan's feet."""

    senders: dict[int, str]
    occupied: set[str] = field(default_factory=set)
    looked_at: int = 0

    def claim(self, scan: DueScan, batch: int, held_off: frozenset[UUID] = frozenset()) -> list[int]:
        """One claim: looks until the batch is full or the pass ends; what is taken leaves the queue."""
        taken: list[int] = []
        lanes: set[tuple[str, str]] = set()
        passes, looks = scan.passes, 0
        while len(taken) < batch and scan.passes == passes and looks < 4:
            asked = look_size(batch, looks)
            later = (number for number in self.senders if number >= scan.after.id.int)
            found = [
                row(number, self.senders[number], occupied=self.senders[number] in self.occupied)
                for number in islice(later, asked)
            ]
            self.looked_at += len(found)
            chosen = scan.choose(found, room=batch - len(taken), asked=asked, held_off=held_off, lanes=lanes)
            taken += numbers(chosen)
            looks += 1
        for number in taken:
            del self.senders[number]
        return taken


def drain(queue: Queue, batch: int, settle: Callable[[list[int], dict[int, str]], None]) -> list[int]:
    """Claims until nothing is left that could become free; `settle` frees lanes."""
    scan, order = DueScan(), []
    for _ in range(10_000):
        senders = dict(queue.senders)
        taken = queue.claim(scan, batch)
        queue.occupied |= {senders[number] for number in taken if senders[number]}
        order += taken
        settle(taken, senders)
        if scan.exhausted and not scan.blocked:
            return order
    raise AssertionError("the scan never ended")


def test_oldest_first_one_of_a_lane() -> None:
    """Of two rows of a lane the younger one waits; rows without a sender are lanes of their own."""
    rows = [row(0, "a"), row(1, "b"), row(2, "a"), row(3), row(4)]
    scan = DueScan()
    chosen = scan.choose(rows, room=10, asked=100, held_off=(), lanes=set())
    assert numbers(chosen) == [0, 1, 3, 4]
    assert scan.after == row(1).position
    assert not scan.exhausted


def test_a_full_batch_ends_the_look_where_it_is() -> None:
    """What was not looked at comes with the next look."""
    scan = DueScan()
    chosen = scan.choose([row(0), row(1), row(2)], room=2, asked=3, held_off=(), lanes=set())
    assert numbers(chosen) == [0, 1]
    assert scan.after == row(1).position
    assert scan.passes == 0


def test_a_younger_row_never_overtakes_an_older_one_of_its_lane() -> None:
    """The lane became free between two looks of one pass: its older row was passed over, so the younger one is too."""
    scan = DueScan()
    assert scan.choose([row(0, "a", occupied=True)], room=5, asked=1, held_off=(), lanes=set()) == []
    assert scan.choose([row(1, "a")], room=5, asked=1, held_off=(), lanes=set()) == []
    assert scan.choose([], room=5, asked=1, held_off=(), lanes=set()) == []
    assert scan.exhausted
    assert scan.blocked
    assert scan.after == START, "the next pass starts before the row that was passed over"
    assert numbers(scan.choose([row(0, "a"), row(1, "a")], room=5, asked=2, held_off=(), lanes=set())) == [0]


def test_what_is_held_off_is_passed_over_with_its_lane() -> None:
    """A row that did not reach the router waits, and its lane's order with it."""
    scan = DueScan()
    held = {row(0).position.id}
    assert scan.choose([row(0, "a"), row(1, "a")], room=5, asked=5, held_off=held, lanes=set()) == []
    assert (scan.exhausted, scan.blocked) == (True, True)


def test_an_empty_queue_is_exhausted_at_once() -> None:
    """Nothing due, nothing blocked."""
    scan = DueScan()
    assert scan.choose([], room=5, asked=100, held_off=(), lanes=set()) == []
    assert (scan.exhausted, scan.blocked) == (True, False)


def test_a_lane_that_stays_occupied_hides_nobody() -> None:
    """10,000 rows of one lane lie in front; whoever comes behind them is found, and more than once."""
    queue = Queue(dict.fromkeys(range(10_000), "stuck") | {10_000: "other"}, occupied={"stuck"})
    scan = DueScan()
    claims = 0
    while not queue.claim(scan, 50):
        claims += 1
        assert claims < 10
    queue.senders[10_001] = "late"
    for _ in range(SHORT_PASSES + 10):
        if queue.claim(scan, 50):
            return
    raise AssertionError("the second row was never found")


def test_few_lanes_are_served_without_reading_the_whole_queue_each_time() -> None:
    """40 lanes, 10,000 rows in turn: the scan comes back to a lane as soon as it is free."""
    queue = Queue({number: f"s{number % 40}" for number in range(10_000)})
    order = drain(queue, 50, lambda taken, senders: queue.occupied.difference_update(senders[one] for one in taken))
    assert len(order) == 10_000
    assert queue.looked_at < 10_000 * 60


@given(st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=300), st.integers(1, 60))
def test_each_row_is_taken_once_in_the_order_of_its_lane(senders: list[str], batch: int) -> None:
    """Whatever the lanes and the batch; lanes become free one claim later."""
    queue = Queue(dict(enumerate(senders)))
    last: set[str] = set()

    def settle(taken: list[int], known: dict[int, str]) -> None:
        nonlocal last
        queue.occupied -= last
        last = {known[one] for one in taken}

    order = drain(queue, batch, settle)
    assert sorted(order) == list(range(len(senders)))
    for lane in "abc":
        mine = [number for number in order if senders[number] == lane]
        assert mine == sorted(mine)


def test_looks_grow_and_are_bounded() -> None:
    """A claim that finds little looks at more at a time, and never at everything."""
    assert [look_size(50, looks) for looks in range(4)] == [50, 200, 800, 1000]
    assert look_size(1000, 0) == 1000
    assert look_size(1, 0) == 50
