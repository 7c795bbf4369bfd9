"""What a load got back, and what the services received. Times are the monotonic clock's, in seconds."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Answer(NamedTuple):
    """One answer to one request."""

    number: int
    status: int
    due: float
    """When the request was to be sent: waiting for a connection counts."""
    at: float

    @property
    def milliseconds(self) -> float:
        return (self.at - self.due) * 1000


@dataclass(slots=True)
class Answers:
    """Every answer of a load."""

    all: list[Answer] = field(default_factory=list)
    unanswered: int = 0

    def of(self, status: int, *, since: float = 0.0) -> list[Answer]:
        """The answers of this status whose request was due after `since`."""
        return [answer for answer in self.all if answer.status == status and answer.due >= since]

    def rate(self, status: int, since: float, until: float) -> float:
        """Answers of this status a second that came between two moments."""
        came = sum(1 for answer in self.all if answer.status == status and since <= answer.at < until)
        return came / (until - since)

    def check(self, *allowed: int) -> None:
        """A figure is none where something else came back."""
        statuses: dict[int, int] = {}
        for answer in self.all:
            statuses[answer.status] = statuses.get(answer.status, 0) + 1
        if self.unanswered or not statuses or statuses.keys() - set(allowed):
            raise RuntimeError(f"answers by status: {statuses}; unanswered: {self.unanswered}")
