"""While one service hangs: nobody else's acknowledgement and nobody else's delivery may take longer."""

from pathlib import Path

from tests.bench import result
from tests.bench.load import Load, now
from tests.bench.notifications import JOBS, RIDES, TEXTS, Notifications
from tests.bench.result import Result
from tests.bench.rig import Rig
from tests.bench.services import Services
from tests.support.config import route

RATE = 800
"""Requests a second, half of what even a slow machine delivers: latencies, not queues."""
SHARE = 5
"""Every fifth message goes to the third service."""
WARM_SECONDS = 1.0


async def hang(rig: Rig) -> list[Result]:
    """`timeoutMs` (4 s) passes within each run: it sees the breaker closed, its opening, and open."""
    pairs = 1 if rig.quick else 5
    acks: dict[bool, list[float]] = {False: [], True: []}
    deliveries: dict[bool, list[float]] = {False: [], True: []}
    async with Services() as services:
        for _ in range(pairs):
            for hangs in (False, True):
                config = rig.config(
                    route("rides", services.url(), keywords=RIDES),
                    route("jobs", services.url(), keywords=JOBS),
                    route("insurance", services.url(hangs=hangs), keywords=["insurance"]),
                )
                ack, delivery = await _run(rig, config, services)
                acks[hangs].append(ack)
                deliveries[hangs].append(delivery)
    return [
        result.ratio_at_most(
            f"{what}, while one service hangs",
            result.median(found[True]),
            "ms",
            result.median(found[False]),
            most=1.1,
            or_more=5,
        )
        for what, found in (("ack p99", acks), ("delivery p99 of the other services", deliveries))
    ]


async def _run(rig: Rig, config: Path, services: Services) -> tuple[float, float]:
    """p99 of acknowledgements, and of the other services' deliveries, in milliseconds."""
    notifications = Notifications([*TEXTS, "What does my insurance cover?"])
    services.arrived.clear()
    with rig.database() as url:
        async with rig.router(config, url) as router, Load(router.port, notifications.request, 256) as load:
            started = now()
            answers = await load.open(RATE, 7.0 + WARM_SECONDS)
            answers.check(200)
            await services.quiet()
    counted = answers.of(200, since=started + WARM_SECONDS)
    others = [answer for answer in counted if answer.number % SHARE != SHARE - 1]
    missing = [answer.number for answer in others if answer.number not in services.arrived]
    if missing:
        raise RuntimeError(f"{len(missing)} events of other services were not delivered")
    return (
        result.percentile([answer.milliseconds for answer in counted], 0.99),
        result.percentile([(services.arrived[answer.number] - answer.due) * 1000 for answer in others], 0.99),
    )
