"""Whether a port is free, and who has it."""

import os
import socket
from pathlib import Path

from tests.support.ports import free_port

from webhookcore_cli.local.listeners import check_free


def test_a_free_port_is_free() -> None:
    """And stays so: looking takes it from nobody."""
    port = free_port()
    assert check_free("127.0.0.1", port) is None
    assert check_free("127.0.0.1", port) is None


def test_a_taken_port_is_told_with_its_owner() -> None:
    """This very process, by name and pid."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        name = Path("/proc/self/comm").read_text().strip()
        assert check_free("127.0.0.1", port) == f"port {port} is taken by {name} (pid {os.getpid()})"


def test_an_address_of_another_machine_is_told() -> None:
    """The system's own words."""
    assert "cannot be used: Cannot assign requested address" in str(check_free("192.0.2.1", free_port()))
