"""`webhookcore dlq`: the person on call sees what is undelivered and why, and sends it again."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.conftest import Answered
from tests.support.config import SECRETS, route, write_config
from tests.support.dead_letters import due, insert, letter

Command = Callable[..., Answered]
NUMBER = "491701234567"


@pytest.fixture
def letters(database_url: str) -> dict[str, UUID]:
    """One dead letter in each state."""
    lease = {"lease_owner": uuid4(), "lease_until": due(-5)}
    rows = {
        "waiting": letter(from_number=NUMBER, next_retry_at=due(-2), retry_count=1, created_at=due(10)),
        "retrying": letter(route="jobs", created_at=due(20), **lease),
        "abandoned": letter(route="jobs", abandoned_at=due(5), retry_count=3, created_at=due(30)),
        "processed": letter(processed=True, processed_at=due(5), created_at=due(40)),
    }
    insert(database_url, rows.values())
    return {state: row["id"] for state, row in rows.items()}


def row_of(url: str, dead_letter: UUID) -> dict[str, Any]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        found = connection.execute("SELECT * FROM wa_dead_letter_queue WHERE id = %s", [dead_letter]).fetchone()
    assert found is not None
    return found


def test_the_list_shows_what_is_undelivered(webhookcore: Command, database_url: str, letters: dict[str, UUID]) -> None:
    """The newest first, with state, route, error and a masked number; what was delivered is not in it."""
    answer = webhookcore("dlq", "list", DATABASE_URL=database_url)
    assert answer.code == 0
    lines = [line for line in answer.out.splitlines() if any(str(found) in line for found in letters.values())]
    assert [line.split()[1] for line in lines] == ["waiting", "retrying", "abandoned"]
    assert "ServerError" in lines[0]
    assert "in 1 min" in lines[0] or "in 119 s" in lines[0]
    assert "4917••••••67" in lines[0]
    assert NUMBER not in answer.out


@pytest.mark.usefixtures("letters")
def test_the_list_is_narrowed_by_state_route_and_time(webhookcore: Command, database_url: str) -> None:
    """Each filter alone and together; --limit keeps the newest."""

    def listed(*arguments: str) -> list[str]:
        answer = webhookcore("dlq", "list", "--json", *arguments, DATABASE_URL=database_url)
        return [each["state"] for each in json.loads(answer.out)]

    assert listed("--state", "processed") == ["processed"]
    assert listed("--state", "abandoned", "--state", "waiting") == ["waiting", "abandoned"]
    assert listed("--route", "jobs") == ["retrying", "abandoned"]
    assert listed("--since", "25m") == ["waiting", "retrying"]
    assert listed("--until", "25m") == ["abandoned"]
    assert listed("--since", "25m", "--until", "15m") == ["retrying"]
    assert listed("--limit", "1") == ["waiting"]
    assert webhookcore("dlq", "list", "--route", "none", DATABASE_URL=database_url).out == "No dead letters.\n"


def test_json_reveals_numbers_only_when_asked(
    webhookcore: Command, database_url: str, letters: dict[str, UUID]
) -> None:
    """A message id is base64 around the number: it is left out too."""
    (hidden,) = json.loads(webhookcore("dlq", "list", "--json", "--limit", "1", DATABASE_URL=database_url).out)
    assert hidden["fromNumber"] == "4917••••••67"
    assert "messageId" not in hidden
    assert hidden["id"] == str(letters["waiting"])
    (shown,) = json.loads(
        webhookcore("dlq", "list", "--json", "--limit", "1", "--reveal", DATABASE_URL=database_url).out
    )
    assert shown["fromNumber"] == NUMBER
    assert shown["messageId"].startswith("wamid.")
    assert NUMBER in webhookcore("dlq", "list", "--reveal", DATABASE_URL=database_url).out


def test_one_dead_letter_is_shown_whole(webhookcore: Command, database_url: str, letters: dict[str, UUID]) -> None:
    """Why, where to, when; the message itself only when it is asked for."""
    wanted = str(letters["abandoned"])
    hidden = webhookcore("dlq", "show", wanted, DATABASE_URL=database_url)
    assert hidden.code == 0
    for part in (wanted, "abandoned", "jobs", "the service answered 503", "ServerError", f"correlation-{wanted}"):
        assert part in hidden.out
    assert "ride" not in hidden.out
    revealed = json.loads(webhookcore("dlq", "show", wanted, "--json", "--reveal", DATABASE_URL=database_url).out)
    assert revealed["payload"]["entry"][0]["changes"][0]["value"]["messages"][0]["text"]["body"] == "ride"
    assert revealed["bytes"] > 100


def test_a_dead_letter_that_is_not_there_is_told(webhookcore: Command, database_url: str) -> None:
    """By its id, and why it may be gone."""
    answer = webhookcore("dlq", "show", str(uuid4()), DATABASE_URL=database_url)
    assert (answer.code, answer.out) == (1, "")
    assert "there is no dead letter" in answer.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "x"), "'x' is no dead letter's ID"),
        (("list", "--state", "lost"), "--state takes waiting, retrying, abandoned, processed"),
        (("list", "--since", "soon"), "'soon' is no moment"),
        (("retry",), "say which: IDs, --route, --since, --until or --abandoned"),
        (("retry", "x"), "'x' is no dead letter's ID"),
    ],
)
def test_what_was_typed_wrong_is_a_usage_error(webhookcore: Command, arguments: tuple[str, ...], words: str) -> None:
    """Before any database is asked; nothing on stdout."""
    answer = webhookcore("dlq", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert words in answer.err


@pytest.fixture
def system(tmp_path: Any, database_url: str) -> dict[str, str]:
    """The environment of somebody who runs commands against this database."""
    config = write_config(tmp_path, route("jobs", "http://127.0.0.1:9/"))
    return {**SECRETS, "DATABASE_URL": database_url, "WEBHOOKCORE_CONFIG": str(config)}


def test_a_retry_by_id_makes_it_due_again(
    webhookcore: Command, system: dict[str, str], letters: dict[str, UUID]
) -> None:
    """Its retries start anew and it is not abandoned any more; an event and a row of job_runs tell who did it."""
    url, wanted = system["DATABASE_URL"], letters["abandoned"]
    answer = webhookcore("dlq", "retry", str(wanted), **system)
    assert answer.code == 0
    assert answer.err == "1 dead letter made due again; dlq-processor takes them next.\n"
    row = row_of(url, wanted)
    assert (row["retry_count"], row["abandoned_at"], row["processed"]) == (0, None, False)
    assert row["next_retry_at"] == row["updated_at"]
    event = json.loads(answer.out)
    assert event["event"] == "DLQ_MESSAGE_RETRY_SCHEDULED"
    assert (event["deadLetter"], event["route"], event["retry"]) == (str(wanted), "jobs", 0)
    assert event["correlationId"] == f"correlation-{wanted}"
    assert row["from_number"] not in answer.out
    with psycopg.connect(url) as connection:
        (found,) = connection.execute("SELECT jobname, status, result FROM job_runs").fetchall()
    assert found[:2] == ("dlq-retry", "succeeded")
    assert (found[2]["requeued"], found[2]["ids"]) == (1, [str(wanted)])


def test_what_is_being_sent_or_was_delivered_is_left_alone(
    webhookcore: Command, system: dict[str, str], letters: dict[str, UUID]
) -> None:
    """Its row does not change; the person is told."""
    kept = {state: row_of(system["DATABASE_URL"], letters[state]) for state in ("retrying", "processed")}
    ids = [str(row["id"]) for row in kept.values()]
    answer = webhookcore("dlq", "retry", *ids, ids[0], **system)
    assert answer.code == 0
    assert answer.out == ""
    assert answer.err.startswith("0 dead letters made due again. 2 left alone: ")
    for state, row in kept.items():
        assert row_of(system["DATABASE_URL"], letters[state]) == row


def test_a_lease_that_ran_out_is_taken_away(webhookcore: Command, system: dict[str, str]) -> None:
    """Whoever held it cannot settle the row any more."""
    (wanted,) = insert(system["DATABASE_URL"], [letter(lease_owner=uuid4(), lease_until=due(1))])
    webhookcore("dlq", "retry", str(wanted), **system)
    row = row_of(system["DATABASE_URL"], wanted)
    assert (row["lease_owner"], row["lease_until"]) == (None, None)


def test_a_retry_by_filter_takes_all_of_them_in_batches(
    webhookcore: Command, system: dict[str, str], letters: dict[str, UUID]
) -> None:
    """More than one statement locks; those of other routes and times stay."""
    url = system["DATABASE_URL"]
    insert(url, [letter(route="many", abandoned_at=due(1), retry_count=3, updated_at=due(1)) for _ in range(1100)])
    insert(url, [letter(route="many", retry_count=2, updated_at=due(1))])
    answer = webhookcore("dlq", "retry", "--route", "many", "--abandoned", "--since", "1h", "--json", **system)
    *events, last = map(json.loads, answer.out.splitlines())
    assert last == {"success": True, "requeued": 1100}
    assert [event["event"] for event in events] == ["DLQ_MESSAGE_RETRY_SCHEDULED"] * 1100
    with psycopg.connect(url) as connection:
        counts = connection.execute(
            "SELECT retry_count, count(*) FROM wa_dead_letter_queue WHERE route = 'many' GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert counts == [(0, 1100), (2, 1)]
    assert row_of(url, letters["abandoned"])["abandoned_at"] is not None


def test_a_dry_run_changes_nothing(webhookcore: Command, system: dict[str, str], letters: dict[str, UUID]) -> None:
    """It shows which ones it would be, for people and for programs."""
    before = {state: row_of(system["DATABASE_URL"], wanted) for state, wanted in letters.items()}
    told = webhookcore("dlq", "retry", "--since", "1d", "--dry-run", **system)
    assert "2 would be made due again. Nothing was changed." in told.out
    assert str(letters["waiting"]) in told.out
    planned = json.loads(webhookcore("dlq", "retry", "--abandoned", "--dry-run", "--json", **system).out)
    assert planned == {"dryRun": True, "wouldRequeue": 1, "ids": [str(letters["abandoned"])]}
    nothing = webhookcore("dlq", "retry", "--route", "none", "--dry-run", **system)
    assert nothing.out == "0 would be made due again. Nothing was changed.\n"
    assert {state: row_of(system["DATABASE_URL"], wanted) for state, wanted in letters.items()} == before


def test_a_database_that_is_away_is_told(webhookcore: Command) -> None:
    """In a line, with what to do; no traceback."""
    answer = webhookcore("dlq", "list", DATABASE_URL="postgresql://postgres@127.0.0.1:9/none")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("webhookcore: the database cannot be reached: ")
    assert "Connection refused" in answer.err
    assert len(answer.err.splitlines()) == 1


def test_a_url_that_is_none_is_configuration(webhookcore: Command) -> None:
    """78, without the URL itself: it may hold a password."""
    answer = webhookcore("dlq", "list", DATABASE_URL="postgresql://u:secret@h/d?nonsense=1")
    assert answer.code == 78
    assert "the database's URL cannot be read" in answer.err
    assert "secret" not in answer.err


def test_a_database_without_our_schema_is_told(webhookcore: Command, empty_database_url: str) -> None:
    """With the command that mends it."""
    answer = webhookcore("dlq", "list", DATABASE_URL=empty_database_url)
    assert answer.code == 1
    assert "run `webhookcore migrate`" in answer.err


def test_no_system_at_all_is_told(webhookcore: Command) -> None:
    """What could be named, and how to start one."""
    answer = webhookcore("dlq", "list")
    assert answer.code == 78
    assert "none runs in .webhookcore" in answer.err
    assert "webhookcore run" in answer.err
