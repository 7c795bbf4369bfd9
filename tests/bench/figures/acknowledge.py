"""Signed POST → durable 200: how many a second, and how long each takes at 70 % of that."""

from tests.bench import result
from tests.bench.load import Load, now
from tests.bench.notifications import JOBS, RIDES, Notifications
from tests.bench.result import Result
from tests.bench.rig import Rig
from tests.support.config import route

CONNECTIONS = 128
NOWHERE = "http://127.0.0.1:9/webhook"


async def acknowledge(rig: Rig) -> list[Result]:
    """The routes are paused: verified, split, decided, kept; deliveries are another figure's."""
    repetitions, seconds = (2, 2.0) if rig.quick else (5, 4.0)
    config = rig.config(
        route("rides", NOWHERE, keywords=RIDES, paused=True), route("jobs", NOWHERE, keywords=JOBS, paused=True)
    )
    notifications = Notifications()
    peaks, hellos = [], []
    with rig.database() as url:
        async with (
            rig.hello() as hello,
            rig.router(config, url) as router,
            Load(hello.port, notifications.request, CONNECTIONS) as empty,
            Load(router.port, notifications.request, CONNECTIONS) as load,
        ):
            for repetition in range(repetitions + 1):
                with router.stopped():
                    empty_rate = await peak(empty, seconds / 2)
                rate = await peak(load, seconds)
                if repetition:  # the first one warms up
                    hellos.append(empty_rate)
                    peaks.append(rate)
            at = 0.7 * result.median(peaks)
            started = now()
            answers = await load.open(at, 2 * seconds + 0.5)
            answers.check(200)
            latencies = [answer.milliseconds for answer in answers.of(200, since=started + 0.5)]
    unit = "req/s"
    return [
        result.ratio_at_least(
            "signed POST → durable 200", result.median(peaks), unit, result.median(hellos), least=0.30
        ),
        result.shown("… p50 at 70 % of it", result.percentile(latencies, 0.50), "ms"),
        result.at_most("… p99 at 70 % of it", result.percentile(latencies, 0.99), "ms", most=50),
    ]


async def peak(load: Load, seconds: float) -> float:
    """Requests a second in closed loop, the first half second left out."""
    started = now()
    answers = await load.closed(seconds + 0.5)
    answers.check(200)
    return answers.rate(200, started + 0.5, started + 0.5 + seconds)
