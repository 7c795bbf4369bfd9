"""`webhookcore run`: the whole system on this machine, from its start to Ctrl-C, and what can go wrong with it."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from tests.conftest import Answered
from tests.support.config import SECRETS, route, write_config
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.services import Answer, FakeService

from webhookcore.settings import read_config

Command = Callable[..., Answered]
UP_SECONDS = 90.0


@dataclass(frozen=True)
class Place:
    """Where a test's system lives."""

    config: Path
    data: Path
    port: int
    internal_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def arguments(self, *more: str) -> list[str]:
        ports = ("--port", str(self.port), "--internal-port", str(self.internal_port))
        return ["run", "--config", str(self.config), *ports, "--data-dir", str(self.data), *more]

    def running(self) -> dict[str, str]:
        running: dict[str, str] = json.loads((self.data / "running.json").read_text())
        return running

    async def send(self, text: str, sender: str = "491701234567", *, insist: bool = False) -> dict[str, Any]:
        """`webhookcore send`, which finds the system by its data folder; `insist`: again after a 503, as Meta does."""
        arguments = ("send", text, "--from", sender, "--data-dir", str(self.data), "--json")
        while True:
            async with await Process.start(*arguments, env={}, cwd=self.data.parent) as process:
                code = await process.wait()
            answer: dict[str, Any] = json.loads("\n".join(process.lines))
            if not (insist and answer["status"] == 503):
                assert code == 0, process.output()
                return answer
            await asyncio.sleep(0.1)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Three services on free ports; nothing runs yet."""
    config = write_config(
        tmp_path,
        route(
            "rides", f"http://127.0.0.1:{free_port()}/webhook", menu={"key": "1", "title": "Rides"}, keywords=["ride"]
        ),
        route(
            "insurance",
            f"http://127.0.0.1:{free_port()}/webhook",
            keywords=["insurance"],
            secretRef={"name": "insurance", "key": "secret"},
        ),
    )
    return Place(config, tmp_path / "data", free_port(), free_port())


@asynccontextmanager
async def up(place: Place, *more: str, env: Mapping[str, str] | None = None) -> AsyncIterator[Process]:
    """The system, once it says what to type next."""
    async with await Process.start(*place.arguments(*more), env=env or {}, cwd=place.data.parent) as process:
        await process.wait_for_line("Ctrl-C stops everything.", UP_SECONDS)
        yield process


async def stopped(process: Process) -> None:
    """Ctrl-C, and an end without trouble."""
    process.interrupt()
    assert await process.wait() == 0, process.output()
    assert process.lines[-1] == "Stopped."


def children_of(pid: int) -> dict[str, int]:
    """The processes that this one started, by what they are."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        found["router" if b"router" in words else "postgres"] = int(child)
    return found


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def is_gone(path: str) -> bool:
    return not Path(path).exists()


