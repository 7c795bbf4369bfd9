"""The operator on a cluster of its own: how soon it acts, and what 200 resources cost it."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final

from tests.bench import result, usage
from tests.bench.result import Result
from tests.bench.resync import first_resync, looks
from tests.bench.rig import Rig
from tests.cluster.support import clusters, image, manifests, operator, storage, tools
from tests.cluster.support.client import connected
from tests.cluster.support.clusters import Cluster
from tests.cluster.support.kubectl import eventually
from tests.cluster.support.namespace import DATABASE, WHATSAPP, Namespace, fresh_namespace
from tests.cluster.support.operator import Operator
from tests.support.config import route

from webhookcore_operator.api import Api
from webhookcore_operator.kinds import CHILDREN, CONFIG, SECRET, SERVICE_ACCOUNT

NAME: Final = "test"
RESYNC_SECONDS: Final = 60
WORKERS: Final = 8
_KIB: Final = 1024


async def operate(rig: Rig) -> list[Result]:
    """On a cluster that is made for it. Raises RuntimeError where none can be had."""
    return await asyncio.to_thread(_measured, rig)


def _measured(rig: Rig) -> list[Result]:
    try:
        found = tools.prepare()
    except tools.MissingError as missing:
        raise RuntimeError(f"{missing}. Type: {missing.remedy}") from None
    with _cluster(found) as cluster:
        running = operator.installed(cluster)
        running.upgrade(operator={"replicas": 1, "resyncSeconds": RESYNC_SECONDS})
        return [*_first_steps(rig, cluster), *_many(rig, cluster, running)]


@contextmanager
def _cluster(found: tools.Tools) -> Iterator[Cluster]:
    clusters.sweep(found)
    name = clusters.fresh_name()
    with ExitStack() as stack:
        stack.enter_context(clusters.held(name))
        stack.callback(clusters.delete, name, found)
        made = clusters.create(name, found)
        storage.provide(made)
        made.image = image.build(found)
        made.load(made.image)
        yield made


# -- one resource --------------------------------------------------------------------------------------------------


def _first_steps(rig: Rig, cluster: Cluster) -> list[Result]:
    """From a resource's creation to the operator's first write, and until it is Ready; the median of some."""
    writes, readies = [], []
    for _ in range(2 if rig.quick else 5):
        with fresh_namespace(cluster, "bench") as namespace:
            namespace.secrets(namespace.postgres().url)
            rides = route("rides", "http://rides.example/", keywords=["ride"])
            resource = namespace.config(rides, router={"replicas": 1})
            started = time.monotonic()
            namespace.kubectl.apply(resource)
            look = partial(_is_there, namespace)
            eventually(look, "the operator's first write", every=0.01)
            writes.append(time.monotonic() - started)
            namespace.kubectl("wait", "--for=condition=Ready", f"wcc/{NAME}", "--timeout=120s")
            readies.append(time.monotonic() - started)
    reads = asyncio.run(_reads(cluster, [_namespace_of_nothing()], rounds=5))
    return [
        result.at_most("resource applied → the operator's first write", result.median(writes), "s", 1),
        result.shown("… one bare round of the same reads", 1000 * reads, "ms"),
        result.shown("resource applied → Ready, one router, its database there", result.median(readies), "s"),
    ]


def _is_there(namespace: Namespace) -> bool:
    return namespace.kubectl.get(SERVICE_ACCOUNT.plural, f"{NAME}-router") is not None


def _namespace_of_nothing() -> tuple[str, str]:
    return "default", NAME


# -- many ----------------------------------------------------------------------------------------------------------


def _many(rig: Rig, cluster: Cluster, running: Operator) -> list[Result]:
    """200 resources in 50 namespaces, at rest: four in each, of which the oldest has the CronJobs' names."""
    spaces, each = (5, 4) if rig.quick else (50, 4)
    with ExitStack() as stack:
        named = [stack.enter_context(fresh_namespace(cluster, "many")) for _ in range(spaces)]
        places = [(namespace.name, f"{NAME}-{number}") for namespace in named for number in range(each)]
        for namespace in named:
            namespace.kubectl.apply(*_at_rest(namespace, each))
        count = len(places)
        _until_rest(cluster, running, places)
        process = cluster.process(operator.NAMESPACE, running.leader())
        asked, used = running.audit(), _cpu_seconds(cluster, process)
        running.resynced(2)
        used = _cpu_seconds(cluster, process) - used
        requests = asked.requests()
        if writes := asked.writes():
            raise RuntimeError(f"nothing changed, and the operator wrote: {writes[0]}")
        resync = first_resync(requests, places)
        reads = asyncio.run(_reads(cluster, places))
        memory = _resident(cluster, process)
    return [
        result.at_most(f"full resync of {count} resources in {spaces} namespaces", resync.seconds, "s", 30),
        result.shown("… against a bare loop of the same lists and gets", resync.seconds, "s", reads),
        result.shown("… reconciliations a second of the operator's CPU", looks(requests) / used, "/s"),
        result.shown("… requests a reconciliation, nothing changed", resync.requests / resync.looks, "requests"),
        result.at_most("… the operator's memory", memory, "MiB", 200),
    ]


