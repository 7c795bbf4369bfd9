"""Accepted → delivered to a service that answers at once: how many a second, and what each costs."""

from tests.bench import result
from tests.bench.figures.acknowledge import CONNECTIONS, peak
from tests.bench.load import Load, now
from tests.bench.notifications import JOBS, RIDES, Notifications
from tests.bench.result import Result
from tests.bench.rig import Rig
from tests.bench.services import Services
from tests.bench.usage import cpu_seconds
from tests.support.config import route

UNDER_WAY = 192
"""Events between their POST and their delivery: enough to keep a router busy, and no backlog grows."""


async def deliver(rig: Rig) -> list[Result]:
    repetitions, seconds = (2, 2.0) if rig.quick else (5, 4.0)
    notifications = Notifications()
    rates, hellos, costs = [], [], []
    with rig.database() as url:
        async with Services() as services:
            config = rig.config(
                route("rides", services.url(), keywords=RIDES), route("jobs", services.url(), keywords=JOBS)
            )
            async with (
                rig.hello() as hello,
                rig.router(config, url) as router,
                Load(hello.port, notifications.request, CONNECTIONS) as empty,
                Load(router.port, notifications.request, UNDER_WAY) as load,
            ):
                for repetition in range(repetitions + 1):
                    with router.stopped():
                        empty_rate = await peak(empty, seconds / 2)
                    started, before = now(), cpu_seconds(router.pid, rig.postmaster)
                    answers = await load.whole_way(seconds, services, UNDER_WAY)
                    ended, used = now(), cpu_seconds(router.pid, rig.postmaster) - before
                    answers.check(200)
                    delivered = services.rate(started, ended) * (ended - started)
                    if repetition:  # the first one warms up
                        hellos.append(empty_rate)
                        rates.append(services.rate(started + 0.5, started + seconds))
                        costs.append(1000 * used / delivered)
    unit = "events/s"
    return [
        result.ratio_at_least("accepted → delivered", result.median(rates), unit, result.median(hellos), least=0.20),
        result.at_most("CPU of router and Postgres for 1,000 delivered", result.median(costs), "s", most=0.6),
    ]
