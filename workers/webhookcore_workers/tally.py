"""What a run of the dlq-processor did so far, counted."""

from dataclasses import dataclass

from webhookcore.delivery.outcome import Parked
from webhookcore.redelivery import Answer
from webhookcore.store.dead_letters import Settlement


@dataclass(slots=True)
class Tally:
    """Only what Postgres has confirmed. processed = successful + failed; abandoned ones are among the failed."""

    successful: int = 0
    failed: int = 0
    abandoned: int = 0
    parked: int = 0
    unreached: int = 0
    """Handed back uncharged because no router judged them; a row that was tried again counts again."""
    lost: int = 0
    """Judged after their lease had ended and somebody else had taken them."""

    @property
    def processed(self) -> int:
        return self.successful + self.failed

    def settled(self, answer: Answer, settlement: Settlement) -> None:
        """One more that was written."""
        if isinstance(answer.outcome, Parked):
            self.parked += 1
        elif settlement.delivered:
            self.successful += 1
        else:
            self.failed += 1
            self.abandoned += settlement.abandoned

    def as_json(self) -> dict[str, int]:
        return {
            "processed": self.processed,
            "successful": self.successful,
            "failed": self.failed,
            "abandoned": self.abandoned,
            "parked": self.parked,
            "unreached": self.unreached,
            "lost": self.lost,
        }
