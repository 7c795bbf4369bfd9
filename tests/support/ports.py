"""Ports that nobody uses."""

import os
import random
import socket
from itertools import cycle
from typing import Final

BELOW_EPHEMERAL: Final = range(10_000, 32_000)
"""A port of the ephemeral range could become an outgoing connection's before a server takes it."""

# A server takes its port seconds after it was chosen: until then nobody else may be given it, in no worker.
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_ours = list(BELOW_EPHEMERAL[_worker::_workers])
random.shuffle(_ours)
_turns = cycle(_ours)


def free_port() -> int:
    """A loopback port that was free a moment ago, and that no other test of this run is given."""
    while True:
        port = next(_turns)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
