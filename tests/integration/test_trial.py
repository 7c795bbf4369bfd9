"""What a trial in a cluster gets from the image: a Postgres for other pods, and example services."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest
from tests.conftest import Answered
from tests.support import meta
from tests.support.ports import free_port
from tests.support.processes import Process

from webhookcore_cli.local.router_events import Tail
from webhookcore_cli.trial.postgres import LOG_BYTES, pass_on


async def start(folder: Path, port: int, password: str) -> Process:
    environment = {"POSTGRES_PASSWORD": password}
    process = await Process.start("postgres", "--data-dir", str(folder), "--port", str(port), env=environment)
    await process.wait_for_line("can connect")
    return process


def connect(port: int, password: str, user: str = "webhookcore") -> psycopg.Connection:
    return psycopg.connect(
        host="127.0.0.1", port=port, user=user, password=password, dbname="webhookcore", connect_timeout=10
    )


async def test_the_postgres_takes_the_password_of_each_start_and_keeps_its_data(tmp_path: Path) -> None:
    """UTF-8, a role and a database of its own; nobody without the password; SIGTERM ends it at once, clients or not."""
    port = free_port()
    process = await start(tmp_path / "data", port, "first-password")
    with connect(port, "first-password") as connection:
        connection.execute("CREATE TABLE kept AS SELECT current_user AS who")
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    for user, password in (("webhookcore", "another"), ("webhookcore", ""), ("postgres", "first-password")):
        with pytest.raises(psycopg.OperationalError):
            connect(port, password, user)
    with connect(port, "first-password"):
        process.terminate()
        assert await process.wait() == 0
    assert any("database system is ready" in line for line in process.errors)

    (tmp_path / "data" / "postgres").chmod(0o2770)  # as a volume is after Kubernetes has mounted it again
    again = await start(tmp_path / "data", port, "second 'pass\"word")
    with connect(port, "second 'pass\"word") as connection:
        assert connection.execute("SELECT who FROM kept").fetchone() == ("webhookcore",)
    with pytest.raises(psycopg.OperationalError):
        connect(port, "first-password")
    assert 'pass"word' not in again.output()
    again.terminate()
    assert await again.wait() == 0


async def test_the_postgres_ends_with_its_server(tmp_path: Path) -> None:
    """A pod that only looks alive would never be started again."""
    process = await start(tmp_path / "data", free_port(), "a-password")
    server = (tmp_path / "data" / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0]
    os.kill(int(server), signal.SIGKILL)
    assert await process.wait() == 1
    assert any("ended by itself" in line for line in process.errors)


def test_the_postgres_wants_a_password(webhookcore: Callable[..., Answered]) -> None:
    """Without one nobody could ever connect."""
    answer = webhookcore("postgres")
    assert answer.code == 78
    assert "POSTGRES_PASSWORD" in answer.err


def test_the_log_on_its_way_does_not_grow_for_ever(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was passed on is not kept."""
    log = tmp_path / "postgres.log"
    said = Tail(log)
    log.write_bytes(b"x" * LOG_BYTES + b"\nlast\n")
    pass_on(said, log)
    assert capsys.readouterr().err.endswith("x\nlast\n")
    assert log.stat().st_size == 0
    with log.open("a") as file:
        file.write("new\n")
    pass_on(said, log)
    assert capsys.readouterr().err == "new\n"


async def test_example_services_stand_in_for_services_and_for_whatsapp() -> None:
    """Each at the path of its name; menus at the Graph API's; a stranger's path is 404; what came is told."""
    port = free_port()
    process = await Process.start("example-services", "rides", "jobs", "--port", str(port), env={})
    await process.wait_for_line("listening")
    menu = {"to": meta.SENDER, "type": "text", "text": {"body": "Hi"}}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        body = meta.body(meta.text("a ride"))
        answers = [await client.post(path, content=body) for path in ("/rides", "/jobs", "/other", "/v23.0")]
        assert [answer.status_code for answer in answers] == [200, 200, 404, 404]
        sent = await client.post(f"/v23.0/{meta.PHONE_NUMBER_ID}/messages", json=menu)
        assert sent.json()["messages"][0]["id"].startswith("wamid.")
    process.terminate()
    assert await process.wait() == 0
    assert [line.split()[1] for line in process.lines] == ["run", "rides", "jobs", "whatsapp"]
