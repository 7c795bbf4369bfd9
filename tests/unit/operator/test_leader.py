"""The leader's lease: its arithmetic, against leases in memory. A real API server's part is in tests/cluster."""

import asyncio
import copy
import logging
import time
from collections.abc import Callable
from typing import Any, TypeAlias, cast

import pytest
from tests.support.pages import ROOT
from tests.support.processes import Process
from tests.unit.operator import leading

from webhookcore_operator.api import Api, ApiError
from webhookcore_operator.kinds import Kind
from webhookcore_operator.leader import NAME, Leadership, NotLeaderError, Times
from webhookcore_operator.render.inputs import Manifest

Meanwhile: TypeAlias = Callable[[], None]

TIMES = Times(duration=30.0, deadline=20.0, retry=0.0)
LEADING = leading.__name__


class Leases:
    """One namespace's; every question takes `step` seconds of the clock that all share."""

    def __init__(self, step: float = 1.0) -> None:
        self.now = 1000.0
        self.step = step
        self.lease: Manifest | None = None
        self.before_write: Meanwhile = lambda: None
        self.before_read: Meanwhile = lambda: None
        self.reads = 0

    def clock(self) -> float:
        return self.now

    def change(self, **spec: Any) -> None:
        """By somebody else."""
        assert self.lease is not None
        self.lease["spec"] |= spec
        self._stamp(self.lease)

    def _stamp(self, lease: Manifest) -> None:
        old = int((self.lease or {}).get("metadata", {}).get("resourceVersion", "0"))
        lease["metadata"]["resourceVersion"] = str(old + 1)
        self.lease = lease

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        assert (kind.name, namespace, name) == ("Lease", "system", NAME)
        await asyncio.sleep(0)
        self.now += self.step
        self.reads += 1
        self.before_read()
        return copy.deepcopy(self.lease)

    async def create(self, _: Kind, __: str, body: Manifest) -> Manifest:
        self.before_write()
        if self.lease is not None:
            raise ApiError(409, "AlreadyExists", "it is there")
        self._stamp(copy.deepcopy(body))
        return copy.deepcopy(cast("Manifest", self.lease))

    async def replace(self, _: Kind, __: str, ___: str, body: Manifest) -> Manifest:
        self.before_write()
        assert self.lease is not None
        if body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise ApiError(409, "Conflict", "it has changed")
        self._stamp(copy.deepcopy(body))
        return copy.deepcopy(self.lease)

    @property
    def api(self) -> Api:
        return cast("Api", self)

    @property
    def holder(self) -> Any:
        return (self.lease or {}).get("spec", {}).get("holderIdentity")

    def leadership(self, identity: str = "a", times: Times = TIMES, owner: Manifest | None = None) -> Leadership:
        return Leadership(identity=identity, namespace="system", owner=owner, times=times, clock=self.clock)


async def acquired(leases: Leases, identity: str = "a") -> Leadership:
    made = leases.leadership(identity)
    async with asyncio.timeout(20):
        await made.acquire(leases.api)
    return made


# Taking it


