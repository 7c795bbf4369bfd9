"""Plans a flush: pure, from what was read under the locks to what is to be written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from webhookcore.notification.event import Event, Kind
from webhookcore.routing.decide import decide
from webhookcore.routing.decision import Decision, Reason, Session, SessionEffect
from webhookcore.routing.ratelimit import arrive
from webhookcore.routing.table import RoutingTable
from webhookcore.settings import OnExceed
from webhookcore.store.ingest import SessionRow, State
from webhookcore.store.rows import NewRow
from webhookcore_router.submission import Submission, Verdict


@dataclass(frozen=True, slots=True)
class Policy:
    """What decides: the routing table and the rate limit."""

    table: RoutingTable
    messages_per_minute: int
    on_exceed: OnExceed


@dataclass(slots=True)
class Plan:
    """What a flush writes, and what it answers: a list of verdicts for each submission."""

    verdicts: list[list[Verdict]] = field(default_factory=list)
    rows: list[NewRow] = field(default_factory=list)
    keys: list[tuple[bytes, str | None, str]] = field(default_factory=list)
    sessions: dict[str, SessionRow] = field(default_factory=dict)
    crowded: set[str] = field(default_factory=set)
    """Routes for which there was no room in memory: their rows wait in the inbox."""


def plan(submissions: Sequence[Submission], state: State, policy: Policy, rooms: dict[str, int], now: datetime) -> Plan:
    """Decides every event in arrival order, each seeing the session that the one before it left.

    `rooms` says how many rows of a route this router can take up at once; it is used up here.
    """
    flush = _Flush(state, policy, rooms, now)
    for submission in submissions:
        flush.plan.verdicts.append([flush.decide(event, submission) for event in submission.events])
    return flush.plan


class _Flush:
    """The state that a flush's events pass on to each other."""

    def __init__(self, state: State, policy: Policy, rooms: dict[str, int], now: datetime) -> None:
        self.plan = Plan()
        self._state = state
        self._policy = policy
        self._rooms = rooms
        self._now = now

    def decide(self, event: Event, submission: Submission) -> Verdict:
        key = event.dedupe_key
        first = self._state.seen.get(key)
        if first is not None:
            return Verdict(first[0], Reason.DUPLICATE)
        due_at = self._now
        limited: OnExceed | None = None
        if event.kind is Kind.MESSAGE and event.sender:
            session = self._state.sessions.get(event.sender)
            arrival = arrive(session.rate_tat if session else None, self._now, self._policy.messages_per_minute)
            if arrival.due_at > self._now:
                limited = self._policy.on_exceed
                if limited is not OnExceed.DELAY:
                    return self._refuse(event, limited, arrival.retry_after_seconds)
            due_at = arrival.due_at
            live = self._live(session)
            decision = decide(event, live, self._policy.table, self._now)
            self._remember(event.sender, live, decision, arrival.tat)
        else:
            decision = decide(event, None, self._policy.table, self._now)
        self._seen(key, decision.route, decision.reason)
        if decision.route is not None:
            self.plan.rows.append(self._row(event, submission, decision, decision.route, due_at))
        wait = (due_at - self._now).total_seconds() if limited else None
        return Verdict(decision.route, decision.reason, limited, wait)

    def _refuse(self, event: Event, limited: OnExceed, seconds: float) -> Verdict:
        """Drop keeps the key, so that a repeat is a repeat; Reject forgets the event, so that a repeat is welcome."""
        if limited is OnExceed.DROP:
            self._seen(event.dedupe_key, None, Reason.RATE_LIMITED)
            return Verdict(None, Reason.RATE_LIMITED, limited)
        return Verdict(None, Reason.RATE_LIMITED, limited, seconds)

    def _seen(self, key: bytes, route: str | None, reason: str) -> None:
        self._state.seen[key] = (route, reason)
        self.plan.keys.append((key, route, reason))

    def _live(self, session: SessionRow | None) -> Session | None:
        """One that is older than its time is over: a message that chooses nothing must not begin it again."""
        if session is None or session.last_interaction is None:
            return None
        if self._now - session.last_interaction > self._policy.table.session_ttl:
            return None
        return Session(session.active_service, session.last_interaction)

    def _remember(self, sender: str, live: Session | None, decision: Decision, tat: datetime) -> None:
        active = live.active_service if live else None
        if decision.session is SessionEffect.SET:
            active = decision.route
        elif decision.session is SessionEffect.CLEAR:
            active = None
        after = SessionRow(active, self._now, tat)
        self._state.sessions[sender] = self.plan.sessions[sender] = after

    def _row(self, event: Event, submission: Submission, decision: Decision, route: str, due_at: datetime) -> NewRow:
        lane = (event.sender, route)
        held_back = bool(event.sender) and lane in self._state.foreign
        if held_back:
            due_at = max(due_at, self._state.foreign[lane] or due_at)
        room = self._rooms.get(route, 0)
        owned = not held_back and due_at <= self._now and room > 0
        if owned:
            self._rooms[route] = room - 1
        else:
            if room <= 0:
                self.plan.crowded.add(route)
            if event.sender:
                self._state.foreign[lane] = due_at
        return NewRow(
            event.dedupe_key,
            event.sender,
            route,
            owned,
            submission.received_at,
            due_at,
            event.message_id,
            event.idempotency_key,
            decision.reason,
            decision.menu_selection,
            submission.correlation_id,
            submission.request_id,
            submission.traceparent,
            event.body,
        )
