"""The dead letter queue on a real Postgres: who may claim what, what a settlement writes, and how it is found."""

import asyncio
import statistics
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from tests.support.dead_letters import due, execute, insert, insert_many, letter, row, rows
from tests.support.plans import indexes, node_types, plan

from webhookcore.delivery.outcome import FailureCode
from webhookcore.store import dead_letters
from webhookcore.store.database import Connection, Database
from webhookcore.store.dead_letters import ClaimedLetter, Settlement, claim_due, settle
from webhookcore.store.due_scan import DueScan
from webhookcore.store.statements import load

ME = UUID(int=1)
OTHER = UUID(int=2)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, size=16, wait_seconds=60)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def conn(database: Database) -> AsyncIterator[Connection]:
    async with database.connection() as conn:
        yield conn


async def claim(conn: Connection, owner: UUID = ME, batch: int = 50, **more: Any) -> list[ClaimedLetter]:
    """Claims by this machine's clock, which the database of a test shares."""
    values: dict[str, Any] = {"lease_seconds": 60.0, "now": datetime.now(UTC)} | more
    return await claim_due(conn, owner=owner, batch=batch, **values)


def ids(letters: list[ClaimedLetter]) -> list[UUID]:
    return [one.id for one in letters]


def own_inbox(url: str, sender: str, route: str, owner: UUID | None = OTHER) -> None:
    """A router delivers an event of this lane now, or it waits there."""
    execute(
        url,
        "INSERT INTO inbox (sender, route, owner, attempts, received_at, due_at, idempotency_key, reason,"
        " correlation_id, request_id, body) VALUES (%s, %s, %s, 1, now(), now(), 'k', 'keyword', 'c', 'r', '')",
        sender,
        route,
        owner,
    )


async def test_a_claim_leases_a_row_and_counts_its_attempt(database_url: str, conn: Connection) -> None:
    """The claimer gets all that a redelivery needs, and the attempt is durable before anything is sent."""
    written = letter(attempts=3, retry_count=1, menu_selection="1", traceparent="00-a-b-01", body=b"\x00exact\xff")
    insert(database_url, [written])
    now = datetime.now(UTC)
    [claimed] = await claim(conn, now=now, lease_seconds=42.0)
    assert claimed == ClaimedLetter(
        id=written["id"],
        route="rides",
        reason="keyword",
        menu_selection="1",
        sender=written["from_number"],
        message_id=written["message_id"],
        idempotency_key=written["idempotency_key"],
        attempts=4,
        retry_count=1,
        received_at=written["received_at"],
        correlation_id=written["correlation_id"],
        request_id=written["request_id"],
        traceparent="00-a-b-01",
        body=b"\x00exact\xff",
    )
    assert row(database_url, claimed.id, "lease_owner, lease_until, attempts, retry_count") == (
        ME,
        now + timedelta(seconds=42),
        4,
        1,
    )
    assert await claim(conn, OTHER) == []


async def test_oldest_first(database_url: str, conn: Connection) -> None:
    """By the time at which they became due, then by their age; what is not due is left alone."""
    tie = due(7)
    insert(
        database_url,
        [
            letter(id=UUID(int=3), next_retry_at=tie, received_at=due(10)),
            letter(id=UUID(int=2), next_retry_at=tie, received_at=due(20)),
            letter(id=UUID(int=4), next_retry_at=due(1)),
            letter(id=UUID(int=1), next_retry_at=due(9)),
            letter(id=UUID(int=5), next_retry_at=due(-1)),
        ],
    )
    scan = DueScan()
    first = await claim(conn, batch=3, scan=scan)
    second = await claim(conn, batch=3, scan=scan)
    assert ids(first + second) == [UUID(int=number) for number in (1, 2, 3, 4)]


