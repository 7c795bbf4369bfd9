"""The local mode's children: jobs on their schedules, and a router that cannot be started."""

import asyncio
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.config import environment, route, write_config
from tests.support.ports import free_port
from tests.support.processes import bare_environment

from webhookcore_cli.local.children import Children
from webhookcore_cli.local.console import Console
from webhookcore_cli.local.schedule import Schedule
from webhookcore_cli.local.scheduled_job import JobPlan, ScheduledJob
from webhookcore_cli.local.supervised_router import SupervisedRouter
from webhookcore_cli.trouble import TroubleError

EVERY_MINUTE = Schedule("* * * * *", "Etc/UTC", timedelta(seconds=200))
START = datetime(2025, 11, 24, 19, 0, 30, tzinfo=UTC)


@pytest.fixture
def children(tmp_path: Path, database_url: str) -> Children:
    """They log into a folder of the test's own."""
    return Children({**bare_environment(), **environment(database_url)}, tmp_path, asyncio.Event())


def migrate_plan(deadline_seconds: float = 60.0) -> JobPlan:
    """`migrate` is a job like the others, and needs no config."""
    return JobPlan("migrate", EVERY_MINUTE, suspended=False, deadline_seconds=deadline_seconds)


class Terminal(io.StringIO):
    """Tells when a line was written."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = asyncio.Event()

    def write(self, text: str) -> int:
        self.changed.set()
        return super().write(text)

    async def lines(self, count: int) -> list[str]:
        async with asyncio.timeout(60):
            while len(self.getvalue().splitlines()) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.getvalue().splitlines()


def clock(*moments: datetime) -> Callable[[], datetime]:
    """Tells one after the other, the last one for ever."""
    left = list(moments)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


async def test_a_job_runs_at_its_time_and_tells_what_came_of_it(children: Children) -> None:
    """Not at the start, once for each time; its output is kept."""
    out = Terminal()
    minute = timedelta(minutes=1)
    job = ScheduledJob(migrate_plan(), children, [], Console(out), clock(START, START + minute, START + 2 * minute))
    keeping = asyncio.create_task(job.keep())
    await out.lines(2)
    keeping.cancel()
    results = [json.loads(line) for line in children.out("migrate").read_text().splitlines()]
    assert [result["success"] for result in results] == [True, True]
    assert out.getvalue().count(" migrate ") == 2


async def test_a_run_past_its_deadline_is_ended(children: Children) -> None:
    """As activeDeadlineSeconds does: SIGTERM first."""
    out = Terminal()
    env = {**children.env, "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{free_port()}/none"}
    waiting = Children(env, children.logs, children.hurry)
    code = await ScheduledJob(migrate_plan(0.5), waiting, [], Console(out), clock(START)).run_once()
    assert code != 0
    first, second = out.getvalue().splitlines()
    assert "still running after 0 s: ending it" in first
    assert "failed (exit code" in second


async def test_a_run_is_ended_with_the_system(children: Children) -> None:
    """Cancelled, it gets SIGTERM and its end is waited for; in a hurry it is killed."""
    env = {**children.env, "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{free_port()}/none"}
    for hurry in (False, True):
        waiting = Children(env, children.logs, asyncio.Event())
        running = asyncio.create_task(
            ScheduledJob(migrate_plan(), waiting, [], Console(io.StringIO()), clock(START)).run_once()
        )
        await asyncio.sleep(0.3)
        if hurry:
            waiting.hurry.set()
        running.cancel()
        async with asyncio.timeout(30):
            with pytest.raises(asyncio.CancelledError):
                await running


async def test_logs_do_not_grow_without_end(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that is started with a long log before it begins a new one; the old one is kept."""
    monkeypatch.setattr("webhookcore_cli.local.children._LOG_BYTES", 10)
    children.out("migrate").write_text("a long line of a run before\n")
    await (await children.start("migrate")).wait()
    assert "a long line" not in children.out("migrate").read_text()
    assert "a long line" in children.out("migrate").with_name("migrate.jsonl.old").read_text()


async def test_a_router_that_cannot_be_configured_is_told_and_given_up(children: Children, tmp_path: Path) -> None:
    """With its own words; one that died is not started again and again with a config that cannot work."""
    config = write_config(tmp_path, route("rides", "http://127.0.0.1:9/"))
    port, internal_port = free_port(), free_port()
    arguments = ["--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    arguments += ["--internal-port", str(internal_port), "--drain-seconds", "0"]
    out = Terminal()
    router = SupervisedRouter(children, arguments, f"http://127.0.0.1:{internal_port}", Console(out))
    await router.start()
    config.unlink()
    watching = asyncio.create_task(router.watch())
    assert router._process is not None
    router._process.kill()
    with pytest.raises(TroubleError, match=r"(?s)the router ended at its start \(78\): .*cannot be read") as trouble:
        async with asyncio.timeout(60):
            await watching
    assert trouble.value.code == 78
    await router.stop()


async def test_a_router_that_fails_for_now_is_tried_again(children: Children, tmp_path: Path) -> None:
    """Its port is taken for a while: each failure is told, and it comes back by itself."""
    config = write_config(tmp_path, route("rides", "http://127.0.0.1:9/"))
    port, internal_port = free_port(), free_port()
    arguments = ["--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    arguments += ["--internal-port", str(internal_port), "--drain-seconds", "0"]
    out = Terminal()
    router = SupervisedRouter(children, arguments, f"http://127.0.0.1:{internal_port}", Console(out))
    await router.start()
    assert router._process is not None
    router._process.kill()
    await router._process.wait()
    taken = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port)
    watching = asyncio.create_task(router.watch())
    assert "starting it again" in (await out.lines(1))[0]
    assert f"port {port} cannot be listened on" in (await out.lines(2))[1]
    taken.close()
    await taken.wait_closed()
    async with asyncio.timeout(60):
        while "ready again" not in out.getvalue():
            out.changed.clear()
            await out.changed.wait()
    watching.cancel()
    await router.stop()
    assert router._process.returncode == 0
