"""What was accepted, compared with what became of it: nothing lost, nothing doubled in silence, order inside lanes."""

import asyncio
import itertools
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Self

import psycopg
from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import PyreqwestError
from tests.support import meta
from tests.support.config import APP_SECRET
from tests.support.services import Answer, FakeService, Received, Script

from webhookcore_cli.local.small_http import Answer as HttpAnswer
from webhookcore_cli.local.small_http import Request

ATTEMPT_SECONDS = 30.0
_BETWEEN_SECONDS = 0.02
PATIENCE_SECONDS = 90.0
_REFUSALS = 5


@dataclass(slots=True)
class Sent:
    """A message, sent as Meta does: again and again until a router says 200."""

    key: str
    sender: str
    statuses: list[int] = field(default_factory=list)
    """What each try was answered; 0 where the connection broke."""

    @property
    def accepted(self) -> bool:
        return bool(self.statuses) and self.statuses[-1] == HTTPStatus.OK


class Meta:
    """`async with Meta(pick_url) as meta`: sends messages; `sent` holds them in the order in which they were begun."""

    def __init__(self, pick_url: Callable[[], str], *, secret: str = APP_SECRET, pause: float = 0.05) -> None:
        self.sent: list[Sent] = []
        self.broken: list[str] = []
        """Why tries were answered 0."""
        self.refused: list[str] = []
        """The first answers that were not 200, with what they say."""
        self.secret = secret
        self._pick_url = pick_url
        self._pause = pause

    async def __aenter__(self) -> Self:
        # httpx needs time in the square of the requests that wait for its pool.
        self._client = ClientBuilder().http1_only().no_proxy().timeout(timedelta(seconds=ATTEMPT_SECONDS)).build()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def send(self, text: str, sender: str = meta.SENDER, *, tries: int | None = None) -> Sent:
        """One text message, until it is accepted; `tries`: at most so often."""
        message = meta.text(text, sender)
        return await self.post(meta.body(message), message["id"], sender, tries=tries)

    async def post(self, body: bytes, key: str, sender: str, *, tries: int | None = None) -> Sent:
        sent = Sent(key, sender)
        self.sent.append(sent)
        patience = time.monotonic() + PATIENCE_SECONDS
        while not sent.accepted and (tries is None or len(sent.statuses) < tries):
            if time.monotonic() > patience:
                raise TimeoutError(f"not accepted for {PATIENCE_SECONDS} s: {Counter(sent.statuses)}")
            if sent.statuses:
                await asyncio.sleep(self._pause)
            sent.statuses.append(await self._try(body))
        return sent

    async def senders(self, count: int, messages: int, text: Callable[[int, int], str]) -> None:
        """So many senders at once, each with its messages one after the other; `text(sender, message)` by number."""

        async def one(number: int) -> None:
            for message in range(messages):
                await self.send(text(number, message), sender_number(number))

        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(one(number))

    async def keep_sending(self, count: int, stop: asyncio.Event, text: Callable[[int, int], str]) -> None:
        """As `senders`, each until `stop` is set, and not as fast as it can: routers must get the processor too."""

        async def one(number: int) -> None:
            for message in itertools.count():
                if stop.is_set():
                    return
                await self.send(text(number, message), sender_number(number))
                await asyncio.sleep(_BETWEEN_SECONDS)

        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(one(number))

    def statuses(self) -> list[int]:
        """Every answer to every try."""
        return [status for sent in self.sent for status in sent.statuses]

    async def _try(self, body: bytes) -> int:
        url, began = self._pick_url(), time.monotonic()
        request = self._client.post(url).headers(meta.signed(body, self.secret)).body_bytes(body)
        try:
            answer = await request.build().send()
        except (PyreqwestError, TimeoutError) as error:
            self.broken.append(f"{url} after {time.monotonic() - began:.2f} s: {error!r}")
            return 0
        if answer.status != HTTPStatus.OK and len(self.refused) < _REFUSALS:
            self.refused.append(f"{answer.status} after {time.monotonic() - began:.2f} s: {await answer.text()}")
        return answer.status


def sender_number(number: int) -> str:
    """A phone number for each small number."""
    return f"4917{number:08d}"


def taking_turns(urls: Iterable[str]) -> Callable[[], str]:
    """Picks one URL after the other."""
    turns = itertools.cycle(urls)
    return lambda: next(turns)


class WatchedService(FakeService):
    """A service that knows which of its answers were 2xx, that can hold its answers back, and that notices when two
    requests of one sender overlap.
    """

    def __init__(self, answer: Answer | Script | None = None, *, port: int = 0) -> None:
        super().__init__(answer, port=port)
        self.good: set[str] = set()
        """Keys that were answered 2xx."""
        self.gate = asyncio.Event()
        """Answers wait until it is set."""
        self.gate.set()
        self.overlaps: list[str] = []
        self._senders: Counter[str] = Counter()

    def _handle(self, request: Request) -> HttpAnswer | Awaitable[HttpAnswer]:
        answer = super()._handle(request)
        received = self.requests[-1]
        sender = sender_of(received)
        if self._senders[sender]:
            self.overlaps.append(received.key)
        if isinstance(answer, HttpAnswer) and self.gate.is_set():
            return self._noted(received, answer)
        self._senders[sender] += 1
        return self._later(received, sender, answer)

    async def _later(self, received: Received, sender: str, answer: HttpAnswer | Awaitable[HttpAnswer]) -> HttpAnswer:
        try:
            done = answer if isinstance(answer, HttpAnswer) else await answer
            await self.gate.wait()
            return self._noted(received, done)
        finally:
            self._senders[sender] -= 1

    def _noted(self, received: Received, answer: HttpAnswer) -> HttpAnswer:
        if 200 <= answer.status < 300:
            self.good.add(received.key)
        return answer


