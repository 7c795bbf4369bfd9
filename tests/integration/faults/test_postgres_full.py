"""Postgres has no room any more: 503, and nothing accepted that is not kept, nothing kept in halves."""

import asyncio
from pathlib import Path

import pytest
from tests.support import meta
from tests.support.config import route, write_config
from tests.support.fleet import FAST, fleet
from tests.support.ledger import Meta, WatchedService, check, query, until_settled
from tests.support.services import Answer

DISK_FULL = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$
"""
WHERE = {
    "as it is written": (
        "CREATE TRIGGER full_disk BEFORE INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION no_room()"
    ),
    "at the commit": (
        "CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION no_room()"
    ),
}


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("table", ["inbox", "dedupe_keys", "user_sessions"])
async def test_nothing_is_kept_in_halves(database_url: str, tmp_path: Path, where: str, table: str) -> None:
    """Wherever the disk is full, a notification is refused whole; with room again the repeat is accepted whole."""
    async with WatchedService() as rides:
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"]), router=FAST)
        async with fleet(config, database_url) as routers, Meta(routers.pick_any) as client:
            query(database_url, DISK_FULL)
            query(database_url, WHERE[where].format(table=table))
            messages = [meta.text(f"ride {number}", "1") for number in range(3)]
            refused = await client.post(meta.body(*messages), "", "", tries=1)
            alone = await asyncio.gather(*(client.send(f"ride {number}", str(number), tries=1) for number in range(9)))
            assert {status for sent in (refused, *alone) for status in sent.statuses} == {503}
            for each in ("inbox", "dedupe_keys", "user_sessions"):
                assert query(database_url, f"SELECT count(*) FROM {each}") == [(0,)], each  # noqa: S608 - three names
            query(database_url, f"DROP TRIGGER full_disk ON {table}")
            assert (await client.post(meta.body(*messages), "", "", tries=1)).accepted
            await until_settled(database_url)
        assert rides.keys() == [message["id"] for message in messages]


async def test_no_room_for_a_dead_letter(database_url: str, tmp_path: Path) -> None:
    """What could not be delivered and cannot be moved to the dead letter queue stays in the inbox until it can."""
    async with WatchedService(Answer(400)) as rides, WatchedService() as jobs:
        config = write_config(
            tmp_path,
            route("rides", rides.url, keywords=["ride"]),
            route("jobs", jobs.url, keywords=["job"]),
            router=FAST,
        )
        async with fleet(config, database_url) as routers, Meta(routers.pick_any) as client:
            query(database_url, DISK_FULL)
            query(database_url, WHERE["at the commit"].format(table="wa_dead_letter_queue"))
            failed = await client.send("ride")
            await rides.wait_for(1)
            await client.send("job")
            await jobs.wait_for(1)
            await routers.routers[0].wait_for_line("settling waits")
            assert query(database_url, "SELECT idempotency_key FROM inbox WHERE route = 'rides'") == [(failed.key,)]
            query(database_url, "DROP TRIGGER full_disk ON wa_dead_letter_queue")
            await until_settled(database_url)
        check(client.sent, {"rides": rides, "jobs": jobs}, database_url)
        assert query(database_url, "SELECT idempotency_key FROM wa_dead_letter_queue") == [(failed.key,)]
