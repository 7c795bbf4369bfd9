"""Watches where the routes' names lead, and refuses what must not be reached: cloud metadata, and this router itself.

A name is resolved at load and every 30 s, and the HTTP client resolves it once more for each connection that it opens.
Whoever controls a route's name server can lead one of those elsewhere in between; pinning the checked address would
close that gap, and break every service whose pods come and go. A loop through another replica or a load balancer has
no address to tell it by: the public listener knows it by the header X-Routed-From.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from pyreqwest.http import Url

from webhookcore.delivery.addresses import is_metadata, literal

Address = IPv4Address | IPv6Address
Resolve = Callable[[str], Awaitable[Collection[Address]]]

CHECK_SECONDS: Final = 30.0
_RESOLVE_SECONDS: Final = 5.0
_METADATA: Final = "points at a cloud metadata address"
_ITSELF: Final = "points at this router itself"


@dataclass(frozen=True, slots=True)
class Change:
    """A route that is refused from now on (`refusal` says why), or no longer (None)."""

    route: str
    refusal: str | None


async def resolve(host: str) -> Collection[Address]:
    """The addresses of a name; none when it cannot be resolved now."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_RESOLVE_SECONDS):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # TimeoutError is an OSError
        return ()
    return {ip_address(sockaddr[0]) for *_, sockaddr in found}


def is_own(address: Address) -> bool:
    """Whether an address is one of this machine's: only those can be bound to."""
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
        return True


def judge(host: str, port: int | None, addresses: Collection[Address], own_ports: Collection[int]) -> str | None:
    """Why a host must not be reached, by its name and by the addresses that it has now; None where it may."""
    if is_metadata(host) or any(is_metadata(address) for address in addresses):
        return _METADATA
    if port in own_ports and any(is_own(address) for address in addresses):
        return _ITSELF
    return None


class Targets:
    """What is refused, by route."""

    def __init__(self, urls: Mapping[str, str | Url], own_ports: Collection[int], resolve: Resolve = resolve) -> None:
        """`urls`: where each route (or the home menu) is posted. `own_ports`: those that this router listens on.

        Raises ValueError for what is no URL. Literal addresses are judged here, names by the first `check`.
        """
        self._urls = {route: url if isinstance(url, Url) else Url(url) for route, url in urls.items()}
        self._own_ports = own_ports
        self._resolve = resolve
        self._refused: dict[str, str] = {}
        for route, url in self._urls.items():
            address = literal(url.host_str or "")
            self._settle(route, self._judge(url, () if address is None else (address,)))

    def refusal(self, route: str) -> str | None:
        """Why nothing may be sent to a route now."""
        return self._refused.get(route)

    async def check(self) -> list[Change]:
        """Resolves every name and judges it. One that cannot be resolved keeps the judgement that it had."""
        named = {route: url for route, url in self._urls.items() if literal(url.host_str or "") is None}
        hosts = sorted({url.host_str or "" for url in named.values()})
        found = dict(zip(hosts, await asyncio.gather(*(self._resolve(host) for host in hosts)), strict=True))
        changes = []
        for route, url in named.items():
            addresses = found[url.host_str or ""]
            if addresses and self._settle(route, refusal := self._judge(url, addresses)):
                changes.append(Change(route, refusal))
        return changes

    async def watch(self, on_change: Callable[[Change], None], every_seconds: float = CHECK_SECONDS) -> None:
        """Checks until cancelled; the caller made the first check."""
        while True:
            await asyncio.sleep(every_seconds)
            for change in await self.check():
                on_change(change)

    def _judge(self, url: Url, addresses: Collection[Address]) -> str | None:
        if url.scheme not in ("http", "https"):
            return "is neither http nor https"
        return judge(url.host_str or "", url.port_or_known_default, addresses, self._own_ports)

    def _settle(self, route: str, refusal: str | None) -> bool:
        """Keeps a judgement; whether it is another than before."""
        if refusal == self._refused.get(route):
            return False
        if refusal is None:
            del self._refused[route]
        else:
            self._refused[route] = refusal
        return True
