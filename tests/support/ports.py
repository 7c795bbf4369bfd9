"""Ports that nobody uses."""

import random
import socket
from typing import Final

BELOW_EPHEMERAL: Final = range(10_000, 32_000)
"""A port of the ephemeral range could become an outgoing connection's before a server takes it."""


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    while True:
        port = random.choice(BELOW_EPHEMERAL)  # noqa: S311 - a port is no secret
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
