"""Several routers over one database behave as one: an event once, a lane in order, a notification whole."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from tests.support import meta
from tests.support.config import route, write_config
from tests.support.fleet import FAST, PATIENT, fleet
from tests.support.ledger import Meta, WatchedService, check, query, sender_number, sender_of, until_settled
from tests.support.services import Answer

FAILS_ON_ONE = """
CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.message_id = '{poison}' THEN RAISE EXCEPTION 'not this one' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fails BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION fails()
"""


async def test_the_same_message_a_thousand_times(database_url: str, tmp_path: Path) -> None:
    """1,000 copies through 4 routers at once: each is answered 200, and the message is delivered once. So is one that
    has no sender, for which no router waits for another.
    """
    async with WatchedService() as rides, WatchedService() as others:
        config = write_config(
            tmp_path,
            route("rides", rides.url, keywords=["ride"]),
            route("others", others.url, keywords=["other"]),
            router=FAST,
            others={"route": "others"},
        )
        async with fleet(config, database_url, count=4) as routers, Meta(routers.pick_any) as client:
            message = meta.text("ride", "1")
            body, nobodys = meta.body(message), meta.other_body()
            copies = [client.post(body, message["id"], "1", tries=1) for _ in range(1000)]
            copies += [client.post(nobodys, "", "", tries=1) for _ in range(200)]
            await asyncio.gather(*copies)
            assert Counter(client.statuses()) == {200: 1200}
            await until_settled(database_url)
        assert rides.keys() == [message["id"]]
        assert len(others.requests) == 1
        assert rides.requests[0].attempt == others.requests[0].attempt == 1


@pytest.mark.parametrize("kind", ["messages", "statuses"])
async def test_a_sender_that_arrives_here_and_there(database_url: str, tmp_path: Path, kind: str) -> None:
    """A lane's events arrive in turns at three routers and at a service that is slow: they are delivered in the order
    of acceptance and never two at once.
    """
    async with WatchedService(Answer(delay=0.01)) as service:
        config = write_config(
            tmp_path,
            route("rides", service.url, keywords=["ride"], concurrency=4),
            router=PATIENT,
            statuses={"route": "rides"},
        )
        async with fleet(config, database_url, count=3) as routers, Meta(routers.pick_any) as client:

            async def one(sender: str) -> list[str]:
                ids = []
                for number in range(15):
                    event = meta.text(f"ride {number}", sender) if kind == "messages" else meta.status("read", sender)
                    ids.append(event["id"])
                    body = meta.body(event) if kind == "messages" else meta.status_body(event)
                    await client.post(body, event["id"], sender, tries=1)
                return ids

            accepted = await asyncio.gather(*(one(sender_number(number)) for number in range(8)))
            await until_settled(database_url)
        assert set(client.statuses()) == {200}
        assert not service.overlaps
        for number, ids in enumerate(accepted):
            lane = [request for request in service.requests if sender_of(request) == sender_number(number)]
            assert [request.value()[kind][0]["id"] for request in lane] == ids


async def test_lanes_that_move_between_routers(database_url: str, tmp_path: Path) -> None:
    """The same while routers leave and come, each with what it holds: in order, and nothing twice."""
    async with WatchedService(Answer(delay=0.01)) as service:
        config = write_config(tmp_path, route("rides", service.url, keywords=["ride"], concurrency=4), router=PATIENT)
        async with fleet(config, database_url, count=3) as routers, Meta(routers.pick_ready) as client:
            stop = asyncio.Event()
            load = asyncio.create_task(client.keep_sending(8, stop, lambda _, number: f"ride {number}"))
            for _ in range(3):
                await asyncio.sleep(0.5)
                await routers.replace(routers.routers[0])
            stop.set()
            await load
            await until_settled(database_url)
        assert not service.overlaps
        check(client.sent, {"rides": service}, database_url)


@pytest.mark.parametrize("refused_at", [1, 500, 1000])
async def test_a_body_of_a_thousand_updates_is_kept_whole_or_not_at_all(
    database_url: str, tmp_path: Path, refused_at: int
) -> None:
    """Postgres fails at any of its rows: 503 and nothing of it is there. Then it goes through, each event once."""
    async with WatchedService() as rides:
        config = write_config(tmp_path, route("rides", rides.url, keywords=["ride"]), router=FAST)
        async with fleet(config, database_url) as routers, Meta(routers.pick_any) as client:
            messages = [meta.text(f"ride {number}", sender_number(number % 700)) for number in range(1000)]
            body = meta.batch_body(*messages)
            poison = messages[refused_at - 1]["id"]
            query(database_url, FAILS_ON_ONE.format(poison=poison))
            other, refused = await asyncio.gather(
                client.send("ride beside it", "0"), client.post(body, "", "", tries=1)
            )
            assert other.accepted
            assert refused.statuses == [503]
            await until_settled(database_url)
            assert rides.keys() == [other.key]
            assert query(database_url, "SELECT count(*) FROM dedupe_keys") == [(1,)]
            query(database_url, "DROP TRIGGER fails ON inbox")
            assert (await client.post(body, "", "", tries=1)).accepted
            await until_settled(database_url)
        assert sorted(rides.keys()) == sorted([other.key, *(message["id"] for message in messages)])
