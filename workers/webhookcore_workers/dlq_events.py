"""The events of the dlq-processor: one for each dead letter that was settled."""

from datetime import datetime
from typing import Any

from webhookcore.delivery.outcome import Abandoned, Delivered, Failed, Parked
from webhookcore.events import EventLog, EventName
from webhookcore.redelivery import Answer
from webhookcore.store.dead_letters import ClaimedLetter, Settlement


class DlqEvents:
    """Tells what became of dead letters; who and what they were about stays hidden."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def started(self, now: datetime, run_id: str) -> None:
        self._log.emit(EventName.DLQ_PROCESSOR_STARTED, at=now, runId=run_id)
        self._log.flush()

    def completed(self, now: datetime, run_id: str, result: dict[str, Any]) -> None:
        self._log.emit(EventName.DLQ_PROCESSOR_COMPLETED, at=now, runId=run_id, **result)
        self._log.flush()

    def settled(self, letter: ClaimedLetter, answer: Answer, settled: Settlement, now: datetime) -> None:
        """Call it when the settlement is durable."""
        fields: dict[str, Any] = {
            "deadLetter": str(letter.id),
            "route": answer.route,
            "retry": letter.retry_count + 1,
            "attempts": max(answer.attempts, letter.attempts),
        }
        name = EventName.DLQ_MESSAGE_RETRY_SCHEDULED
        match answer.outcome:
            case Delivered(status):
                name = EventName.DLQ_MESSAGE_PROCESSED
                fields["status"] = status
            case Failed(code, _, status) | Abandoned(code, _, status):
                fields |= {"code": code, "status": status}
                if settled.abandoned:
                    name = EventName.DLQ_MESSAGE_ABANDONED
            case Parked(why):
                fields["parked"] = why
        if settled.next_retry_at is not None:
            fields["nextRetryAt"] = settled.next_retry_at.isoformat(timespec="milliseconds")
        self._log.emit(
            name,
            correlation_id=letter.correlation_id,
            request_id=letter.request_id,
            sender=letter.sender or None,
            message_id=letter.message_id,
            at=now,
            **fields,
        )

    def flush(self) -> None:
        self._log.flush()
