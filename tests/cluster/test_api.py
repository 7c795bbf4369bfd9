"""The operator's client of the API server, in this process, at the real one."""

import copy
from collections.abc import Callable

import pytest
from tests.cluster.support import accounts, manifests
from tests.cluster.support.client import Gate, connected
from tests.cluster.support.kubectl import eventually
from tests.cluster.support.namespace import Namespace

from webhookcore_operator.api import UNREACHABLE, Api, ApiError
from webhookcore_operator.kinds import CONFIG_MAP, CRON_JOB, LEASE, SECRET, Kind
from webhookcore_operator.leader import NotLeaderError
from webhookcore_operator.render.names import FIELD_MANAGER


@pytest.fixture(scope="module")
def place(module_namespaces: Callable[[], Namespace]) -> Namespace:
    return module_namespaces()


async def test_a_closed_gate_sends_nothing(api: Api, gate: Gate, place: Namespace) -> None:
    """Who does not lead sends no write, of whatever kind, as the API server's log shows. Reading is free."""
    made = await api.create(CONFIG_MAP, place.name, manifests.config_map("fenced", {}))
    log = place.cluster.audit()
    gate.closed = NotLeaderError("the lease is not held")
    for write in (
        lambda: api.apply(CONFIG_MAP, place.name, "fenced", manifests.config_map("fenced", {"batch": "51"})),
        lambda: api.create(CONFIG_MAP, place.name, manifests.config_map("another", {})),
        lambda: api.replace(CONFIG_MAP, place.name, "fenced", made),
        lambda: api.patch(CONFIG_MAP, place.name, "fenced", []),
        lambda: api.delete(CONFIG_MAP, made),
    ):
        with pytest.raises(NotLeaderError):
            await write()
    assert await api.get(CONFIG_MAP, place.name, "fenced") == made
    ours = eventually(
        lambda: [each for each in log.requests() if each.namespace == place.name and each.agent == FIELD_MANAGER],
        "the reading in the audit log",
    )
    assert {each.verb for each in ours} == {"get"}


async def test_who_may_not(place: Namespace) -> None:
    """The server's words, with its status."""
    token = accounts.token(place.kubectl, "default")
    async with connected(place.cluster, token=token) as nobody:
        with pytest.raises(ApiError) as error:
            await nobody.list_all(SECRET, place.name)
        assert error.value.forbidden
        assert "default" in error.value.message
        with pytest.raises(ApiError) as error:
            await nobody.get(SECRET, place.name, "any")
        assert error.value.reason == "Forbidden"


async def test_nobody_answers(place: Namespace) -> None:
    """An API server that is away is told apart from one that refuses: the same error each time, and no retry inside."""
    async with connected(place.cluster, host="https://127.0.0.1:1") as away:
        with pytest.raises(UNREACHABLE):
            await away.get(CONFIG_MAP, place.name, "any")


async def test_kinds_that_the_cluster_has_or_not(api: Api) -> None:
    """The resource's is served; a group that nobody installed is not, nor a kind that its group does not have."""
    assert await api.serves(CRON_JOB)
    assert not await api.serves(Kind("batch/v1", "CronTab", "crontabs"))
    assert not await api.serves(Kind("nobody.example/v1", "Nothing", "nothings"))


async def test_long_lists_come_in_pages(api: Api, place: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, each once, with its kind; labels narrow them down."""
    monkeypatch.setattr("webhookcore_operator.api._PAGE", 2)  # else it took hundreds of objects to fill several pages
    labelled = [manifests.config_map(f"page-{number}", {}) for number in range(5)]
    for each in labelled:
        each["metadata"]["labels"] = {"app": "pages", "odd": "yes"}
    place.kubectl.apply(*labelled)
    found = await api.list_all(CONFIG_MAP, place.name, labels={"app": "pages", "odd": "yes"})
    assert [each["metadata"]["name"] for each in found] == [f"page-{number}" for number in range(5)]
    assert {(each["kind"], each["apiVersion"]) for each in found} == {("ConfigMap", "v1")}
    assert len(await api.list_all(CONFIG_MAP, place.name)) > 5


async def test_a_lease_that_changed_is_not_replaced(api: Api, place: Namespace) -> None:
    """Of two who read the same lease one gets it."""
    body = {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": {"name": "one"}, "spec": {}}
    read = await api.create(LEASE, place.name, body)
    with pytest.raises(ApiError) as error:
        await api.create(LEASE, place.name, body)
    assert error.value.conflict
    first = copy.deepcopy(read)
    first["spec"]["holderIdentity"] = "first"
    await api.replace(LEASE, place.name, "one", first)
    with pytest.raises(ApiError) as error:
        await api.replace(LEASE, place.name, "one", {**read, "spec": {"holderIdentity": "second"}})
    assert error.value.conflict