async def until(happened: Callable[[], bool], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not happened():  # noqa: ASYNC110 - other processes tell nobody
            await asyncio.sleep(0.05)


async def test_it_runs_all_day_and_finds_its_data_again(place: Place) -> None:
    """It says what to type next, a message reaches its service and the menu its customer, Ctrl-C ends everything; the
    second run has the sessions and the secrets of the first.
    """
    async with up(place) as system:
        told = system.output()
        assert f"{place.url}/wa-webhook-core" in told
        assert 'send "ride" --from 491701234567 --data-dir data' in told
        assert "cat data/secrets.env" in told
        async with httpx.AsyncClient(timeout=30) as client:
            assert (await client.get(f"{place.url}/health")).status_code == 200
        first = await place.send("ride, please")
        assert (first["status"], first["routedService"], first["reason"]) == (200, "rides", "keyword_in_text")
        line = await system.wait_for_line("← ")
        assert '← "ride, please" from 4917••••••67 (attempt 1)' in line
        await place.send("hello", "33612345678")
        await system.wait_for_line("Rides]")
        children = children_of(system.pid)
        running = place.running()
        await stopped(system)
    assert all(has_ended(pid) for pid in children.values())
    assert is_gone(running["socket_dir"])
    assert not (place.data / "running.json").exists()
    secrets = (place.data / "secrets.env").read_text()
    async with up(place) as system:
        again = await place.send("the station")
        assert (again["routedService"], again["reason"]) == ("rides", "session")
        await stopped(system)
    assert (place.data / "secrets.env").read_text() == secrets


async def test_two_runs_never_share_a_folder_or_a_port(place: Place) -> None:
    """The second one says who has it and ends; the first one notices nothing."""
    async with up(place) as system:
        same_ports = await Process.start(*place.arguments(), env={}, cwd=place.data.parent)
        assert await same_ports.wait() == 1
        for port in (place.port, place.internal_port):
            assert f"port {port} is taken by " in same_ports.output()
        other = Place(place.config, place.data, free_port(), free_port())
        same_folder = await Process.start(*other.arguments(), env={}, cwd=place.data.parent)
        assert await same_folder.wait() == 1
        assert f"in use by another run (pid {system.pid}, {place.url}" in same_folder.output()
        assert (await place.send("ride"))["status"] == 200
        await stopped(system)


async def test_parts_that_die_are_started_again(place: Place) -> None:
    """Router and Postgres, each killed: it says so, and messages get through again."""
    async with up(place) as system:
        children = children_of(system.pid)
        for name, part in (("router", "ready again"), ("postgres", "back; nothing")):
            socket_dir = place.running()["socket_dir"]
            os.kill(children[name], signal.SIGKILL)
            assert "(exit code -9); starting it again" in await system.wait_for_line(f"{name} ".ljust(20) + " ended")
            await system.wait_for_line(part, UP_SECONDS)
            assert place.running()["socket_dir"] == socket_dir
            # The router may still hold connections to the Postgres that died.
            assert (await place.send("ride", insist=True))["status"] == 200
        await stopped(system)


async def test_a_killed_run_leaves_nothing_behind(place: Place) -> None:
    """No router, no Postgres; the next run starts on the same folder as if nothing had been."""
    async with up(place) as system:
        children = children_of(system.pid)
        socket_dir = place.running()["socket_dir"]
        await system.kill()
    await until(lambda: all(has_ended(pid) for pid in children.values()))
    async with up(place) as system:
        assert is_gone(socket_dir)
        assert (await place.send("ride"))["status"] == 200
        await stopped(system)


async def test_a_second_ctrl_c_waits_for_nobody(place: Place) -> None:
    """A router that cannot drain is killed; all else still ends in order."""
    async with up(place) as system:
        router = children_of(system.pid)["router"]
        os.kill(router, signal.SIGSTOP)
        system.interrupt()
        await system.wait_for_line("Stopping:")
        system.interrupt()
        assert await system.wait(20) == 0
        assert has_ended(router)


async def test_ctrl_c_while_it_starts_ends_it(place: Place) -> None:
    """A database that does not answer yet is waited for; Ctrl-C ends the wait."""
    env = {"DATABASE_URL": f"postgresql://postgres@127.0.0.1:{free_port()}/none"}
    async with await Process.start(*place.arguments(), env=env, cwd=place.data.parent) as system:
        assert "migrate" in await system.wait_for_line("waiting for the database")
        system.interrupt()
        assert await system.wait() == 0


async def test_with_a_database_and_services_of_ones_own(place: Place, database_url: str) -> None:
    """DATABASE_URL and --no-examples: no embedded Postgres, no example; secrets from the environment are not kept.

    What goes to the dead letter queue is told, and found by the commands that look at it.
    """
    async with FakeService() as rides, FakeService(Answer(404)) as insurance:
        config = write_config(
            place.data.parent,
            route("rides", rides.url, keywords=["ride"]),
            route("insurance", insurance.url, keywords=["insurance"]),
            graph_api_url="http://127.0.0.1:9/v23.0",
        )
        own = Place(config, place.data, place.port, place.internal_port)
        env = {**SECRETS, "DATABASE_URL": database_url}
        async with up(own, "--no-examples", env=env) as system:
            assert "your own, which DATABASE_URL or the config names" in system.output()
            assert "example" not in system.output()
            assert not (own.data / "postgres").exists()
            assert not (own.data / "secrets.env").exists()
            assert own.running()["database_url"] == database_url
            assert read_config(Path(own.running()["config"])) == read_config(own.config)
            for text in ("ride", "insurance"):
                send = ("send", text, "--from", "491701234567", "--data-dir", str(own.data))
                async with await Process.start(*send, env=SECRETS) as process:
                    assert await process.wait() == 0, process.output()
            assert [request.text() for request in await rides.wait_for(1)] == ["ride"]
            line = await system.wait_for_line("to the dead letter queue")
            assert "for insurance after 1 attempts, ClientError" in line
            async with await Process.start("dlq", "list", "--data-dir", str(own.data), env=SECRETS) as process:
                assert await process.wait() == 0
                assert "ClientError" in process.output()
            async with await Process.start("dlq-processor", "--data-dir", str(own.data), env={}) as process:
                assert await process.wait() == 78
                assert "WEBHOOKCORE_INTERNAL_SECRET" in process.output()
            for job in ("dlq-processor", "session-cleanup"):
                async with await Process.start(job, "--data-dir", str(own.data), env=SECRETS) as process:
                    assert await process.wait() == 0
                    assert json.loads(process.lines[-1])["success"] is True
            by_config = ("jobs", "--config", str(config), "--data-dir", str(own.data))
            async with await Process.start(*by_config, env=SECRETS) as process:
                assert await process.wait() == 0
                assert process.output().count("dlq-processor") >= 2
            await stopped(system)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM wa_dead_letter_queue").fetchone() == (1,)


async def test_a_service_of_ones_own_takes_an_examples_place(place: Place) -> None:
    """Somebody writes one of the services: it runs already, and the example steps back."""
    async with FakeService() as rides:
        config = write_config(
            place.data.parent,
            route("rides", rides.url, keywords=["ride"]),
            route("jobs", "http://127.0.0.1:9/webhook", paused=True),
        )
        own = Place(config, place.data, place.port, place.internal_port)
        async with up(own) as system:
            assert f"no example service for rides: port {rides.port} is taken by" in system.output()
            await own.send("ride")
            await rides.wait_for(1)
            await stopped(system)


# Nothing is started


async def refused(place: Place, *more: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """A run that ends by itself: its exit code and what it said."""
    async with await Process.start(*place.arguments(*more), env=env or {}, cwd=place.data.parent) as process:
        code = await process.wait()
        assert "Traceback" not in process.output()
        return code, process.output()


async def test_an_invalid_config_starts_nothing(place: Place) -> None:
    """All of its problems at once, the environment's too, 78, and no folder is made."""
    config = write_config(place.data.parent, route("rides", "ftp://x/"), dlq={"batchSize": 0}, sesions={})
    own = Place(config, place.data, place.port, place.internal_port)
    code, told = await refused(own, env={"WA_ROUTER_TIMEOUT_MS": "fast", "DATABASE_URL": ""})
    assert code == 78
    assert "the configuration has 5 problems:" in told
    assert "$WA_ROUTER_TIMEOUT_MS" in told
    assert not place.data.exists()


async def test_a_secret_that_is_none_starts_nothing(place: Place) -> None:
    """It is part of the configuration: told before Postgres is made."""
    code, told = await refused(place, env={"WA_APP_SECRET": "x"})
    assert code == 78
    assert "WA_APP_SECRET" in told
    assert not (place.data / "postgres").exists()


async def test_ports_that_are_taken_are_all_told(place: Place) -> None:
    """Each with its option, before anything is made."""
    with socket.create_server(("127.0.0.1", place.port)), socket.create_server(("127.0.0.1", place.internal_port)):
        code, told = await refused(place)
    assert code == 1
    assert f"port {place.port} is taken by " in told
    assert "choose another with --internal-port" in told
    assert not place.data.exists()
    code, told = await refused(Place(place.config, place.data, place.port, place.port))
    assert (code, f"--port and --internal-port are both {place.port}" in told) == (1, True)


async def test_a_broken_data_folder_is_told_and_left_alone(place: Place) -> None:
    """By the file that is missing."""
    (place.data / "postgres").mkdir(parents=True)
    (place.data / "postgres" / "base").mkdir()
    code, told = await refused(place)
    assert code == 1
    assert f"broken data folder: {place.data}/postgres/PG_VERSION is missing" in told
    assert [path.name for path in (place.data / "postgres").iterdir()] == ["base"]


async def test_a_database_that_cannot_be_migrated_is_told(place: Place, database_url: str) -> None:
    """With the reason, and the exit code of migrate: a schema that is not ours does not get better.

    A file that the config names is as good as DATABASE_URL.
    """
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE schema_migrations SET checksum = repeat('0', 64)")
    folder = place.data.parent
    write_config(
        folder, route("rides", "http://127.0.0.1:9/"), database={"urlSecretRef": {"name": "database", "key": "url"}}
    )
    (folder / "secrets" / "database").mkdir(parents=True)
    (folder / "secrets" / "database" / "url").write_text(database_url)
    code, told = await refused(place)
    assert code == 78
    assert "the database could not be migrated: " in told
    assert "was changed after it had been applied" in told