async def test_settled_rows_are_never_claimed(database_url: str, conn: Connection) -> None:
    """Processed and abandoned ones."""
    insert(
        database_url,
        [
            letter(processed=True, processed_at=due()),
            letter(abandoned_at=due()),
            letter(abandoned_at=due(), next_retry_at=None),
        ],
    )
    scan = DueScan()
    assert await claim(conn, scan=scan) == []
    assert (scan.exhausted, scan.blocked) == (True, False)


async def test_never_two_of_one_lane(database_url: str, conn: Connection) -> None:
    """The younger one comes when the older one is settled; other routes of the sender are other lanes."""
    older, younger, elsewhere = insert(
        database_url,
        [
            letter(from_number="1", next_retry_at=due(3)),
            letter(from_number="1", next_retry_at=due(2)),
            letter(from_number="1", next_retry_at=due(1), route="jobs"),
        ],
    )
    assert ids(await claim(conn)) == [older, elsewhere]
    assert await claim(conn) == []
    assert await claim(conn, OTHER) == []
    await settle(conn, owner=ME, settlements=[Settlement(older, 0, 2, delivered=True)], now=datetime.now(UTC))
    assert ids(await claim(conn, OTHER)) == [younger]


async def test_without_a_sender_each_row_is_a_lane_of_its_own(database_url: str, conn: Connection) -> None:
    """Statuses and other changes wait for nobody."""
    insert(database_url, [letter(from_number="") for _ in range(5)])
    own_inbox(database_url, "", "rides")
    assert len(await claim(conn)) == 5


def test_the_schema_refuses_two_leases_of_one_lane(database_url: str) -> None:
    """Whatever a claimer does wrong."""
    lease = {"lease_owner": ME, "lease_until": due(-1)}
    insert(
        database_url,
        [letter(from_number="1", **lease), letter(from_number="", **lease), letter(from_number="", **lease)],
    )
    with pytest.raises(psycopg.errors.UniqueViolation, match="dlq_leased_lane"):
        insert(database_url, [letter(from_number="1", **lease)])


async def test_a_lane_in_which_a_router_delivers_is_left_alone(database_url: str, conn: Connection) -> None:
    """At most one request of a lane at a time; an event that only waits in the inbox does not count."""
    busy, waiting = insert(database_url, [letter(from_number="1"), letter(from_number="2")])
    own_inbox(database_url, "1", "rides")
    own_inbox(database_url, "1", "jobs")
    own_inbox(database_url, "2", "rides", owner=None)
    scan = DueScan()
    assert ids(await claim(conn, scan=scan)) == [waiting]
    while not scan.exhausted:
        assert await claim(conn, scan=scan) == []
    assert (scan.exhausted, scan.blocked) == (True, True)
    execute(database_url, "DELETE FROM inbox")
    assert ids(await claim(conn, scan=scan)) == [busy]


async def test_an_acceptance_under_way_is_waited_for_and_seen(database_url: str, conn: Connection) -> None:
    """A router holds the sender's lock while it accepts and starts to deliver: the claim sees what it committed."""
    insert(database_url, [letter(from_number="1")])
    statements = load("locks")
    with psycopg.connect(database_url) as flush:
        flush.execute(statements["lock_senders"], {"lock_class": 0x574843, "gate": 2, "senders": ["1"]})
        claiming = asyncio.create_task(claim(conn))
        with psycopg.connect(database_url, autocommit=True) as watcher:
            waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while not watcher.execute(waits).fetchone():  # noqa: ASYNC110 - Postgres has no event for it
                await asyncio.sleep(0)
        flush.execute(
            "INSERT INTO inbox (sender, route, owner, attempts, received_at, due_at, idempotency_key, reason,"
            " correlation_id, request_id, body) VALUES ('1', 'rides', %s, 1, now(), now(), 'k', 'x', 'c', 'r', '')",
            [OTHER],
        )
        flush.commit()
        assert await claiming == []


