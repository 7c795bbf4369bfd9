"""A router's memory after a million events, against what it was after ten thousand."""

from tests.bench import result
from tests.bench.load import Load
from tests.bench.notifications import JOBS, RIDES, Notifications
from tests.bench.result import Result
from tests.bench.rig import Rig
from tests.bench.services import Services
from tests.bench.usage import resident_bytes
from tests.support.config import route

MESSAGES, STATUSES = 250, 750
"""In each notification. Of what Meta sends most is statuses: sent, delivered and read of each answer."""
CONNECTIONS = 4
FEW, MANY = 10, 1_000
"""Notifications."""


async def memory(rig: Rig) -> list[Result]:
    """Messages are delivered, statuses counted."""
    notifications = Notifications()
    many = 100 if rig.quick else MANY

    def request(number: int) -> bytes:
        return notifications.batch_request(number, MESSAGES, STATUSES)

    with rig.database() as url:
        async with Services() as services:
            config = rig.config(
                route("rides", services.url(), keywords=RIDES), route("jobs", services.url(), keywords=JOBS)
            )
            async with rig.router(config, url) as router, Load(router.port, request, CONNECTIONS) as load:
                (await load.count(FEW)).check(200)
                await services.until(FEW * MESSAGES)
                before = resident_bytes(router.pid)
                (await load.count(many - FEW)).check(200)
                await services.until(many * MESSAGES)
                after = resident_bytes(router.pid)
    figure = f"router memory after {many * (MESSAGES + STATUSES):,} events"
    return [result.ratio_at_most(figure, after / 2**20, "MiB", before / 2**20, most=1.2)]
