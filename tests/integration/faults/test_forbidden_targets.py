"""Routes that lead where nothing may be sent: a cloud's metadata, the router itself, another scheme."""

from pathlib import Path

import pytest
from tests.support.config import environment, route, write_config
from tests.support.fleet import FAST, fleet
from tests.support.ledger import Meta, WatchedService, check, kept, query, until_settled
from tests.support.ports import free_port
from tests.support.processes import run


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/latest/",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://metadata.google.internal/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1/",
    ],
)
async def test_refused_by_the_settings(database_url: str, tmp_path: Path, url: str) -> None:
    """Where the address or the scheme says it, the settings are refused, and with them the router's start."""
    config = write_config(tmp_path, route("rides", url, keywords=["ride"]), router=FAST)
    checked = await run("check", str(config), env=environment(database_url))
    assert checked.returncode == 78, checked.output()
    assert "spec.routes" in checked.output()
    started = await run("router", "--config", str(config), env=environment(database_url))
    assert started.returncode == 78, started.output()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_a_route_to_the_router_itself(database_url: str, tmp_path: Path, host: str) -> None:
    """Nothing is sent round in a circle: its events become dead letters, by address and by name; others go on."""
    port = free_port()
    async with WatchedService() as jobs:
        config = write_config(
            tmp_path,
            route("circle", f"http://{host}:{port}/wa-webhook-core", keywords=["circle"]),
            route("jobs", jobs.url, keywords=["job"]),
            router=FAST,
        )
        async with fleet(config, database_url, count=0) as routers, Meta(routers.pick_any) as client:
            router = await routers.start(public_port=port)
            refused = await client.send("circle")
            await client.send("job")
            await until_settled(database_url)
            await router.wait_until(lambda: len(router.events("CORE_WEBHOOK_RECEIVED")) >= 2)
            assert len(router.events("CORE_WEBHOOK_RECEIVED")) == 2
        assert query(database_url, "SELECT error_code, attempts FROM wa_dead_letter_queue") == [("RefusedTarget", 1)]
        check(client.sent, {"jobs": jobs}, database_url)
        assert [row.key for row in kept(database_url)] == [refused.key]