async def test_the_lease_of_a_dead_processor_runs_out(database_url: str, conn: Connection) -> None:
    """Its rows are due again, the attempt it may have sent stays counted, and it cannot settle them any more."""
    [row_id] = insert(database_url, [letter()])
    [theirs] = await claim(conn, OTHER, lease_seconds=0.0)
    assert await dead_letters.free_expired(conn, now=datetime.now(UTC)) == 1
    [mine] = await claim(conn)
    assert (theirs.attempts, mine.attempts) == (2, 3)
    assert (theirs.taken_over, mine.taken_over) == (False, True)
    late = [Settlement(row_id, 0, 2, delivered=True)]
    assert await settle(conn, owner=OTHER, settlements=late, now=datetime.now(UTC)) == set()
    assert row(database_url, row_id, "processed, lease_owner") == (False, ME)
    assert await dead_letters.free_expired(conn, now=datetime.now(UTC)) == 0


async def test_a_row_that_somebody_locked_is_skipped(database_url: str, conn: Connection) -> None:
    """`dlq retry`, or a hand: the claim waits for nobody."""
    locked, free = insert(database_url, [letter(), letter()])
    with psycopg.connect(database_url) as other:
        other.execute("SELECT FROM wa_dead_letter_queue WHERE id = %s FOR UPDATE", [locked])
        assert ids(await claim(conn)) == [free]


async def test_what_is_held_off_is_left_alone(database_url: str, conn: Connection) -> None:
    """A run that could not hand a row over tries others first."""
    first, second = insert(database_url, [letter(next_retry_at=due(3)), letter()])
    assert ids(await claim(conn, held_off={first})) == [second]
    assert ids(await claim(conn)) == [first]


async def test_a_row_written_by_hand_can_be_claimed(database_url: str, conn: Connection) -> None:
    """Only the published columns: the event is the payload, and the headers have something to say."""
    execute(
        database_url,
        "INSERT INTO wa_dead_letter_queue (message_id, from_number, payload, next_retry_at)"
        " VALUES ('wamid.X', '1', '{\"a\": 1}', now() - interval '1 s'), (NULL, '2', '{}', now() - interval '1 s')",
    )
    named, nameless = sorted(await claim(conn), key=lambda one: one.sender)
    assert (named.idempotency_key, named.body, named.attempts) == ("wamid.X", b'{"a": 1}', 1)
    assert nameless.idempotency_key == nameless.correlation_id == nameless.request_id == str(nameless.id)


async def test_a_settlement_writes_each_outcome(database_url: str, conn: Connection) -> None:
    """Delivered, charged, abandoned and parked rows in one statement; all leases end."""
    insert(database_url, [letter(attempts=1) for _ in range(4)])
    delivered, failed, abandoned, parked = ids(await claim(conn))
    now, later = datetime.now(UTC), datetime.now(UTC) + timedelta(minutes=4)
    settlements = [
        Settlement(delivered, 0, 2, delivered=True),
        Settlement(failed, 1, 4, next_retry_at=later, error_code=FailureCode.TIMEOUT, error_message="no answer"),
        Settlement(abandoned, 3, 3, abandoned=True, error_code=FailureCode.ROUTE_GONE, error_message="gone"),
        Settlement(parked, 0, 1, next_retry_at=later),
    ]
    assert await settle(conn, owner=ME, settlements=settlements, now=now) == {delivered, failed, abandoned, parked}
    columns = "processed, processed_at, abandoned_at, retry_count, next_retry_at, attempts, error_code, error_message"
    before = ("ServerError", "the service answered 503")
    assert row(database_url, delivered, columns) == (True, now, None, 0, None, 2, *before)
    assert row(database_url, failed, columns) == (False, None, None, 1, later, 4, "Timeout", "no answer")
    assert row(database_url, abandoned, columns) == (False, None, now, 3, None, 3, "RouteGone", "gone")
    assert row(database_url, parked, columns) == (False, None, None, 0, later, 2, *before)
    assert {found for (found,) in rows(database_url, "lease_owner")} == {None}
    assert {found for (found,) in rows(database_url, "updated_at")} == {now}


