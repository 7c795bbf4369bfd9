"""What a dead letter becomes after an answer: the decision alone."""

from datetime import datetime, timedelta
from typing import Final, assert_never

from webhookcore.delivery.outcome import Abandoned, Delivered, Failed, Parked
from webhookcore.delivery.schedule import is_exhausted, next_retry_at
from webhookcore.redelivery import Answer
from webhookcore.settings import Dlq
from webhookcore.store.dead_letters import ClaimedLetter, Settlement

SHORTEST_PARKING: Final = timedelta(seconds=1)
LONGEST_PARKING: Final = timedelta(hours=1)
"""Bounds of a router's wish: a time that has passed would bring the row back at once, a far one never."""


def settlement(letter: ClaimedLetter, answer: Answer, dlq: Dlq, now: datetime) -> Settlement:
    """`now` is when the attempt ended, by the database's clock."""
    charged = letter.retry_count + 1
    match answer.outcome:
        case Delivered():
            return Settlement(letter.id, letter.retry_count, answer.attempts, delivered=True)
        case Failed(code, detail, _, retry_after):
            if is_exhausted(charged, dlq.max_retries):
                return _abandoned(letter, answer, Abandoned(code, detail))
            again = next_retry_at(now, charged, dlq.backoff_minutes, retry_after)
            return Settlement(
                letter.id, charged, answer.attempts, next_retry_at=again, error_code=code, error_message=detail
            )
        case Abandoned():
            return _abandoned(letter, answer, answer.outcome)
        case Parked(_, until):
            again = min(max(until, now + SHORTEST_PARKING), now + LONGEST_PARKING)
            return Settlement(letter.id, letter.retry_count, answer.attempts, next_retry_at=again)
        case _:
            assert_never(answer.outcome)


def _abandoned(letter: ClaimedLetter, answer: Answer, why: Abandoned) -> Settlement:
    return Settlement(
        letter.id,
        letter.retry_count + 1,
        answer.attempts,
        abandoned=True,
        error_code=why.code,
        error_message=why.detail,
    )