def sender_of(received: Received) -> str:
    """Whose lane it is in; the key where nobody sent it."""
    value = received.value()
    if value.get("messages"):
        return str(value["messages"][0].get("from") or received.key)
    if value.get("statuses"):
        return str(value["statuses"][0]["recipient_id"])
    return received.key


@dataclass(frozen=True, slots=True)
class Kept:
    """Where the database has an event."""

    table: str
    key: str
    sender: str
    route: str
    attempts: int
    state: str


def kept(database_url: str) -> list[Kept]:
    """Every event in the inbox and in the dead letter queue."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        rows = conn.execute("""
            SELECT 'inbox', idempotency_key, sender, route, attempts,
                   CASE WHEN owner IS NULL THEN 'waiting' ELSE 'owned' END
            FROM inbox
            UNION ALL
            SELECT 'dead', idempotency_key, from_number, route, attempts,
                   CASE WHEN processed THEN 'processed' WHEN abandoned_at IS NULL THEN 'waiting' ELSE 'abandoned' END
            FROM wa_dead_letter_queue
        """).fetchall()
    return [Kept(*row) for row in rows]


def query(database_url: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement, from a connection of its own."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        cursor = conn.execute(statement, values or None)  # type: ignore[call-overload] # tests' own statements
        return cursor.fetchall() if cursor.description else []


async def until(happened: Callable[[], bool], seconds: float = 60.0, what: str = "it") -> None:
    """Returns when it has happened; asked 20 times a second."""
    try:
        async with asyncio.timeout(seconds):
            while not happened():  # noqa: ASYNC110 - it is the world that is asked, not a flag
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise TimeoutError(f"waited {seconds} s for {what}") from None


async def until_settled(database_url: str, seconds: float = 60.0) -> None:
    """Returns when the inbox is empty."""
    await until(lambda: not query(database_url, "SELECT 1 FROM inbox LIMIT 1"), seconds, "an empty inbox")


def check(
    sent: Sequence[Sent],
    services: Mapping[str, WatchedService],
    database_url: str,
    *,
    most_repeats: int = 0,
    ordered: bool = True,
) -> None:
    """Asserts what a user must be able to rely on, once nothing moves any more.

    `most_repeats`: how often any single event may have come again. `sent` is in each sender's order of acceptance.
    """
    rows = kept(database_url)
    receipts: dict[str, list[tuple[str, Received]]] = defaultdict(list)
    for name, service in services.items():
        for request in service.requests:
            receipts[request.key].append((name, request))

    known = {item.key for item in sent}
    invented = receipts.keys() - known
    assert not invented, f"delivered, but never sent: {sorted(invented)[:5]}"

    good = set().union(*(service.good for service in services.values()))
    found = good | {row.key for row in rows}
    lost = [item for item in sent if item.accepted and item.key not in found]
    assert not lost, f"{len(lost)} of {len(sent)} accepted events are lost: {lost[:5]}"

    for key, came in receipts.items():
        attempts = [request.attempt for _, request in came]
        assert attempts[0] >= 1, f"{key}: no attempt told"
        assert attempts == sorted(set(attempts)), f"{key} came again without saying so: attempts {attempts}"
        assert len(came) <= 1 + most_repeats, f"{key} came {len(came)} times: attempts {attempts}"
        assert len({name for name, _ in came}) == 1, f"{key} went to several services: {[name for name, _ in came]}"
        assert len({request.body for _, request in came}) == 1, f"{key}: another body in a repeat"
    for row in rows:
        came = receipts.get(row.key, [])
        if came:
            assert row.attempts >= came[-1][1].attempt, f"{row}: fewer attempts counted than sent"

    if ordered:
        _check_order(sent, services, {row.key for row in rows if row.table == "dead"})


def _check_order(sent: Sequence[Sent], services: Mapping[str, WatchedService], stepped_out: set[str]) -> None:
    """First receipts of a lane come in the order of acceptance; dead letters have stepped out of it."""
    place = {item.key: number for number, item in enumerate(sent)}
    sender_of = {item.key: item.sender for item in sent}
    for name, service in services.items():
        last: dict[str, str] = {}
        for key in dict.fromkeys(request.key for request in service.requests):
            if key in stepped_out:
                continue
            sender = sender_of[key]
            before = last.get(sender)
            assert before is None or place[before] < place[key], f"{name}, {sender}: {key} came after a later one"
            last[sender] = key
