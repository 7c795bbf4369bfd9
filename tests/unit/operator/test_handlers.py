"""What kopf is asked to do: to watch, and nothing else."""

import json
import logging
from pathlib import Path
from typing import Any

import kopf
import pytest

from webhookcore_operator.handlers import registry_for, settings
from webhookcore_operator.kinds import CHILDREN, CONFIG, MONITORING, Kind
from webhookcore_operator.render.names import APP, LABEL_INSTANCE, LABEL_NAME, owner_reference
from webhookcore_operator.work_queue import Key, WorkQueue

EVERY = frozenset(kind.name for kind in MONITORING)


async def nothing(_: Key) -> None:
    pass


@pytest.fixture
def queue() -> WorkQueue:
    return WorkQueue(nothing)


def watched(queue: WorkQueue, monitoring: frozenset[str] = EVERY) -> dict[tuple[Any, ...], Any]:
    """The handlers by group, version and plural."""
    handlers = registry_for(queue, monitoring)._watching.get_all_handlers()
    selectors = [(handler, handler.selector) for handler in handlers]
    return {(each.group, each.version, each.any_name): handler for handler, each in selectors if each is not None}


def place(kind: Kind) -> tuple[str, str, str]:
    group, _, version = kind.api_version.rpartition("/")
    return group, version, kind.plural


def test_every_kind_of_child_is_watched(queue: WorkQueue) -> None:
    """And the resource; Prometheus' kinds where the cluster has them; no Secret, no Pod."""
    assert set(watched(queue)) == {place(kind) for kind in (CONFIG, *CHILDREN, *MONITORING)}
    assert set(watched(queue, frozenset())) == {place(kind) for kind in (CONFIG, *CHILDREN)}


def test_there_are_no_handlers_that_write(queue: WorkQueue) -> None:
    """Timers, daemons and handlers of changes add finalizers or annotations; indices grow; hooks need certificates."""
    registry = registry_for(queue, EVERY)
    others = (registry._changing, registry._spawning, registry._indexing, registry._webhooks)
    assert [list(each.get_all_handlers()) for each in others] == [[], [], [], []]
    for handler in registry._watching.get_all_handlers():
        assert (handler.labels, handler.annotations, handler.when, handler.field) == (None, None, None, None)


async def test_an_event_puts_its_resource_on_the_queue(queue: WorkQueue) -> None:
    """A child's label says whose it is; whatever else an event tells is for the reconciliation to read."""
    handlers = watched(queue)
    await handlers[place(CONFIG)].fn(namespace="shop", name="a", type="DELETED", labels={})
    for kind in CHILDREN:
        await handlers[place(kind)].fn(namespace="shop", name="x", labels={LABEL_INSTANCE: kind.plural}, meta={})
    assert list(queue._ready) == [Key("shop", "a"), *(Key("shop", kind.plural) for kind in CHILDREN)]


async def test_a_childs_owner_is_told_whatever_its_label_says(queue: WorkQueue) -> None:
    """Somebody may have changed it; one that owns it and is no resource of ours is none."""
    owners = [owner_reference("a", "u-1"), {"kind": "CronJob", "name": "dlq-processor", "uid": "u-2"}]
    child_changed = watched(queue)[place(CHILDREN[0])].fn
    await child_changed(namespace="shop", labels={LABEL_INSTANCE: "b"}, meta={"ownerReferences": owners})
    await child_changed(namespace="shop", labels={}, meta={"ownerReferences": owners})
    assert sorted(queue._ready) == [Key("shop", "a"), Key("shop", "b")]


async def test_events_that_name_nobody_are_passed_over(queue: WorkQueue) -> None:
    """What is missed is found at the next resync."""
    handlers = watched(queue)
    await handlers[place(CONFIG)].fn(namespace=None, name="a")
    await handlers[place(CHILDREN[0])].fn(namespace="shop", labels={}, meta={})
    await handlers[place(CHILDREN[0])].fn(namespace=None, labels={LABEL_INSTANCE: "a"}, meta={})
    assert queue.depth == 0


def test_kopf_is_told_where_the_cluster_is(queue: WorkQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of a pod by the kubeconfig."""
    cluster = {"name": "c", "cluster": {"server": "https://127.0.0.1:6443"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [cluster],
        "contexts": [context],
    }
    (tmp_path / "config").write_text(json.dumps({**config, "users": [{"name": "u", "user": {"token": "t"}}]}))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    (login,) = registry_for(queue, EVERY)._activities.get_all_handlers()
    told: Any = login.fn
    connection = told(logger=logging.getLogger(), settings=settings())
    assert isinstance(connection, kopf.ConnectionInfo)
    assert (connection.server, connection.token) == ("https://127.0.0.1:6443", "t")


def test_settings() -> None:
    """Those that worked; a watch that says nothing for longer than this has died."""
    made = settings()
    assert (made.scanning.disabled, made.posting.enabled, made.posting.loggers) == (True, False, False)
    watching = made.watching
    assert (watching.connect_timeout, watching.server_timeout, watching.client_timeout) == (10, 300, 330)
    assert (watching.inactivity_timeout, made.networking.request_timeout) == (70, 15)
    assert made.process.ultimate_exiting_timeout == 25


def test_only_our_own_children_are_watched() -> None:
    """A cluster's other Deployments stay where they are."""
    selectors: Any = settings().watching.label_selectors
    told = {(each.group, each.version, each.any_name): text for each, text in selectors.items()}
    assert told == {place(kind): f"{LABEL_NAME}={APP}" for kind in (*CHILDREN, *MONITORING)}
