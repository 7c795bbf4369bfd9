"""The command line as a person types it: help, check, send, jobs, migrate, and what goes wrong."""

import json
import logging
import re
import socket
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.conftest import Answered
from tests.support import processes
from tests.support.config import APP_SECRET, SECRETS, environment, route, write_config
from tests.support.meta import signature
from tests.support.ports import free_port
from tests.support.services import Answer, FakeService

import webhookcore as package
from webhookcore_cli.main import app

Command = Callable[..., Answered]
COMMANDS = [
    "run",
    "router",
    "dlq-processor",
    "session-cleanup",
    "migrate",
    "operator",
    "check",
    "send",
    "jobs",
    "dlq list",
    "dlq show",
    "dlq retry",
]


FOR_PODS = ["postgres", "example-services", "apply-config", "check-install"]


@pytest.mark.parametrize("job", ["dlq-processor", "session-cleanup"])
def test_a_job_in_another_parts_pod(webhookcore: Command, tmp_path: Path, job: str) -> None:
    """It would run with defaults in place of its settings, and delete or abandon by them. Nothing is touched."""
    config = write_config(tmp_path, route("jobs", "http://jobs.example"))
    in_a_router = {**environment("postgresql://nobody@127.0.0.1:9/none"), "WEBHOOKCORE_PART": "router"}
    answer = webhookcore(job, "--config", str(config), **in_a_router)
    assert (answer.code, answer.out) == (78, "")
    assert answer.err == (
        f"webhookcore: this is a pod of router, which has other settings than {job}. "
        f"Run it by: kubectl create job --from=cronjob/{job} NAME\n"
    )
    at_home = webhookcore(job, "--config", str(config), WEBHOOKCORE_PART=job)
    assert "DATABASE_URL" in at_home.err


# Help


@pytest.mark.parametrize("command", [*COMMANDS, *FOR_PODS])
def test_every_command_explains_itself(webhookcore: Command, command: str) -> None:
    """Without a config, a database, or anything that runs."""
    answer = webhookcore(*command.split(), "--help")
    assert answer.code == 0
    assert f"Usage: webhookcore {command}" in answer.out


def test_the_list_of_commands_is_whole(webhookcore: Command) -> None:
    """Each command is in the help of the whole; completion is on."""
    out = webhookcore("--help").out
    for command in COMMANDS:
        assert command.split()[0] in out
    assert "--install-completion" in out
    assert len([command for command in app.registered_commands if not command.hidden]) + 3 == len(COMMANDS)
    assert {command.name for command in app.registered_commands if command.hidden} <= {*FOR_PODS, None}


def test_the_version_is_told(webhookcore: Command) -> None:
    """The package's own."""
    assert webhookcore("--version").out == f"webhookcore {package.__version__}\n"


def test_an_unknown_command_is_a_usage_error(webhookcore: Command) -> None:
    """With 2, and the nearest one there is."""
    answer = webhookcore("rooter")
    assert answer.code == 2
    assert "router" in answer.err


async def test_a_shell_completes_commands(tmp_path: Path) -> None:
    """As bash asks for it."""
    asked = {"_WEBHOOKCORE_COMPLETE": "complete_bash", "COMP_WORDS": "webhookcore dlq re", "COMP_CWORD": "2"}
    process = await processes.run(env=asked, cwd=tmp_path)
    assert process.lines == ["retry"]


# check


def test_a_valid_config_is_shown(webhookcore: Command, tmp_path: Path) -> None:
    """Its routes as a table, or everything as JSON."""
    config = write_config(tmp_path, route("jobs", "http://127.0.0.1:9103/", keywords=["job"]))
    answer = webhookcore("check", str(config))
    assert answer.code == 0
    assert re.search(r"jobs .* job .* http://127\.0\.0\.1:9103/", answer.out)
    assert f"{config} is valid." in answer.out
    told = json.loads(webhookcore("check", str(config), "--json").out)
    assert (told["valid"], told["spec"]["routes"][0]["name"]) == (True, "jobs")


def test_an_invalid_config_is_refused_with_all_of_its_problems(webhookcore: Command, tmp_path: Path) -> None:
    """With 78, for people on stderr and for programs on stdout."""
    config = write_config(tmp_path, route("jobs", "ftp://jobs/"), dlq={"batchSize": 0})
    answer = webhookcore("check", str(config))
    assert (answer.code, answer.out) == (78, "")
    assert "the configuration has 2 problems:" in answer.err
    told = webhookcore("check", str(config), "--json")
    assert told.code == 78
    assert sorted(problem["path"] for problem in json.loads(told.out)["problems"]) == [
        "spec.dlq.batchSize",
        "spec.routes[0].url",
    ]


def test_a_config_that_cannot_be_read_is_refused_alike(webhookcore: Command, tmp_path: Path) -> None:
    """No file, a folder, bytes that are no text, a file without end: for programs too."""
    (tmp_path / "bytes.yaml").write_bytes(b"\xff")
    (tmp_path / "folder").mkdir()
    for name, words in (
        ("none.yaml", "cannot be read (No such file or directory)"),
        ("folder", "cannot be read (Is a directory)"),
        ("bytes.yaml", "no UTF-8"),
        ("/dev/zero", "must be at most"),
    ):
        answer = webhookcore("check", name)
        assert (answer.code, answer.out) == (78, "")
        assert words in answer.err
        assert name in answer.err
        assert len(json.loads(webhookcore("check", name, "--json").out)["problems"]) == 1


