"""How a run goes through what is due: in order of age, each look from where the last one ended.

A lane's older row comes before its younger one. A row whose lane is occupied is passed over, and with it the rest of
its lane, until the scan starts again. Most passes are short: they start at the oldest row that was passed over and end
when a whole look finds nothing to take, so that lanes that have become free are served soon. Every few passes a full
one starts at the very beginning and goes to the end: a lane that stays occupied, however long its queue, never hides
the others, and what others gave back is found.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID


class Position(NamedTuple):
    """A row's place in the order."""

    due: datetime
    received: datetime
    id: UUID


START: Final = Position(datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC), UUID(int=0))


class DueRow(NamedTuple):
    """A due row as a look finds it."""

    position: Position
    sender: str
    route: str
    occupied: bool

    @property
    def lane(self) -> tuple[str, str]:
        return (self.sender, self.route) if self.sender else ("", str(self.position.id))


SHORT_PASSES: Final = 7
_LARGEST_LOOK: Final = 1000
_SMALLEST_LOOK: Final = 50


@dataclass(slots=True)
class DueScan:
    """Where a run stands in the queue."""

    after: Position = START
    """The next look starts after this row."""
    passes: int = 0
    """How many have ended; a look after the last of a pass starts the next."""
    exhausted: bool = False
    """The last full pass found nothing to take, and nothing was taken since."""
    blocked: bool = False
    """... though something was due: its lane is occupied, or it is held off."""
    _short_passes_left: int = 0
    _short: bool = False
    _taken: int = 0
    _oldest_passed: Position | None = None
    _passed_lanes: set[tuple[str, str]] = field(default_factory=set)

    def choose(
        self, rows: Sequence[DueRow], *, room: int, asked: int, held_off: Collection[UUID], lanes: set[tuple[str, str]]
    ) -> list[DueRow]:
        """The rows of a look (at most `asked` were asked for) that are to be taken, at most `room`.

        `lanes` are those of the rows that the claim under way has chosen already; those chosen now are added.
        """
        chosen: list[DueRow] = []
        for row in rows:
            if len(chosen) == room:
                return chosen
            before, self.after = self.after, row.position
            lane = row.lane
            if row.occupied or lane in lanes or lane in self._passed_lanes or row.position.id in held_off:
                self._passed_lanes.add(lane)
                self._oldest_passed = self._oldest_passed or before
                continue
            lanes.add(lane)
            chosen.append(row)
            self._taken += 1
            self.exhausted = False
        if len(rows) < asked or (self._short and not chosen):
            self._end_pass()
        return chosen

    def _end_pass(self) -> None:
        self.passes += 1
        if not self._short:
            self.exhausted = self._taken == 0
            self.blocked = self.exhausted and self._oldest_passed is not None
            self._short_passes_left = SHORT_PASSES
        if self._oldest_passed is not None and self._short_passes_left > 0:
            self._short, self.after = True, self._oldest_passed
            self._short_passes_left -= 1
        else:
            self._short, self.after = False, START
        self._taken, self._oldest_passed = 0, None
        self._passed_lanes.clear()


def look_size(batch: int, looks: int) -> int:
    """How many rows the `looks`th look of a claim asks for (from 0): more when the ones before found too few."""
    return min(max(_SMALLEST_LOOK, batch) << 2 * looks, _LARGEST_LOOK)
