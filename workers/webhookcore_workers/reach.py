"""Whether a router can be reached: after a miss one redelivery at a time tries, later and later, and then nobody."""

from dataclasses import dataclass
from typing import Final

PAUSES_SECONDS: Final = (0.25, 0.5, 1.0, 2.0)
"""Before each further try. A router that restarts, or a Service that has not noticed its end, is back by then."""


@dataclass(slots=True)
class Reach:
    """Told of each answer; the time is the caller's monotonic clock. Redeliveries that were under way together and all
    missed count once: each names the `generation` in which it started.
    """

    generation: int = 0
    misses: int = 0
    """In a row, without any well-formed answer in between."""
    ever: bool = False
    """Whether any answer of the run was well-formed."""
    retry_at: float = 0.0
    why: str = ""

    @property
    def up(self) -> bool:
        """Whether redeliveries flow freely."""
        return self.misses == 0

    @property
    def away(self) -> bool:
        """Whether it is time to give up."""
        return self.misses > len(PAUSES_SECONDS)

    @property
    def failed(self) -> bool:
        """Whether a run that ends now reached no router: it gave up, or all of its few tries were misses."""
        return self.away or (self.misses > 0 and not self.ever)

    def reached(self) -> None:
        """A router answered with an outcome."""
        self.misses = 0
        self.ever = True

    def missed(self, generation: int, now: float, why: str) -> None:
        """No router judged a redelivery that had started in `generation`."""
        if generation != self.generation:
            return
        self.generation += 1
        self.misses += 1
        self.why = why
        self.retry_at = now + PAUSES_SECONDS[min(self.misses, len(PAUSES_SECONDS)) - 1]