# send


async def test_a_message_is_sent_as_meta_would(tmp_path: Path) -> None:
    """Signed over its raw body; the answer's headers are shown."""
    told = {
        "X-Routed-Service": "jobs",
        "X-Routing-Reason": "keyword",
        "X-Request-ID": "r-1",
        "X-WA-Core-Latency": "7ms",
    }
    async with FakeService(Answer(200, told)) as router:
        process = await processes.run(
            *("send", "job", "--from", "+49 170 1234567", "--url", router.url), env=SECRETS, cwd=tmp_path
        )
        assert process.returncode == 0
        for part in (
            r"status +200",
            r"routed to +jobs",
            r"because of +keyword",
            r"request id +r-1",
            "core latency +7ms",
        ):
            assert re.search(part, process.output())
        (request,) = router.requests
        assert request.headers["x-hub-signature-256"] == signature(request.body, APP_SECRET)
        assert request.text() == "job"
        assert request.value()["messages"][0]["from"] == "491701234567"


async def test_a_choice_can_be_sent_twice(tmp_path: Path) -> None:
    """A reply id makes it a choice from a list, a message id makes the second one a repeat; JSON for programs."""
    arguments = ("send", "Jobs", "--from", "491701234567", "--reply-id", "jobs", "--message-id", "wamid.X", "--json")
    async with FakeService(Answer(429, {}, b'{"error":"rate_limited","message":"slower"}')) as router:
        router.answer_next(Answer(200))
        first = await processes.run(*arguments, "--url", router.url, env=SECRETS, cwd=tmp_path)
        second = await processes.run(*arguments, "--url", router.url, env=SECRETS, cwd=tmp_path)
        assert [first.returncode, second.returncode] == [0, 1]
        told = json.loads("\n".join(second.lines))
        assert (told["status"], told["error"], told["messageId"]) == (429, "rate_limited: slower", "wamid.X")
        for request in router.requests:
            message = request.value()["messages"][0]
            assert message["id"] == "wamid.X"
            assert message["interactive"]["list_reply"] == {"id": "jobs", "title": "Jobs"}


def test_a_router_that_is_away_is_told(webhookcore: Command) -> None:
    """By its address, and what to do."""
    url = f"http://127.0.0.1:{free_port()}/wa-webhook-core"
    answer = webhookcore("send", "x", "--from", "491701234567", "--url", url, **SECRETS)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith(f"webhookcore: nobody answers at {url}: ")
    assert "webhookcore run" in answer.err


async def test_no_proxy_stands_before_this_machine(tmp_path: Path) -> None:
    """Where the environment names one for the way out."""
    env = {**SECRETS, "HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"}
    async with FakeService() as router:
        for url in (router.url, router.url.replace("127.0.0.1", "localhost")):
            process = await processes.run("send", "x", "--from", "491701234567", "--url", url, env=env, cwd=tmp_path)
            assert process.returncode == 0, process.output()


def test_a_secret_from_a_config_signs(webhookcore: Command, tmp_path: Path) -> None:
    """--config names the path and where the secret is; without one the path is the default."""
    config = write_config(tmp_path, route("jobs", "http://127.0.0.1:9/"), router={"path": "/elsewhere"})
    missing = webhookcore("send", "x", "--from", "491701234567", "--config", str(config))
    assert missing.code == 78
    assert "WA_APP_SECRET" in missing.err
    with_secrets = webhookcore("send", "x", "--from", "0", "--config", str(config), **SECRETS)
    assert with_secrets.code == 2
    assert "is no phone number" in with_secrets.err


# jobs


