"""How a child becomes what was rendered: the operator's own parts, in this process, at the real API server."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import pytest
from tests.cluster.support import accounts, manifests
from tests.cluster.support.client import Gate, connected
from tests.cluster.support.namespace import Namespace

from webhookcore_operator.api import UNREACHABLE, Api, ApiError
from webhookcore_operator.apply import Applied, Applier, ChangedMeanwhileError, Outcome, RefusedError, StrangerError
from webhookcore_operator.kinds import (
    CONFIG_MAP,
    Kind,
    kind_of,
)
from webhookcore_operator.render.names import FIELD_MANAGER

Manifest = dict[str, Any]
SETTINGS: Final = "settings"
WORKER: Final = "worker"
TRIES: Final = 20
"""The Deployment's controller writes its status after each change."""


@pytest.fixture(scope="module")
def place(module_namespaces: Callable[[], Namespace]) -> Namespace:
    """With an owner of the children. It is no WebhookCoreConfig: no other operator looks at them."""
    namespace = module_namespaces()
    namespace.kubectl.apply(manifests.config_map("owner", {}))
    return namespace


class Hand:
    """Applies children as the reconciler does: reads, then applies, and reads again what has changed meanwhile."""

    def __init__(self, api: Api, place: Namespace) -> None:
        self.api = api
        self.applier = Applier(api)
        owner = place.kubectl.must_get("configmap", "owner")["metadata"]
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["uid"]}
        self._metadata = {"namespace": place.name, "ownerReferences": [reference]}

    def wanted(self, manifest: Manifest) -> Manifest:
        return {**manifest, "metadata": {**manifest["metadata"], **self._metadata}}

    async def live(self, wanted: Manifest) -> Manifest | None:
        return await self.api.get(kind_of(wanted), wanted["metadata"]["namespace"], wanted["metadata"]["name"])

    async def apply(self, manifest: Manifest) -> Applied:
        wanted = self.wanted(manifest)
        for _ in range(TRIES):
            try:
                return await self.applier.apply(wanted, await self.live(wanted))
            except ChangedMeanwhileError:
                await asyncio.sleep(0.1)
        raise AssertionError(f"it changed {TRIES} times")


@pytest.fixture
def hand(api: Api, place: Namespace) -> Hand:
    return Hand(api, place)


def settings(name: str = SETTINGS, **data: str) -> Manifest:
    return {**manifests.config_map(name, data or {"batch": "50"}), "immutable": False}


def worker(image: str, **spec: Any) -> Manifest:
    """A Deployment of no pod."""
    made = manifests.deployment(WORKER, manifests.pod_spec(manifests.container("worker", image, [])), replicas=0)
    return {**made, "spec": {**made["spec"], **spec}}


async def test_a_child_is_made_and_then_left_alone(hand: Hand, gate: Gate, place: Namespace) -> None:
    """Created; skipped without a request; the same where only others have changed it; changed where we want more."""
    first = await hand.apply(settings())
    assert first.outcome is Outcome.CREATED
    (writer,) = first.live["metadata"]["managedFields"]
    assert (writer["manager"], writer["operation"]) == (FIELD_MANAGER, "Apply")

    gate.writes = 0
    again = await hand.apply(settings())
    assert (again.outcome, gate.writes) == (Outcome.SKIPPED, 0)

    place.kubectl("label", "configmap", SETTINGS, "team=rides")
    assert (await hand.apply(settings())).outcome is Outcome.SAME
    assert (await hand.apply(settings())).outcome is Outcome.SKIPPED
    assert gate.writes == 1

    changed = await hand.apply(settings(batch="51"))
    assert changed.outcome is Outcome.CHANGED
    assert changed.live["data"] == {"batch": "51"}
    assert changed.live["metadata"]["labels"]["team"] == "rides"


async def test_drift_is_told_from_a_change(hand: Hand, place: Namespace) -> None:
    """What somebody changed or deleted is repaired; after a restart, or once the
    owner was forgotten, nobody knows any more who changed it.
    """
    await hand.apply(settings("drifting"))
    place.kubectl.patch("configmap", "drifting", {"data": {"batch": "0"}})
    repaired = await hand.apply(settings("drifting"))
    assert (repaired.outcome, repaired.live["data"]) == (Outcome.REPAIRED, {"batch": "50"})

    place.kubectl.delete("configmap", "drifting")
    assert (await hand.apply(settings("drifting"))).outcome is Outcome.REPAIRED

    place.kubectl.patch("configmap", "drifting", {"data": {"batch": "0"}})
    restarted = Hand(hand.api, place)
    assert (await restarted.apply(settings("drifting"))).outcome is Outcome.CHANGED

    hand.applier.forget_all(place.name, "owner")
    place.kubectl.patch("configmap", "drifting", {"data": {"batch": "0"}})
    assert (await hand.apply(settings("drifting"))).outcome is Outcome.CHANGED


