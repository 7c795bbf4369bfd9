"""Overload: what a router cannot take it refuses at once, and goes on with what it can."""

import itertools

from tests.bench import result
from tests.bench.figures.acknowledge import NOWHERE, peak
from tests.bench.load import Load, now
from tests.bench.notifications import JOBS, RIDES, Notifications
from tests.bench.result import Result
from tests.bench.rig import Rig
from tests.support.config import route

CAPPED = {"flush_events": 32, "uncommitted_requests": 256}
"""Together with a database that takes `COMMIT_SECONDS` for each commit: a fraction of what a router could take, so that
three times that can be sent, and refused, beside it."""
COMMIT_SECONDS = 0.05
TIMES = 3
FEW, MANY = 128, 512
"""Connections: enough for its peak, and more than may be uncommitted."""


async def overload(rig: Rig) -> list[Result]:
    seconds = 3.0 if rig.quick else 6.0
    notifications, numbers = Notifications(), itertools.count()
    config = rig.config(
        route("rides", NOWHERE, keywords=RIDES, paused=True), route("jobs", NOWHERE, keywords=JOBS, paused=True)
    )
    goodputs, peaks, refusals = [], [], []
    with rig.database() as url:
        rig.alter(url, commit_delay=f"{COMMIT_SECONDS * 1e6:.0f}", commit_siblings="0")
        async with (
            rig.router(config, url, **CAPPED) as router,
            Load(router.port, notifications.request, FEW, numbers) as few,
            Load(router.port, notifications.request, MANY, numbers) as many,
        ):
            for _ in range(1 if rig.quick else 3):
                peaks.append(await peak(few, seconds))
                started = now()
                answers = await many.open(TIMES * peaks[-1], seconds + 0.5)
                answers.check(200, 503)
                goodputs.append(answers.rate(200, started + 0.5, started + 0.5 + seconds))
                refusals += [answer.milliseconds for answer in answers.of(503, since=started + 0.5)]
    return [
        result.ratio_at_least(
            f"goodput at {TIMES} x what a capped router takes",
            result.median(goodputs),
            "req/s",
            result.median(peaks),
            least=0.9,
        ),
        result.at_most("… p99 of its refusals", result.percentile(refusals, 0.99), "ms", most=50),
    ]
