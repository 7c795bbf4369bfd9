"""Where routes may not lead."""

import asyncio
import socket
from collections.abc import Collection
from ipaddress import ip_address

import pytest

from webhookcore_router.targets import Address, Change, Targets, is_own, judge, resolve

METADATA = "points at a cloud metadata address"
ITSELF = "points at this router itself"
ELSEWHERE = ip_address("203.0.113.7")
INSTANCE = ip_address("169.254.169.254")


class Names:
    """A name server of the test's own: no real one leads where the test must go."""

    def __init__(self, **found: Address) -> None:
        self.found: dict[str, Collection[Address]] = {f"{name}.test": {address} for name, address in found.items()}
        self.asked: list[str] = []

    async def resolve(self, host: str) -> Collection[Address]:
        self.asked.append(host)
        return self.found.get(host, ())


@pytest.mark.parametrize(
    ("url", "refusal"),
    [
        ("http://169.254.169.254/latest/meta-data", METADATA),
        ("http://2852039166/", METADATA),
        ("http://0xa9.0xfe.0xa9.0xfe/", METADATA),
        ("http://0251.0376.0251.0376/", METADATA),
        ("http://169.254.169.254.:8080/", METADATA),
        ("http://[::ffff:169.254.169.254]/", METADATA),
        ("http://[fd00:ec2::254]/", METADATA),
        ("http://metadata.google.internal/", METADATA),
        ("http://METADATA.google.internal./", METADATA),
        ("http://127.0.0.1:8080/", ITSELF),
        ("http://127.1:8080/", ITSELF),
        ("http://0.0.0.0:9090/", ITSELF),
        ("http://[::1]:8080/", ITSELF),
        ("http://[::]:8080/", ITSELF),
        ("ftp://203.0.113.7/", "is neither http nor https"),
        ("http://127.0.0.1:8081/", None),
        ("http://203.0.113.7:8080/", None),
        ("https://10.0.0.1/", None),
    ],
)
def test_literals_are_judged_at_load(url: str, refusal: str | None) -> None:
    """However an address is written: the URL standard reads it as the HTTP client will."""
    assert Targets({"a": url}, (8080, 9090)).refusal("a") == refusal


def test_default_ports_count() -> None:
    """A URL without a port has its scheme's."""
    assert Targets({"a": "http://127.0.0.1/"}, (80,)).refusal("a") == ITSELF
    assert Targets({"a": "https://127.0.0.1/"}, (80,)).refusal("a") is None


def test_what_is_no_url_is_refused() -> None:
    """Settings that got past their own check end here."""
    with pytest.raises(ValueError, match="invalid"):
        Targets({"a": "http://[::1"}, ())


async def test_names_are_judged_by_where_they_lead() -> None:
    """One bad address among several is enough; each name is asked for once."""
    names = Names(good=ELSEWHERE, bad=INSTANCE)
    names.found["both.test"] = {ELSEWHERE, INSTANCE}
    urls = {
        "good": "http://good.test/",
        "bad": "http://bad.test/",
        "again": "http://bad.test/x",
        "both": "http://both.test",
    }
    targets = Targets(urls, (), names.resolve)
    assert [targets.refusal(route) for route in urls] == [None] * 4
    changes = await targets.check()
    assert changes == [Change(route, METADATA) for route in ("bad", "again", "both")]
    assert [targets.refusal(route) for route in urls] == [None, METADATA, METADATA, METADATA]
    assert sorted(names.asked) == ["bad.test", "both.test", "good.test"]


async def test_a_name_may_turn_and_turn_back() -> None:
    """Each check judges anew, and tells only what is new."""
    names = Names(a=ELSEWHERE)
    targets = Targets({"a": "http://a.test/"}, (), names.resolve)
    assert await targets.check() == []
    names.found["a.test"] = {INSTANCE}
    assert await targets.check() == [Change("a", METADATA)]
    assert await targets.check() == []
    names.found["a.test"] = ()
    assert await targets.check() == []
    assert targets.refusal("a") == METADATA, "a name server that is away changes nothing"
    names.found["a.test"] = {ELSEWHERE}
    assert await targets.check() == [Change("a", None)]
    assert targets.refusal("a") is None


async def test_a_name_that_leads_back_here() -> None:
    """Names are compared with this machine's addresses and this router's ports."""
    names = Names(me=ip_address("127.0.0.1"))
    targets = Targets({"mine": "http://me.test:8080/", "other": "http://me.test:8081/"}, (8080,), names.resolve)
    assert await targets.check() == [Change("mine", ITSELF)]


async def test_watching_tells_changes() -> None:
    """The watch goes on until it is cancelled."""
    names = Names(a=INSTANCE)
    targets = Targets({"a": "http://a.test/"}, (), names.resolve)
    changes: asyncio.Queue[Change] = asyncio.Queue()
    watch = asyncio.create_task(targets.watch(changes.put_nowait, every_seconds=0.001))
    assert await changes.get() == Change("a", METADATA)
    names.found["a.test"] = {ELSEWHERE}
    assert await changes.get() == Change("a", None)
    watch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watch


async def test_the_systems_name_server() -> None:
    """A real name leads to its addresses; what is none, or cannot be one, to nothing."""
    assert {ip_address("127.0.0.1"), ip_address("::1")} & set(await resolve("localhost"))
    assert await resolve("a" * 64 + ".test") == ()
    assert await resolve("bad..name") == ()


def test_own_addresses() -> None:
    """What this machine can bind to is its own."""
    assert is_own(ip_address("127.0.0.1"))
    assert is_own(ip_address("::"))
    assert not is_own(ELSEWHERE)
    assert not is_own(ip_address("2001:db8::1"))


def test_an_own_address_beyond_loopback() -> None:
    """The address that this machine would be reached by from outside is its own, too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(ELSEWHERE), 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no network")
        mine = ip_address(probe.getsockname()[0])
    assert is_own(mine)
    assert judge(str(mine), 8080, {mine}, (8080,)) == ITSELF


def test_judging_needs_no_address() -> None:
    """A name without an address is judged by its name alone."""
    assert judge("metadata.google.internal", 80, (), ()) == METADATA
    assert judge("mobility.example.svc", 8080, (), (8080,)) is None
