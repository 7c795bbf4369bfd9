"""The dlq-processor's own statements over a large queue: claim and settle, and nothing between."""

import time
from uuid import uuid4

from tests.bench import result
from tests.bench.data import fill_letters
from tests.bench.notifications import Notifications
from tests.bench.result import Result
from tests.bench.rig import Rig

from webhookcore.store import dead_letters
from webhookcore.store.database import Database
from webhookcore.store.dead_letters import Settlement
from webhookcore.store.due_scan import DueScan

BATCH = 50
FLAT = 1.2


async def claims(rig: Rig) -> list[Result]:
    """Every letter is claimed once and settled as delivered, `batchSize` (50) at a time."""
    due = 10_000 if rig.quick else 100_000
    seconds: list[float] = []
    with rig.database() as url:
        fill_letters(url, Notifications(), ["rides", "jobs", "insurance", "shop"], due)
        database = Database(url, size=1)
        await database.open()
        me, scan, done = uuid4(), DueScan(), 0
        async with database.connection() as conn:
            while done < due:
                started = time.monotonic()
                now = database.now()
                letters = await dead_letters.claim_due(
                    conn, owner=me, batch=BATCH, lease_seconds=60, now=now, scan=scan
                )
                settled = [
                    Settlement(letter.id, letter.retry_count, letter.attempts, delivered=True) for letter in letters
                ]
                done += len(await dead_letters.settle(conn, owner=me, settlements=settled, now=now))
                seconds.append(time.monotonic() - started)
                if not letters:
                    raise RuntimeError(f"{done} of {due} were found")
        await database.close()
    tenth = len(seconds) // 10
    first, last = (result.median(part) * 1000 for part in (seconds[:tenth], seconds[-tenth:]))
    return [
        result.shown(f"dlq-processor's statements, {due:,} due", due / sum(seconds), "rows/s"),
        result.ratio_at_most("… its last batches, against its first", last, "ms", first, most=FLAT),
    ]
