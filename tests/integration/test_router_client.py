"""The dlq-processor's way to a router: one deadline over everything, and what cannot be sent at all."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest
from tests.support.internal_listener import InternalListener

from webhookcore.delivery.outcome import Delivered
from webhookcore.redelivery import Answer
from webhookcore.store.dead_letters import ClaimedLetter
from webhookcore_workers.router_client import RouterClient, Unreached

SECRET = b"test-internal-secret-0123456789abcdef"


def claimed(correlation_id: str = "c") -> ClaimedLetter:
    at = datetime(2025, 11, 24, tzinfo=UTC)
    return ClaimedLetter(
        UUID(int=1), "rides", "keyword", None, "1", "m", "k", 2, 0, at, correlation_id, "r", None, b"{}"
    )


@asynccontextmanager
async def client(url: str, *, timeout_ms: int = 1000) -> AsyncIterator[RouterClient]:
    opened = RouterClient(url, SECRET, timeout_ms=timeout_ms, connections=2, now=lambda: datetime.now(UTC))
    try:
        yield opened
    finally:
        await opened.close()


async def test_a_dripping_answer_ends_at_the_deadline() -> None:
    """A byte every 50 ms keeps every connection alive, and no redelivery longer than timeoutMs and 2 s."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\n{}")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            with suppress(ConnectionError):
                await writer.drain()
            await asyncio.sleep(0.05)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, client(f"http://127.0.0.1:{port}", timeout_ms=100) as router:
        started = time.monotonic()
        answer = await router.deliver(claimed())
        assert time.monotonic() - started >= 2.0
    assert isinstance(answer, Unreached)
    assert "timed out" in answer.why


@pytest.mark.parametrize("base", ["", "/"])
async def test_the_path_is_added_once(base: str) -> None:
    """Whether the URL ends in a slash or not."""
    async with InternalListener() as listener, client(listener.base_url + base) as router:
        assert await router.deliver(claimed()) == Answer(Delivered(200), "rides", 2)
        assert listener.requests[0].target == "/internal/deliver"


@pytest.mark.parametrize("odd", ["line\nbreak", "é", "nul\0"])
async def test_a_correlation_id_that_is_no_header_is_left_out(odd: str) -> None:
    """A row that somebody wrote by hand; the id travels in the body all the same."""
    async with InternalListener() as listener, client(listener.base_url) as router:
        assert isinstance(await router.deliver(claimed(odd)), Answer)
        assert "x-correlation-id" not in listener.requests[0].headers
        assert listener.redeliveries[0].correlation_id == odd


async def test_a_name_that_nobody_has() -> None:
    """Told by its cause."""
    async with client("https://no-such-router.invalid:9090") as router:
        answer = await router.deliver(claimed())
    assert isinstance(answer, Unreached)
    assert answer.why.startswith("https://no-such-router.invalid:9090/internal/deliver: ")
