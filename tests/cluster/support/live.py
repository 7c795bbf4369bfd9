"""A resource that is Ready: a database, a service behind it, and a way in from this machine; and load on it."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
from tests.cluster.support import notifications
from tests.cluster.support import operator as operators
from tests.cluster.support.kubectl import Kubectl, eventually
from tests.cluster.support.namespace import Namespace
from tests.cluster.support.postgres import Postgres
from tests.cluster.support.recorder import Recorder
from tests.support.config import route
from tests.support.ledger import Meta, sender_number

from webhookcore_operator.render.names import router, selector

NAME: Final = "test"
ROUTER: Final = router(NAME)
PODS: Final = selector(NAME, "router")
SELECTOR: Final = ",".join(f"{key}={value}" for key, value in PODS.items())
CALM: Final = {"dlq": {"suspend": True}, "cleanup": {"suspend": True}}
"""No CronJob fires in the middle of a test."""
SENDERS: Final = 3
PAUSE_SECONDS: Final = 0.1
"""Between two messages of a sender: many enough to notice, few enough for a small machine."""
UNLIMITED: Final = {"rateLimit": {"messagesPerMinute": 60_000}}


@dataclass(frozen=True)
class Live:
    """A WebhookCoreConfig `test` that sends everything to one recorder."""

    namespace: Namespace
    postgres: Postgres
    recorder: Recorder
    url: str
    """The routers' public listener, as this machine reaches it."""

    @property
    def kubectl(self) -> Kubectl:
        return self.namespace.kubectl

    def change(self, **spec: Any) -> None:
        """Fields of the spec, as a merge patch: None takes one away."""
        self.kubectl.patch("wcc", NAME, {"spec": spec})

    def deployment(self) -> dict[str, Any]:
        return self.kubectl.must_get("deployment", ROUTER)

    def routers(self) -> set[str]:
        """UIDs of the pods that are not going."""
        return {pod["metadata"]["uid"] for pod in self.kubectl.staying("pods", SELECTOR)}

    def restarts(self) -> int:
        """Of all routers' containers that are there."""
        pods = self.kubectl.all("pods", SELECTOR)
        return sum(status["restartCount"] for pod in pods for status in pod["status"].get("containerStatuses", []))

    def revision(self) -> int:
        """How often the routers have rolled, and once."""
        return int(self.deployment()["metadata"]["annotations"]["deployment.kubernetes.io/revision"])

    def answers(self) -> bool:
        """Whether a signed notification is accepted right now."""
        try:
            return notifications.post(self.url, "are you there?").status_code == 200
        except httpx.TransportError:
            return False

    def wait_ready(self, *, seconds: float = operators.READY_SECONDS) -> None:
        """Its present spec is what runs."""
        operators.ready(self.kubectl, NAME, seconds=seconds)

    def becomes(self, type_: str, status: str, reason: str = "", *, seconds: float = 60) -> dict[str, Any]:
        return operators.becomes(self.kubectl, type_, status, reason, seconds=seconds)

    @contextmanager
    def load(self) -> Iterator[Meta]:
        """Messages all the while, each sender's one after the other; ends with the block, the last answers awaited."""
        with loaded(f"{self.url}{notifications.PATH}") as meta:
            yield meta

    def delivered_once(self, meta: Meta) -> None:
        """No request failed; whatever was sent came once, and nothing else is kept."""
        assert set(meta.statuses()) == {200}, (Counter(meta.statuses()), meta.broken[:5], meta.refused)
        keys = {sent.key for sent in meta.sent}

        def all_of_them() -> Mapping[str, int]:
            came = Counter(key for each in self.recorder.received() if (key := key_of(each.json())) in keys)
            assert keys == came.keys(), f"{len(keys - came.keys())} of {len(keys)} are missing"
            return came

        try:
            came = eventually(all_of_them, "every message is delivered")
        except AssertionError as missing:
            raise AssertionError(f"{missing}; {self._traces(meta)}") from None
        doubled = {key: times for key, times in came.items() if times > 1}
        assert not doubled
        assert self.postgres.value("SELECT count(*) FROM inbox") == 0
        assert self.postgres.value("SELECT count(*) FROM wa_dead_letter_queue") == 0

    def _traces(self, meta: Meta) -> str:
        """Of what did not come: which of the messages sent, by sender, and what the database holds."""
        came = {key_of(each.json()) for each in self.recorder.received()}
        gone = [(number, sent.sender[-1]) for number, sent in enumerate(meta.sent) if sent.key not in came]
        waiting = self.postgres.rows(
            "SELECT owner IS NOT NULL AS owned, attempts, count(*), min(received_at)::text AS oldest"
            " FROM inbox GROUP BY 1, 2"
        )
        dead = self.postgres.rows(
            "SELECT error_code, error_message, count(*), min(created_at)::text AS first, max(created_at)::text AS last"
            " FROM wa_dead_letter_queue GROUP BY 1, 2"
        )
        return f"(number, sender) of the missing: {gone}; in the inbox: {waiting}; dead letters: {dead}"


def key_of(notification: Mapping[str, Any]) -> str:
    """The id of its message."""
    key: str = notification["entry"][0]["changes"][0]["value"]["messages"][0]["id"]
    return key


def live(namespace: Namespace, *, replicas: int = 1, **spec: Any) -> Live:
    """Made and Ready. The operator has to be there."""
    with ThreadPoolExecutor() as pool:  # each takes its time to start
        database, service = pool.submit(namespace.postgres), pool.submit(namespace.recorder)
        postgres, recorder = database.result(), service.result()
    namespace.secrets(postgres.url)
    example = route("wa-webhook-example", recorder.url())
    router_spec = {"replicas": replicas, **UNLIMITED, **spec.pop("router", {})}
    wanted = {"fallback": "wa-webhook-example", "router": router_spec, **CALM, **spec}
    namespace.kubectl.apply(namespace.config(example, **wanted))
    operators.ready(namespace.kubectl, NAME)
    return Live(namespace, postgres, recorder, namespace.expose(PODS, 8080))


@contextmanager
def loaded(url: str, *, senders: int = SENDERS) -> Iterator[Meta]:
    """Load on `url` from a thread of its own, so that tests can do what they do meanwhile."""
    load = _Load(url, senders)
    load.start()
    try:
        yield load.meta
    finally:
        load.stop()


class _Load(threading.Thread):
    def __init__(self, url: str, senders: int) -> None:
        super().__init__(name="load", daemon=True)
        self.meta = Meta(lambda: url)
        self._senders = senders
        self._began = threading.Event()
        self._end: Callable[[], None] = lambda: None
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Returns once messages are on their way."""
        super().start()
        self._began.wait()

    def run(self) -> None:
        try:
            asyncio.run(self._send())
        except BaseException as failure:  # noqa: BLE001 - it is the test's, not this thread's
            self._failure = failure
            self._began.set()

    def stop(self) -> None:
        self._end()
        self.join()
        if self._failure is not None:
            raise self._failure

    async def _send(self) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        self._end = lambda: _called(loop, stop)
        async with self.meta, asyncio.TaskGroup() as group:
            for number in range(self._senders):
                group.create_task(self._one(number, stop))
            self._began.set()

    async def _one(self, number: int, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.meta.send("a message", sender_number(number))
            await asyncio.sleep(PAUSE_SECONDS)


def _called(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    if not loop.is_closed():  # it ends by itself when something fails
        loop.call_soon_threadsafe(stop.set)
