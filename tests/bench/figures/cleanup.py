"""session-cleanup: half a million stale sessions of a million, against one DELETE."""

import re
import time

import psycopg
from tests.bench import result
from tests.bench.data import count, fill_sessions
from tests.bench.result import Result
from tests.bench.rig import Rig
from tests.support.config import route

_DELETE = "DELETE FROM user_sessions WHERE last_interaction < now() - interval '24 hours'"
_DURATION = re.compile(r"\[([0-9]+)\] LOG:  duration: ([0-9.]+) ms  execute [^:]*: (.*?)(?=\n[0-9]{4}-|\Z)", re.DOTALL)
"""A process and its statement in Postgres's log, from one time stamp to the next."""


async def cleanup(rig: Rig) -> list[Result]:
    """Locks are held from a batch's DELETE to its COMMIT; Postgres itself tells how long each took."""
    sessions = 100_000 if rig.quick else 1_000_000
    stale = sessions // 2
    config = rig.config(route("rides", "http://127.0.0.1:9/webhook"))
    with rig.database() as url:
        fill_sessions(url, sessions, stale_every=2)
        with rig.copied(url) as twin:
            started = time.monotonic()
            with psycopg.connect(twin, autocommit=True) as conn:
                deleted = conn.execute(_DELETE).rowcount
            baseline = deleted / (time.monotonic() - started)
        rig.alter(url, log_min_duration_statement="0")
        before = rig.postgres.log.stat().st_size
        run = await rig.job("session-cleanup", config, url)
        left = count(url, "SELECT count(*) FROM user_sessions")
        if not run.result["sessions"]["deleted"] == stale == deleted == sessions - left:
            raise RuntimeError(f"not exactly the stale ones were deleted: {run.result}")
        held = batches(rig.postgres.log.read_text(encoding="utf-8", errors="replace")[before:])
    with rig.database() as url:
        fill_sessions(url, 1_000, stale_every=1)
        thousand = await rig.job("session-cleanup", config, url)
    rate = stale / run.result["durationMs"] * 1000
    return [
        result.ratio_at_least(f"session-cleanup, {stale:,} stale of {sessions:,}", rate, "rows/s", baseline, least=0.5),
        result.at_most("… p99 of how long a batch holds its locks", result.percentile(held, 0.99), "ms", most=20),
        result.at_most("session-cleanup, 1,000 sessions, start to exit", thousand.seconds, "s", most=5),
    ]


def batches(log: str) -> list[float]:
    """How long each batch held its locks, in milliseconds, from Postgres's log of its statements' durations."""
    held: list[float] = []
    open_batches: dict[str, float] = {}
    for process, milliseconds, statement in _DURATION.findall(log):
        if "DELETE FROM user_sessions" in statement:
            open_batches[process] = float(milliseconds)
        elif process in open_batches and statement.startswith("COMMIT"):
            held.append(open_batches.pop(process) + float(milliseconds))
    return held
