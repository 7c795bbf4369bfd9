"""One route's window: its lanes in memory, in order inside a lane, independent between lanes. No IO."""

import asyncio
from collections import Counter, deque
from collections.abc import Hashable

from webhookcore.store.rows import Row

LaneKey = Hashable
_REFILL_SHARE = 4


class Lanes:
    """Rows that this router holds for one route, and how many deliveries of it may run at once.

    `take` hands out the next row of a lane that has no delivery running; `done` frees the lane for its next row.
    """

    def __init__(self, *, concurrency: int, window_rows: int, window_bytes: int) -> None:
        self.running = 0
        self.generation = 0
        """Counts the times that waiting rows were given back: what was planned before may find its lane gone."""
        self._concurrency = concurrency
        self._window_rows = window_rows
        self._window_bytes = window_bytes
        self._lanes: dict[LaneKey, deque[Row]] = {}
        self._ready: deque[LaneKey] = deque()
        """The lanes that have something and deliver nothing, each once."""
        self._busy: Counter[LaneKey] = Counter()
        """Deliveries under way, by lane. A redelivery whose route was decided anew can be a second one of its lane."""
        self._rows = 0
        self._bytes = 0
        self._slot_free = asyncio.Event()

    @property
    def rows(self) -> int:
        """Rows in memory, those being delivered included."""
        return self._rows + self.running

    @property
    def room(self) -> int:
        """How many more rows may be held."""
        if not self.room_bytes:
            return 0
        return max(0, self._window_rows - self.rows)

    @property
    def room_bytes(self) -> int:
        """How many more bytes of bodies may wait; the last row may reach beyond."""
        return max(0, self._window_bytes - self._bytes)

    @property
    def wants_refill(self) -> bool:
        """Whether a good part of the window is free."""
        return self.room * _REFILL_SHARE >= self._window_rows

    @property
    def has_slot(self) -> bool:
        """Whether another delivery may run."""
        return self.running < self._concurrency

    def add(self, row: Row) -> None:
        key: LaneKey = row.sender or row.id
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = deque()
            if key not in self._busy:
                self._ready.append(key)
        lane.append(row)
        self._rows += 1
        self._bytes += len(row.body)

    def take(self) -> Row | None:
        """The next row to deliver, or None: nothing is ready, or every slot is taken."""
        if not self._ready or not self.has_slot:
            return None
        key = self._ready.popleft()
        lane = self._lanes[key]
        row = lane.popleft()
        if not lane:
            del self._lanes[key]
        self._rows -= 1
        self._bytes -= len(row.body)
        self._begin(key)
        return row

    def begin(self, row: Row) -> None:
        """A delivery of `row` starts that never waited here; what waits in its lane waits for it."""
        key: LaneKey = row.sender or row.id
        if key in self._lanes and key not in self._busy:
            self._ready.remove(key)
        self._begin(key)

    def _begin(self, key: LaneKey) -> None:
        self._busy[key] += 1
        self.running += 1

    async def slot(self, seconds: float) -> bool:
        """Waits until another delivery may run; False when none ended in time."""
        try:
            async with asyncio.timeout(seconds):
                while not self.has_slot:
                    self._slot_free.clear()
                    await self._slot_free.wait()
        except TimeoutError:
            return False
        return True

    def done(self, row: Row) -> None:
        """The delivery of `row` ended, however it did."""
        key: LaneKey = row.sender or row.id
        self.running -= 1
        self._slot_free.set()
        self._busy[key] -= 1
        if self._busy[key]:
            return
        del self._busy[key]
        if key in self._lanes:
            self._ready.append(key)

    def give_back(self) -> list[Row]:
        """Forgets every row that waits (those being delivered go on) and returns them."""
        rows = [row for lane in self._lanes.values() for row in lane]
        self._lanes.clear()
        self._ready.clear()
        self._rows = self._bytes = 0
        self.generation += 1
        return rows
