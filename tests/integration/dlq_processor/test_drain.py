"""A run empties the queue: in order, lane by lane, beside others, until its time is up."""

import asyncio
from pathlib import Path

import psycopg
from tests.support.dead_letters import execute, insert, insert_many, letter, row, rows
from tests.support.dlq_processor import Processor, counts, expected, leases
from tests.support.internal_listener import InternalListener

from webhookcore.delivery.outcome import Delivered, Outcome
from webhookcore.redelivery import Redelivery
from webhookcore_workers.result import Exit


async def test_the_whole_backlog_is_drained_in_order_of_age(
    tmp_path: Path, database_url: str, listener: InternalListener
) -> None:
    """Batch after batch in one run; nearly in order: at most `concurrency` are under way at a time."""
    insert_many(database_url, 500)
    result = await Processor(tmp_path, database_url, listener.base_url, batchSize=20, concurrency=10).run()
    assert counts(result) == expected(processed=500, successful=500)
    places = [int(one.idempotency_key.removeprefix("wamid.")) for one in listener.redeliveries]
    assert sorted(places) == list(range(1, 501))
    assert all(abs(place - number) <= 40 for number, place in enumerate(places))
    assert listener.most_open <= 10
    assert leases(database_url) == 0


async def test_rows_of_one_lane_go_one_after_the_other(
    tmp_path: Path, database_url: str, listener: InternalListener
) -> None:
    """40 rows of three senders: never two of a sender under way at once, in the order of their age, in one run."""
    insert_many(database_url, 40, lanes=3)
    listener.delay = 0.01
    order: dict[str, list[int]] = {}

    def script(redelivery: Redelivery) -> Outcome:
        with psycopg.connect(database_url) as conn:
            statement = "SELECT from_number, route FROM wa_dead_letter_queue WHERE lease_owner IS NOT NULL"
            leased = conn.execute(statement).fetchall()
        assert len(leased) == len(set(leased))
        order.setdefault(redelivery.sender, []).append(int(redelivery.idempotency_key.removeprefix("wamid.")))
        return Delivered(200)

    listener.script = script
    result = await Processor(tmp_path, database_url, listener.base_url).run()
    assert counts(result) == expected(processed=40, successful=40)
    assert len(order) == 3
    assert all(places == sorted(places) for places in order.values())


async def test_a_busy_lane_is_left_to_the_router(tmp_path: Path, database_url: str, listener: InternalListener) -> None:
    """An event of the same sender and route is being delivered: the run waits a moment, then ends without the row."""
    held, free = insert(database_url, [letter(from_number="1"), letter()])
    execute(
        database_url,
        "INSERT INTO inbox (sender, route, owner, attempts, received_at, due_at, idempotency_key, reason,"
        " correlation_id, request_id, body)"
        " VALUES ('1', 'rides', gen_random_uuid(), 1, now(), now(), 'k', 'x', 'c', 'r', '')",
    )
    result = await Processor(tmp_path, database_url, listener.base_url).run()
    assert counts(result) == expected(processed=1, successful=1)
    assert [one.id for one in listener.redeliveries] == [free]
    assert row(database_url, held, "processed, attempts, lease_owner") == (False, 1, None)


async def test_two_processors_share_the_work(tmp_path: Path, database_url: str, listener: InternalListener) -> None:
    """Both get some, no row goes twice."""
    insert_many(database_url, 600)
    listener.delay = 0.02  # long enough that one alone is not done before the other begins
    processor = Processor(tmp_path, database_url, listener.base_url, batchSize=10, concurrency=5)
    results = await asyncio.gather(processor.run(), processor.run())
    assert sum(one.result["successful"] for one in results) == 600
    assert all(one.result["successful"] > 100 for one in results)
    assert len({one.id for one in listener.redeliveries}) == len(listener.redeliveries) == 600


async def test_the_time_is_up(tmp_path: Path, database_url: str, listener: InternalListener) -> None:
    """A run claims nothing after maxRunSeconds, finishes what is under way, and gives the rest back."""
    insert_many(database_url, 400)
    listener.delay = 0.4
    result = await Processor(
        tmp_path, database_url, listener.base_url, maxRunSeconds=2, batchSize=20, concurrency=4
    ).run()
    assert result.code is Exit.WORKED
    assert result.result["outOfTime"] is True
    assert 4 <= result.result["successful"] < 100
    assert result.result["successful"] == len(listener.redeliveries)
    assert leases(database_url) == 0


async def test_a_stop_ends_the_run_and_gives_leases_back(
    tmp_path: Path, database_url: str, listener: InternalListener
) -> None:
    """What is being sent is finished and settled; nothing else begins."""
    insert_many(database_url, 400)
    listener.delay = 0.3
    stop = asyncio.Event()
    running = asyncio.create_task(Processor(tmp_path, database_url, listener.base_url, concurrency=10).run(stop))
    await listener.wait_for(10)
    stop.set()
    result = await running
    assert result.code is Exit.WORKED
    assert result.result["interrupted"] is True
    assert result.result["successful"] == len(listener.redeliveries) <= 20
    assert len(rows(database_url, "id", "processed")) == result.result["successful"]
    assert leases(database_url) == 0


async def test_a_processor_that_sends_little_leases_little(
    tmp_path: Path, database_url: str, listener: InternalListener
) -> None:
    """While a row is leased, newer messages of its lane wait: a processor that dies must not hold many of them up, nor
    for long, however large its batches may be.
    """
    insert_many(database_url, 50)
    listener.delay = 0.5
    stop = asyncio.Event()
    processor = Processor(tmp_path, database_url, listener.base_url, batchSize=1000, concurrency=1)
    running = asyncio.create_task(processor.run(stop))
    await listener.wait_for(2)
    with psycopg.connect(database_url) as conn:
        (held,), (seconds,) = conn.execute(
            "SELECT count(*) FROM wa_dead_letter_queue WHERE lease_owner IS NOT NULL UNION ALL "
            "SELECT max(extract(epoch FROM lease_until - now())) FROM wa_dead_letter_queue"
        ).fetchall()
    stop.set()
    await running
    assert 1 <= held <= 4
    assert 0 < seconds <= 40


async def test_a_lease_that_somebody_took_is_not_settled(
    tmp_path: Path, database_url: str, listener: InternalListener
) -> None:
    """`dlq retry` or another processor has the row now: this run's answer is counted as lost and writes nothing."""
    [row_id] = insert(database_url, [letter()])

    def script(_redelivery: Redelivery) -> Outcome:
        execute(database_url, "UPDATE wa_dead_letter_queue SET lease_owner = gen_random_uuid()")
        return Delivered(200)

    listener.script = script
    result = await Processor(tmp_path, database_url, listener.base_url).run()
    assert counts(result) == expected(lost=1)
    assert row(database_url, row_id, "processed") == (False,)