async def test_leases_are_given_back(database_url: str, conn: Connection) -> None:
    """One by one, or all but those that are known; only one's own; due as they were, the attempt still counted."""
    when = due(30)
    insert(database_url, [letter(next_retry_at=when) for _ in range(3)])
    first, second = ids(await claim(conn, batch=2))
    [third] = ids(await claim(conn, OTHER))
    now = datetime.now(UTC)
    await dead_letters.release(conn, owner=ME, ids=[first, third], now=now)
    columns = "lease_owner, next_retry_at, attempts, retry_count, taken_over"
    assert row(database_url, first, columns) == (None, when, 2, 0, False)
    assert row(database_url, third, columns) == (OTHER, when, 2, 0, False)
    assert await dead_letters.release_all(conn, owner=ME, now=now, known=[second]) == 0
    assert await dead_letters.release_all(conn, owner=ME, now=now) == 1
    assert row(database_url, second, columns) == (None, when, 2, 0, False)
    assert await dead_letters.due_count(conn, now=now) == 2


async def test_what_may_have_been_sent_is_remembered(database_url: str, conn: Connection) -> None:
    """The router vanished while it had the row: whoever claims it next is told, and also who comes after."""
    insert(database_url, [letter(next_retry_at=due(2)), letter(next_retry_at=due(1))])
    first, second = ids(await claim(conn))
    now = datetime.now(UTC)
    await dead_letters.release(conn, owner=ME, ids=[first, second], now=now, perhaps_sent=[first])
    again = await claim(conn)
    assert [(one.id, one.taken_over) for one in again] == [(first, True), (second, False)]
    await dead_letters.release(conn, owner=ME, ids=[first, second], now=now)
    assert [one.taken_over for one in await claim(conn)] == [True, False]


async def test_eight_claimers_take_each_row_once(database_url: str, database: Database) -> None:
    """10,000 rows in 700 lanes: none twice, and never two of a lane at a time (the schema would refuse it)."""
    insert_many(database_url, 10_000, lanes=700)
    taken: list[UUID] = []

    async def work(owner: UUID) -> None:
        scan = DueScan()
        async with database.connection() as conn:
            while not (scan.exhausted and not scan.blocked):
                letters = await claim(conn, owner, scan=scan)
                taken.extend(ids(letters))
                settlements = [Settlement(one.id, 0, one.attempts, delivered=True) for one in letters]
                settled = await settle(conn, owner=owner, settlements=settlements, now=datetime.now(UTC))
                assert settled == set(ids(letters))

    await asyncio.gather(*(work(uuid4()) for _ in range(8)))
    assert len(taken) == len(set(taken)) == 10_000
    assert {attempts for (attempts,) in rows(database_url, "attempts")} == {2}


async def test_claims_stay_fast_while_a_transaction_elsewhere_is_open(database_url: str, database: Database) -> None:
    """Nothing that is settled can be cleaned away then; the last claims do no more work than the first.

    Counted in pages that a claim reads, not in time.
    """
    insert_many(database_url, 6000)
    reads: list[int] = []
    scan = DueScan()
    with psycopg.connect(database_url) as holder:
        holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        holder.execute("SELECT count(*) FROM wa_dead_letter_queue")
        async with database.connection() as conn:
            await conn.execute("SET track_io_timing = off")
            while letters := await claim(conn, scan=scan):
                settlements = [Settlement(one.id, 0, one.attempts, delivered=True) for one in letters]
                await settle(conn, owner=ME, settlements=settlements, now=datetime.now(UTC))
                reads.append(await _pages_of_a_look(conn, scan))
    assert len(reads) == 120
    assert statistics.median(reads[-20:-1]) <= 3 * statistics.median(reads[:20])


