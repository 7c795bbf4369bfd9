"""`webhookcore operator` as a process, without a cluster: what it says of itself while it waits, and how it ends."""

import json
import socket
from pathlib import Path

import httpx
import pytest
from tests.support.ports import free_port
from tests.support.processes import Process


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """Of an API server that is away."""
    cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{free_port()}"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    users = [{"name": "u", "user": {"token": "t"}}]
    config = {"apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [cluster], "users": users}
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps({**config, "contexts": [context]}))
    return path


async def start(kubeconfig: Path, port: int) -> Process:
    environ = {"WEBHOOKCORE_OPERATOR_IMAGE": "webhook-core:1", "WEBHOOKCORE_OPERATOR_PORT": str(port)}
    return await Process.start("operator", env={**environ, "KUBECONFIG": str(kubeconfig), "POD_NAME": "operator-1"})


@pytest.mark.parametrize("how", ["terminate", "interrupt"])
async def test_a_replica_waits_for_the_api_server_until_it_is_told_to_stop(kubeconfig: Path, how: str) -> None:
    """It is well meanwhile, says what is missing on stderr, and ends with 0; stdout stays empty."""
    port = free_port()
    async with await start(kubeconfig, port) as process:
        await process.wait_for_line("WARNING webhookcore_operator.leader: the lease was not renewed: Cannot connect")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/readyz")).status_code == 200
            assert "webhookcore_operator_leader 0.0" in (await client.get("/metrics")).text
        getattr(process, how)()
        assert await process.wait(20) == 0
        assert process.lines == []
        assert "Traceback" not in process.output()


async def test_a_port_that_is_taken_is_told(kubeconfig: Path) -> None:
    """Which one, and what chooses another."""
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104 - as the operator does
        port = taken.getsockname()[1]
        async with await start(kubeconfig, port) as process:
            assert await process.wait() == 1
    assert f"webhookcore: the port {port} cannot be listened on: " in process.output()
    assert "Choose another one with WEBHOOKCORE_OPERATOR_PORT." in process.output()
    assert "Traceback" not in process.output()