async def test_what_is_deleted_on_purpose_is_forgotten(hand: Hand, api: Api) -> None:
    """Made again, it is made, not repaired; deleting what is gone is well."""
    made = await hand.apply(settings("on-purpose"))
    await api.delete(CONFIG_MAP, made.live)
    hand.applier.forget(made.live)
    assert (await hand.apply(settings("on-purpose"))).outcome is Outcome.CREATED
    await api.delete(CONFIG_MAP, made.live)  # another one has its name
    wanted = hand.wanted(settings("on-purpose"))
    there = await hand.live(wanted)
    assert there is not None
    await api.delete(CONFIG_MAP, there)
    await api.delete(CONFIG_MAP, there)
    assert await hand.live(wanted) is None


async def test_a_strangers_object_is_left_alone(hand: Hand, gate: Gate, place: Namespace) -> None:
    """Not a single write goes out."""
    place.kubectl.apply(manifests.config_map("theirs", {"batch": "0"}))
    gate.writes = 0
    with pytest.raises(StrangerError, match="a ConfigMap theirs that is not this resource's is in the way"):
        await hand.apply(settings("theirs"))
    assert gate.writes == 0


async def test_what_the_server_does_not_take(hand: Hand) -> None:
    """Its own words; a Deployment whose selector cannot be changed is not made anew: its pods serve."""
    with pytest.raises(RefusedError, match=r"^ConfigMap bad: .*a valid config key"):
        await hand.apply(settings("bad", **{"no/key": "x"}))
    good = await hand.apply(settings("good"))
    with pytest.raises(RefusedError, match=r"^ConfigMap good: .*a valid config key"):
        await hand.apply(settings("good", **{"no/key": "x"}))
    assert await hand.live(good.live) == good.live
    with pytest.raises(RefusedError, match=r"^Deployment worker: .*spec\.replicas: expected numeric"):
        await hand.apply({**worker("image"), "spec": {"replicas": "many"}})
    await hand.apply(worker("worker.example/image:1"))
    other = worker("worker.example/image:1")
    other["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    other["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    with pytest.raises(RefusedError, match="immutable"):
        await hand.apply(other)
    assert (await hand.apply(worker("worker.example/image:1"))).outcome in {Outcome.SAME, Outcome.SKIPPED}


async def test_what_is_not_the_objects_fault(hand: Hand) -> None:
    """A namespace that is gone: whoever asked is told of it as it is, and does not think that the object is wrong."""
    wanted = hand.wanted(settings())
    wanted["metadata"]["namespace"] = "no-such-namespace"
    with pytest.raises(ApiError) as error:
        await hand.applier.apply(wanted, None)
    assert error.value.not_found


async def test_every_character_arrives(hand: Hand) -> None:
    """An apply is YAML to the server, and YAML is not quite JSON: emoji, controls, other planes, backslashes."""
    text = '🚗 Zürich \U0001f468\u200d\U0001f469 \x7f\x85\u2028\ufeff\ufffe " \\ \\ud83d \t\n\U0010ffff 漢字 تاكسي'
    applied = await hand.apply(settings("characters", text=text))
    assert applied.live["data"]["text"] == text


async def test_what_cannot_be_changed_is_made_anew(hand: Hand) -> None:
    """An immutable ConfigMap that is to hold something else; and where its successor is refused, that is said."""
    fixed = {**settings("fixed"), "immutable": True}
    before = await hand.apply(fixed)
    other = await hand.apply({**fixed, "data": {"batch": "51"}})
    assert other.outcome is Outcome.CREATED
    assert other.live["metadata"]["uid"] != before.live["metadata"]["uid"]
    assert (await hand.apply({**fixed, "data": {"batch": "51"}})).outcome is Outcome.SKIPPED


async def test_an_object_that_changes_meanwhile(hand: Hand, place: Namespace) -> None:
    """Who comes late with what it once read gets a conflict, and overwrites nothing."""
    stale = (await hand.apply(settings("busy"))).live
    place.kubectl.patch("configmap", "busy", {"data": {"batch": "0"}})
    with pytest.raises(ChangedMeanwhileError):
        await hand.applier.apply(hand.wanted(settings("busy", batch="51")), stale)
    assert place.kubectl.must_get("configmap", "busy")["data"] == {"batch": "0"}


async def test_a_surplus_is_taken_out(hand: Hand, place: Namespace) -> None:
    """An injected container, variable, mount and volume; what was there before is what is there after."""
    image = "worker.example/image:1"
    before = (await hand.apply(worker(image))).live
    pod = "/spec/template/spec"
    patch = [
        {"op": "add", "path": f"{pod}/volumes/-", "value": {"name": "spy", "emptyDir": {}}},
        {"op": "add", "path": f"{pod}/containers/0/volumeMounts/-", "value": {"name": "spy", "mountPath": "/spy"}},
        {"op": "add", "path": f"{pod}/containers/0/env", "value": [{"name": "SPY", "value": "1"}]},
        {"op": "add", "path": f"{pod}/containers/0/envFrom", "value": [{"configMapRef": {"name": "owner"}}]},
        {"op": "add", "path": f"{pod}/containers/0", "value": {"name": "spy", "image": "spy"}},
    ]
    place.kubectl.patch("deployment", WORKER, patch)
    repaired = await hand.apply(worker(image))
    assert repaired.outcome is Outcome.REPAIRED
    assert repaired.live["spec"] == before["spec"]


def contradict(place: Namespace) -> None:
    """Makes the worker's volume one of another kind."""
    volume = {"name": "tmp", "hostPath": {"path": "/"}}
    place.kubectl.patch(
        "deployment", WORKER, [{"op": "replace", "path": "/spec/template/spec/volumes/0", "value": volume}]
    )


async def test_what_contradicts_ours_goes(hand: Hand, place: Namespace) -> None:
    """A volume is of one kind: of one that somebody made another kind the server would refuse ours beside it."""
    image = "worker.example/image:3"
    before = (await hand.apply(worker(image))).live
    contradict(place)
    repaired = await hand.apply(worker(image))
    assert repaired.outcome is Outcome.REPAIRED
    assert repaired.live["spec"] == before["spec"]
    place.kubectl("annotate", "deployment", WORKER, "example.com/seen=yes", "--overwrite")
    assert (await hand.apply(worker(image))).outcome is Outcome.SAME, "it is drift no more than once"


async def test_somebody_who_is_always_faster(hand: Hand, place: Namespace) -> None:
    """Between each reading and the apply after it: it is given up in the end, and decided anew by who asked."""
    image = "worker.example/image:4"
    await hand.apply(worker(image))
    contradict(place)
    wanted = hand.wanted(worker(image))

    class Outrun(Api):
        outran = 0

        async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
            found = await super().get(kind, namespace, name)
            self.outran += 1
            place.kubectl("annotate", kind.plural, name, f"example.com/outrun={self.outran}", "--overwrite")
            return found

    async with connected(place.cluster, client=Outrun) as outrun:
        while not outrun.outran:  # until its controller has nothing to write between our reading and our first apply
            live = await hand.live(wanted)
            with pytest.raises(ChangedMeanwhileError):
                await Applier(outrun).apply(wanted, live)
        assert outrun.outran > 1, "it tried again before it gave up"
    await hand.apply(worker(image))
    assert (await hand.apply(worker(image))).live["spec"]["template"]["spec"]["volumes"][0].keys() == {
        "name",
        "emptyDir",
    }


async def test_a_surplus_of_something_that_changes_meanwhile(hand: Hand, place: Namespace) -> None:
    """The positions that were to be removed are another object's: nothing is removed, and it is read anew."""
    image = "worker.example/image:2"
    await hand.apply(worker(image))
    inject = [{"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "spy", "image": "spy"}}]
    place.kubectl.patch("deployment", WORKER, inject)

    class Hasty(Api):
        """Somebody else is faster between the apply and the removal."""

        async def patch(self, kind: Kind, namespace: str, name: str, operations: list[Manifest]) -> Manifest:
            place.kubectl("annotate", kind.plural, name, "example.com/faster=yes")
            return await super().patch(kind, namespace, name, operations)

    async with connected(place.cluster, client=Hasty) as hasty:
        wanted = hand.wanted(worker(image))
        with pytest.raises(ChangedMeanwhileError):
            await Applier(hasty).apply(wanted, await hand.live(wanted))
    assert len((await hand.apply(worker(image))).live["spec"]["template"]["spec"]["containers"]) == 1


async def test_who_may_not_write(place: Namespace) -> None:
    """Is refused, in the server's words, whoever wanted the child."""
    token = accounts.token(place.kubectl, "default")
    async with connected(place.cluster, token=token) as nobody:
        with pytest.raises(RefusedError, match="cannot patch resource"):
            await Applier(nobody).apply(Hand(nobody, place).wanted(settings("forbidden")), None)


async def test_nobody_answers(place: Namespace) -> None:
    """That is not the child's fault: it is not refused."""
    async with connected(place.cluster, host="https://127.0.0.1:1") as away:
        with pytest.raises(UNREACHABLE):
            await Applier(away).apply(Hand(away, place).wanted(settings()), None)