async def _pages_of_a_look(conn: Connection, scan: DueScan) -> int:
    """How many pages the next look would read."""
    cursor = await conn.execute(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT id FROM wa_dead_letter_queue"
        " WHERE NOT processed AND abandoned_at IS NULL AND lease_owner IS NULL AND next_retry_at <= now()"
        " AND (next_retry_at, received_at, id) > (%s, %s, %s) ORDER BY next_retry_at, received_at, id LIMIT 100",
        tuple(scan.after),
    )
    found = await cursor.fetchone()
    assert found is not None
    top = found[0][0]["Plan"]
    return int(top["Shared Hit Blocks"]) + int(top["Shared Read Blocks"])


async def test_one_senders_backlog_hides_nobody(database_url: str, conn: Connection) -> None:
    """1,200 rows of one lane come first: one claim takes the oldest of them, and the row behind them all."""
    insert_many(database_url, 1200, lanes=1)
    [behind] = insert(database_url, [letter()])
    claimed = await claim(conn)
    assert [one.idempotency_key for one in claimed] == ["wamid.1", row(database_url, behind, "idempotency_key")[0]]


async def test_a_claim_looks_at_so_many_rows_at_most(database_url: str, conn: Connection) -> None:
    """Behind 3,000 rows of one lane the next claim goes on where this one ended."""
    insert_many(database_url, 3000, lanes=1)
    [behind] = insert(database_url, [letter()])
    scan = DueScan()
    assert len(await claim(conn, scan=scan)) == 1
    assert ids(await claim(conn, scan=scan)) == [behind]


@pytest.mark.parametrize("filled", [False, True])
async def test_the_hot_statements_use_their_indexes(database_url: str, database: Database, filled: bool) -> None:
    """Whether Postgres has seen the table empty or full: an index that goes missing, or stops fitting, fails here."""
    if filled:
        insert_many(database_url, 5000)
        execute(database_url, "ANALYZE wa_dead_letter_queue")
    statements = load("dead_letters")
    async with database.connection() as conn:
        look = await plan(conn, statements["due"])
        assert indexes(look) == {"dlq_due", "inbox_lane", "dlq_leased_lane"}
        assert not node_types(look) & {"Sort", "Incremental Sort", "Seq Scan"}
        [scan] = [node for node in look if node.get("Index Name") == "dlq_due"]
        assert "next_retry_at <=" in scan["Index Cond"]
        assert "ROW(" in scan["Index Cond"], "a look starts where the last one ended"
        [lane] = [node for node in look if node.get("Index Name") == "dlq_leased_lane"]
        assert "from_number" in lane["Index Cond"]
        assert "route" in lane["Index Cond"]

        claiming = await plan(conn, statements["claim"])
        assert indexes(claiming) == {"wa_dead_letter_queue_pkey", "inbox_lane", "dlq_leased_lane"}
        assert "Seq Scan" not in node_types(claiming)
        for name in ("settle", "release"):
            settling = await plan(conn, statements[name])
            assert indexes(settling) == {"wa_dead_letter_queue_pkey"}
            assert "Seq Scan" not in node_types(settling)
        for name in ("free_expired", "release_all"):
            assert indexes(await plan(conn, statements[name])) == {"dlq_leased_lane"}
        assert indexes(await plan(conn, statements["due_count"])) == {"dlq_due"}


async def test_a_hundred_claims_at_once_do_not_deadlock(database_url: str, database: Database) -> None:
    """Claim lock first, then senders in one order: 16 connections, 100 claims, all rows taken."""
    insert_many(database_url, 500, lanes=500)

    async def one() -> list[UUID]:
        async with database.connection() as conn:
            return ids(await claim(conn, uuid4(), batch=5))

    taken = [row_id for batch in await asyncio.gather(*(one() for _ in range(100))) for row_id in batch]
    assert len(taken) == len(set(taken)) == 500