def test_jobs_are_shown_with_their_last_runs(
    webhookcore: Command, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When each runs next, what its last run came to, and the runs before."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    config = write_config(
        tmp_path,
        route("jobs", "http://127.0.0.1:9/"),
        cleanup={"schedule": "0 2 * * *", "timeZone": "Africa/Kigali", "suspend": True},
    )
    environ = {**SECRETS, "DATABASE_URL": database_url, "WEBHOOKCORE_CONFIG": str(config)}
    empty = webhookcore("jobs", **environ)
    assert re.search(r"dlq-processor +\*/5 \* \* \* \* +Etc/UTC +20\d\d-.*Z +— +—", empty.out)
    assert re.search(r"session-cleanup +0 2 \* \* \* +Africa/Kigali +suspended", empty.out)
    worked = {"success": True, "processed": 5, "successful": 4, "failed": 1, "abandoned": 0, "durationMs": 1234}
    with psycopg.connect(database_url) as connection:
        for name, status, result, minutes in (
            ("dlq-processor", "succeeded", worked, 5),
            ("dlq-processor", "failed", {"success": False, "error": "no router could be reached"}, 1),
            ("dlq-processor", "succeeded", {"some": "thing"}, 20),
            ("session-cleanup", "running", None, 0),
            ("dlq-retry", "succeeded", {"requeued": 3, "by": "ana"}, 2),
        ):
            connection.execute(
                "INSERT INTO job_runs SELECT %s, %s, %s, t, CASE WHEN %s = 'running' THEN NULL ELSE t + '2s' END, %s"
                " FROM (SELECT now() - make_interval(mins => %s) AS t)",
                [name, uuid4(), status, status, Jsonb(result) if result else None, minutes],
            )
    shown = webhookcore("jobs", **environ)
    assert "failed: no router could be reached" in shown.out
    assert re.search(r"dlq-processor +20.*Z +succeeded +2\.0 s +4 delivered, 1 failed in 1234 ms", shown.out)
    assert re.search(r"dlq-processor +20.*Z +succeeded +2\.0 s +\{\"some\": \"thing\"\}", shown.out)
    assert re.search(r"session-cleanup +20.*Z +running +— +—", shown.out)
    assert "3 made due again by ana" in shown.out
    told = json.loads(webhookcore("jobs", "--json", "--runs", "1", **environ).out)
    assert [each["name"] for each in told["schedules"]] == ["dlq-processor", "session-cleanup"]
    assert told["schedules"][1]["nextRun"] is None
    assert [(run["name"], run["status"]) for run in told["runs"]] == [
        ("dlq-processor", "failed"),
        ("dlq-retry", "succeeded"),
        ("session-cleanup", "running"),
    ]
    # In a cluster a router's config has no schedules; its defaults are nobody's.
    environ["KUBERNETES_SERVICE_HOST"] = "10.96.0.1"
    shown = webhookcore("jobs", **environ)
    assert re.search(r"dlq-processor +— +— +— +20.*Z +failed: no router could be reached", shown.out)
    assert "The CronJobs have the schedules: kubectl get cronjobs" in shown.out
    told = json.loads(webhookcore("jobs", "--json", **environ).out)
    assert (told["schedules"], len(told["runs"])) == ([], 5)


# The parts


def test_a_database_is_migrated(webhookcore: Command, empty_database_url: str) -> None:
    """DATABASE_URL is enough; the result is the last line; again, it changes nothing."""
    first = webhookcore("migrate", DATABASE_URL=empty_database_url)
    assert (first.code, json.loads(first.out.splitlines()[-1])["success"]) == (0, True)
    second = webhookcore("migrate", DATABASE_URL=empty_database_url)
    assert (second.code, json.loads(second.out.splitlines()[-1])["applied"]) == (0, [])


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("router", "no config is named: name one with --config or WEBHOOKCORE_CONFIG"),
        ("dlq-processor", "no system is named and none runs in .webhookcore"),
        ("session-cleanup", "no system is named and none runs in .webhookcore"),
        ("migrate", "no database is named: set DATABASE_URL, or name a config"),
    ],
)
def test_a_part_without_a_config_is_configuration(webhookcore: Command, part: str, words: str) -> None:
    """78: no Job is tried again because of it. The person who typed it is told what to name."""
    answer = webhookcore(part)
    assert (answer.code, answer.out) == (78, "")
    assert words in answer.err


def test_an_operator_needs_its_image_named(webhookcore: Command) -> None:
    """As every part without a config: 78, and what to set."""
    answer = webhookcore("operator")
    assert (answer.code, answer.out) == (78, "")
    assert "WEBHOOKCORE_OPERATOR_IMAGE must name the operator's own image" in answer.err


def test_an_operator_needs_a_cluster(webhookcore: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of one it takes kubectl's; without either it says so, and logs nothing of kopf's events from then on."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", "none.yaml")
    answer = webhookcore("operator", WEBHOOKCORE_OPERATOR_IMAGE="webhook-core:1", WEBHOOKCORE_OPERATOR_PORT="18080")
    assert answer.code == 78
    assert answer.err.startswith("webhookcore: there is no cluster to speak to: ")
    assert logging.getLogger("kopf").level == logging.WARNING


async def test_an_operator_needs_its_extra(tmp_path: Path) -> None:
    """An install that has not got what only the operator needs is told how to get it."""
    (tmp_path / "aiohttp.py").write_text("raise ModuleNotFoundError(name='aiohttp')")
    process = await processes.run("operator", env={"PYTHONPATH": str(tmp_path)})
    assert process.returncode == 78
    words = "the package aiohttp is not installed: pip install 'webhookcore[operator]'."
    assert process.errors == [f"webhookcore: {words}"]


async def test_a_port_that_is_taken_is_told(database_url: str, tmp_path: Path) -> None:
    """Which one, and the option that chooses another."""
    config = write_config(tmp_path, route("jobs", "http://127.0.0.1:9/"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = await processes.run(
            *("router", "--config", str(config), "--host", "127.0.0.1", "--port", port),
            *("--internal-port", str(free_port())),
            env=environment(database_url),
        )
    assert process.returncode == 1
    assert f"port {port} cannot be listened on: Address already in use" in process.output()
    assert "--port" in process.output()
    assert "Traceback" not in process.output()
