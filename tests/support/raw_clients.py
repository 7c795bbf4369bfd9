"""Clients below HTTP libraries: they stop in the middle, or reset the connection; and what a router's process holds."""

import asyncio
import socket
import struct
from pathlib import Path

from tests.support import meta
from tests.support.config import APP_SECRET
from tests.support.processes import Process, RouterProcess


async def send_and_reset(router: RouterProcess, body: bytes, limit: asyncio.Semaphore) -> None:
    """A whole signed notification, and a moment later a reset instead of reading the answer."""
    async with limit:
        _, writer = await asyncio.open_connection("127.0.0.1", router.public_port)
        writer.write(request(router, body))
        await writer.drain()
        await asyncio.sleep(0.001)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


async def begin_a_body(router: RouterProcess, size: int) -> asyncio.StreamWriter:
    """Sends a request but for the last byte of its body."""
    _, writer = await asyncio.open_connection("127.0.0.1", router.public_port)
    writer.write(request(router, b"x" * size)[:-1])
    return writer


def request(router: RouterProcess, body: bytes) -> bytes:
    head = (
        f"POST {router.path} HTTP/1.1\r\nHost: router\r\nContent-Length: {len(body)}\r\n"
        f"X-Hub-Signature-256: {meta.signature(body, APP_SECRET)}\r\n\r\n"
    )
    return head.encode() + body


def open_files(process: Process) -> int:
    return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))


def resident_most(process: Process) -> int:
    """The most memory that a process ever had, in bytes."""
    return _status(process, "VmHWM")


def resident_now(process: Process) -> int:
    """Bytes of memory."""
    return _status(process, "VmRSS")


def _status(process: Process, name: str) -> int:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024