def _at_rest(namespace: Namespace, each: int) -> Iterator[dict[str, Any]]:
    """The Secrets, and resources whose pods fit no node and whose CronJobs are suspended."""
    yield manifests.secret(DATABASE, {"url": "postgresql://nobody@nowhere/none"})
    keys = ("app-secret", "verify-token", "access-token")
    yield manifests.secret(WHATSAPP, dict.fromkeys(keys, "a-secret-of-the-bench"))
    for number in range(each):
        yield namespace.config(
            route("rides", "http://rides.example/", keywords=["ride"]),
            name=f"{NAME}-{number}",
            database={"urlSecretRef": {"name": DATABASE, "key": "url"}, "migrations": "Manual"},
            router={"replicas": 1, "nodeSelector": {"bench": "nowhere"}},
            dlq={"suspend": True},
            cleanup={"suspend": True},
        )


def _until_rest(cluster: Cluster, running: Operator, places: list[tuple[str, str]]) -> None:
    """Once each has a status, and a resync wrote nothing."""

    def told() -> bool:
        found = cluster.kubectl("get", CONFIG.plural, "--all-namespaces", "-o", "json").json()["items"]
        return sum("status" in each for each in found) == len(places)

    eventually(told, "each was looked at", seconds=300, every=1)

    def rests() -> bool:
        asked = running.audit()
        running.resynced()
        return not asked.writes()

    eventually(rests, "rest", seconds=5 * RESYNC_SECONDS)


def _cpu_seconds(cluster: Cluster, process: str) -> float:
    return usage.own_cpu_seconds(cluster.on_node("cat", f"/proc/{process}/stat").out)


def _resident(cluster: Cluster, process: str) -> float:
    (line,) = [line for line in cluster.on_node("cat", f"/proc/{process}/status").out.splitlines() if "VmRSS" in line]
    return int(line.split()[1]) / _KIB


# -- the baseline --------------------------------------------------------------------------------------------------


async def _reads(cluster: Cluster, places: list[tuple[str, str]], *, rounds: int = 1) -> float:
    """Seconds for a bare loop of what a reconciliation reads, eight at a time; the median of some rounds."""
    limit = asyncio.Semaphore(WORKERS)

    async def once(api: Api, namespace: str, name: str) -> None:
        labels = {"app.kubernetes.io/instance": name}
        async with limit:
            await api.list_all(CONFIG, namespace)
            await asyncio.gather(*(api.list_all(kind, namespace, labels=labels) for kind in CHILDREN))
            for secret in (DATABASE, WHATSAPP, f"{name}-internal"):
                await api.get(SECRET, namespace, secret)

    took = []
    async with connected(cluster) as api:
        for _ in range(rounds):
            started = time.monotonic()
            await asyncio.gather(*(once(api, *place) for place in places))
            took.append(time.monotonic() - started)
    return result.median(took)