async def test_a_free_lease_is_taken_at_once() -> None:
    """Made where there is none."""
    leases = Leases()
    leadership = await acquired(leases)
    assert (leadership.leads, leases.reads) == (True, 1)
    assert leases.lease is not None
    assert leases.lease["metadata"]["name"] == NAME
    spec = leases.lease["spec"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("a", 30, 0)
    assert spec["acquireTime"] == spec["renewTime"]
    assert spec["renewTime"].endswith("Z")


async def test_it_goes_with_the_operators_service_account() -> None:
    """With the one of whoever holds it: an installation before may have had another."""
    leases = Leases()
    for uid in ("before", "now"):
        owner = {"apiVersion": "v1", "kind": "ServiceAccount", "name": "operator", "uid": uid}
        leadership = leases.leadership(owner=owner)
        await leadership.acquire(leases.api)
        assert leases.lease is not None
        assert leases.lease["metadata"]["ownerReferences"] == [owner]
        assert leases.lease["metadata"]["name"] == NAME
        await leadership.release(leases.api)


async def test_nobody_leads_who_has_not_got_it() -> None:
    """Before, and where another one has."""
    leases = Leases()
    assert not leases.leadership().leads
    with pytest.raises(NotLeaderError):
        leases.leadership().gate()


async def test_one_that_is_held_is_taken_when_it_stood_still_for_its_duration() -> None:
    """By the own clock, from when it was first seen; what its times say counts for nothing: clocks differ."""
    leases = Leases(step=5.0)
    await acquired(leases, "a")
    leases.change(renewTime="2000-01-01T00:00:00.000000Z")
    start = leases.now
    other = await acquired(leases, "b")
    first_seen = start + 5.0
    assert leases.now - first_seen == pytest.approx(35.0)  # more than 30, and one asks each 5
    assert (leases.holder, other.leads) == ("b", True)
    assert leases.lease is not None
    assert leases.lease["spec"]["leaseTransitions"] == 1


async def test_its_own_duration_counts() -> None:
    """Not that of whoever waits; one without any is good for the usual one."""
    for said, waited in ((60, 65.0), (None, 35.0)):
        leases = Leases(step=5.0)
        await acquired(leases, "a")
        leases.change(leaseDurationSeconds=said)
        start = leases.now
        await acquired(leases, "b")
        assert leases.now - (start + 5.0) == pytest.approx(waited)


async def test_one_that_is_renewed_is_waited_for() -> None:
    """Each change starts the wait anew."""
    leases = Leases(step=5.0)
    await acquired(leases, "a")
    last_change = 0.0

    def renew() -> None:
        nonlocal last_change
        if leases.reads < 40 and leases.reads % 6 == 0:
            leases.change()
            last_change = leases.now

    leases.before_read = renew
    await acquired(leases, "b")
    assert leases.reads > 40
    assert leases.now - last_change > 30


async def test_who_comes_second_loses() -> None:
    """Two that find it free, or run out, at the same time: the API server lets one through."""
    leases = Leases()

    def rival() -> None:
        leases.before_write = lambda: None
        if leases.lease is None:
            leases._stamp({"metadata": {}, "spec": {"holderIdentity": "rival", "leaseDurationSeconds": 30}})
        else:
            leases.change(holderIdentity="rival")

    leases.before_write = rival
    slow = leases.leadership("slow")
    assert not await slow._try(leases.api)
    assert (leases.holder, slow.leads) == ("rival", False)
    leases.change(holderIdentity="")
    leases.before_write = rival
    assert not await slow._try(leases.api)
    assert (leases.holder, slow.leads) == ("rival", False)


async def test_ones_own_lease_is_taken_at_once() -> None:
    """A container that started again in its pod: nobody else has that name."""
    leases = Leases()
    await acquired(leases, "a")
    before = copy.deepcopy(cast("Manifest", leases.lease))["spec"]
    reads = leases.reads
    assert (await acquired(leases, "a")).leads
    assert leases.reads == reads + 1
    assert leases.lease is not None
    after = leases.lease["spec"]
    assert (after["acquireTime"], after["leaseTransitions"]) == (before["acquireTime"], 0)


async def test_an_api_server_that_is_away_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever waits, waits."""
    leases = Leases()

    def away() -> None:
        if leases.reads < 5:
            raise TimeoutError

    leases.before_read = away
    assert (await acquired(leases)).leads
    assert leases.reads == 5
    assert "the lease was not renewed: TimeoutError" in caplog.text


# Keeping it


async def test_the_gate_closes_at_the_deadline() -> None:
    """Counted from before the renewal was sent: ten seconds before anybody else may lead."""
    leases = Leases()
    start = leases.now
    leadership = await acquired(leases)
    leases.now = start + 19.9
    leadership.gate()
    leases.now = start + 20.0
    with pytest.raises(NotLeaderError):
        leadership.gate()


async def test_renewing_moves_the_deadline() -> None:
    """And the version of the lease, which tells the others."""
    leases = Leases()
    leadership = await acquired(leases)
    version = cast("Manifest", leases.lease)["metadata"]["resourceVersion"]
    keeping = asyncio.create_task(leadership.keep(leases.api))
    while leases.reads < 100:
        await asyncio.sleep(0)
        assert leadership.leads
    keeping.cancel()
    assert cast("Manifest", leases.lease)["metadata"]["resourceVersion"] != version


@pytest.mark.parametrize("holder", ["somebody", "b"])
async def test_a_lease_changed_by_hand_ends_it(holder: str) -> None:
    """At the next renewal, long before the deadline."""
    leases = Leases()
    leadership = await acquired(leases)
    leases.change(holderIdentity=holder)
    with pytest.raises(NotLeaderError):
        await leadership.keep(leases.api)
    assert not leadership.leads
    version = cast("Manifest", leases.lease)["metadata"]["resourceVersion"]
    await leadership.release(leases.api)
    assert cast("Manifest", leases.lease)["metadata"]["resourceVersion"] == version  # it is not ours to release


async def test_an_api_server_that_is_away_is_borne_until_the_deadline() -> None:
    """Then another one may lead soon."""
    leases = Leases()
    leadership = await acquired(leases)
    start = leases.now - 1

    def away() -> None:
        raise ConnectionRefusedError

    leases.before_read = away
    with pytest.raises(NotLeaderError):
        await leadership.keep(leases.api)
    assert leases.now - start == pytest.approx(20.0)


async def test_a_lease_that_was_deleted_is_made_again() -> None:
    """By who leads. Who has seen it held waits as long as if it still were: there are never two leaders."""
    leases = Leases()
    leadership, rival = await acquired(leases), leases.leadership("b")
    assert not await rival._try(leases.api)
    leases.lease = None
    assert not await rival._try(leases.api)
    assert await leadership._try(leases.api)
    assert leases.holder == "a"
    assert not await rival._try(leases.api)
    leases.lease = None
    assert not await rival._try(leases.api)
    leases.now += TIMES.duration
    assert await rival._try(leases.api)
    assert not leadership.leads


async def test_a_lease_that_was_deleted_after_another_took_it() -> None:
    """What somebody saw run out says nothing of who held it when it was deleted: it waits for the whole time."""
    leases = Leases()
    await acquired(leases)
    rival = leases.leadership("b")
    assert not await rival._try(leases.api)
    leases.now += TIMES.duration - 2
    leases.change(holderIdentity="c")
    leader = await acquired(leases, "c")
    leases.now += 1
    leases.lease = None
    assert not await rival._try(leases.api)
    assert await leader._try(leases.api)
    assert leases.holder == "c"


# Letting it go


async def test_after_a_release_another_one_leads_at_once() -> None:
    """And who released it writes nothing more."""
    leases = Leases()
    leadership = await acquired(leases)
    await leadership.release(leases.api)
    with pytest.raises(NotLeaderError):
        leadership.gate()
    reads = leases.reads
    assert (await acquired(leases, "b")).leads
    assert leases.reads == reads + 1


async def test_a_release_without_a_lease_does_nothing() -> None:
    """Who only waited has nothing to give."""
    leases = Leases()
    await leases.leadership().release(leases.api)
    assert leases.lease is None


async def test_a_release_that_fails_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    """The lease runs out by itself."""
    leases = Leases()
    leadership = await acquired(leases)
    leases.change()
    with caplog.at_level(logging.WARNING):
        await leadership.release(leases.api)
    assert not leadership.leads
    assert "the lease is not released, it runs out by itself: 409 Conflict" in caplog.text


# The watchdog


async def test_the_watchdog_ends_who_could_not_renew(monkeypatch: pytest.MonkeyPatch) -> None:
    """And rests while the lease is held."""
    leases = Leases()
    leadership = await acquired(leases)
    ended: list[int] = []

    def end(code: int) -> None:
        ended.append(code)
        leadership._until = 0.0

    def later(_: float) -> None:
        leases.now += 6

    monkeypatch.setattr("webhookcore_operator.leader.os._exit", end)
    monkeypatch.setattr("webhookcore_operator.leader.time.sleep", later)
    leadership._watchdog()
    assert ended == [1]
    assert 1020 <= leases.now <= 1032


async def test_a_request_that_hangs_does_not_cost_the_leadership() -> None:
    """It is given up in time for another one; until when this process leads counts from the one that was answered."""
    leases = Leases()
    times = Times(duration=30.0, deadline=20.0, retry=0.0, request=0.2)
    leadership = leases.leadership(times=times)
    await leadership.acquire(leases.api)
    answers = leases.get
    hung = asyncio.Event()

    async def hang(*_: Any) -> None:
        leases.get = answers  # type: ignore[method-assign]
        hung.set()
        await asyncio.Event().wait()

    leases.get = hang  # type: ignore[method-assign, assignment]
    reads = leases.reads
    keeping = asyncio.create_task(leadership.keep(leases.api))
    async with asyncio.timeout(20):
        await hung.wait()
        while leases.reads == reads:  # noqa: ASYNC110 - the lease sets no event
            await asyncio.sleep(0.01)
    keeping.cancel()
    assert leadership.leads


async def leads(mode: str) -> Process:
    """A process that leads for two seconds at most, and tells of each write that its gate let through."""
    process = await Process.start(mode, env={}, cwd=ROOT, module=LEADING)
    await process.wait_for_line("write")
    return process


async def test_a_process_that_was_stopped_past_its_deadline_writes_no_more() -> None:
    """SIGSTOP and SIGCONT: it goes on where it was, but for a write whose gate it had passed already."""
    async with await leads("unreachable") as process:
        process.pause()
        await asyncio.sleep(leading.DEADLINE + 0.5)
        before = len(process.lines)
        process.resume()
        assert await process.wait() == 1
        assert len(process.lines) <= before + 1
        assert "the leader's lease could not be renewed in time" in process.output()


async def test_a_process_whose_loop_hangs_is_ended() -> None:
    """The watchdog needs no loop."""
    start = time.monotonic()
    async with await leads("hanging") as process:
        assert await process.wait() == 1
        assert time.monotonic() - start < 30
        assert "the leader's lease could not be renewed in time: ending at once" in process.output()


async def test_a_process_that_released_its_lease_is_left_alone() -> None:
    """It has all the time that it needs to end."""
    async with await leads("released") as process:
        assert await process.wait() == 0
        assert process.lines[-1] == "ended by itself"
