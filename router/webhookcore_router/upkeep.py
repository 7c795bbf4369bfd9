"""Once in a while: event lines written out, gauges, service_metrics, and whether the SLOs are met."""

import asyncio
import logging
import socket
from datetime import datetime, timedelta
from typing import Final

from webhookcore.settings import Slo
from webhookcore.store import inbox, service_metrics
from webhookcore.store.database import REFUSED, UNAVAILABLE, Database, refusal
from webhookcore.store.service_metrics import ServiceWindow
from webhookcore_router.breakers import Breakers
from webhookcore_router.committer import Committer
from webhookcore_router.dispatcher import Dispatcher
from webhookcore_router.reports import Reports, ServiceMinute, percentile

_log = logging.getLogger(__name__)
_LOG_SECONDS: Final = 0.05
_GAUGES_SECONDS: Final = 5.0


class Upkeep:
    """Runs beside the work and never in its way; without the database it loses numbers, nothing else."""

    def __init__(
        self,
        database: Database,
        *,
        reports: Reports,
        dispatcher: Dispatcher,
        committer: Committer,
        breakers: Breakers,
        slo: Slo,
    ) -> None:
        self._database = database
        self._reports = reports
        self._dispatcher = dispatcher
        self._committer = committer
        self._breakers = breakers
        self._slo = slo
        self._minute: datetime | None = None
        metrics = reports.metrics
        metrics.cold_start_slo_seconds.set(slo.cold_start_ms / 1000)
        metrics.p95_slo_seconds.set(slo.p95_ms / 1000)

    def cold_start(self, seconds: float) -> None:
        """The router is ready, `seconds` after its process started."""
        self._reports.metrics.cold_start_seconds.set(seconds)
        if seconds * 1000 > self._slo.cold_start_ms:
            self._reports.slo_violated("coldStart", seconds * 1000, self._slo.cold_start_ms)

    async def run(self) -> None:
        """Until cancelled."""
        self._minute = _minute(self._database.now())
        next_gauges = 0.0
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOG_SECONDS)
            self._reports.log.flush()
            if loop.time() < next_gauges:
                continue
            next_gauges = loop.time() + _GAUGES_SECONDS
            self._own_gauges()
            now = _minute(self._database.now())
            try:
                async with asyncio.timeout(_GAUGES_SECONDS):
                    await self._shared_gauges()
                    if now > self._minute:
                        await self._end_minute(self._minute)
                        self._minute = now
            except UNAVAILABLE as error:
                _log.warning("no numbers from the database: %s", error or type(error).__name__)
            except REFUSED as error:  # a table that this role may not read, perhaps: no reason to deliver nothing
                _log.error("no numbers from the database: %s", refusal(error))

    async def finish(self) -> None:
        """Writes the minute that a drain cuts short; to be asked after `run` ended."""
        if self._minute is not None:
            await self._end_minute(self._minute)

    def _own_gauges(self) -> None:
        metrics = self._reports.metrics
        metrics.held.set(self._dispatcher.held())
        metrics.uncommitted.set(self._committer.uncommitted)
        for name in self._breakers.states():
            metrics.breaker_open.labels(name).set(self._breakers.is_open(name))

    async def _shared_gauges(self) -> None:
        metrics, now = self._reports.metrics, self._database.now()
        async with self._database.connection() as conn:
            rows, oldest = await inbox.depth(conn, now)
            letters = await service_metrics.dead_letters(conn, now)
            jobs = await service_metrics.last_successes(conn)
        metrics.inbox_depth.set(rows)
        metrics.inbox_oldest_seconds.set(oldest)
        metrics.dead_letters.labels("waiting").set(letters.waiting)
        metrics.dead_letters.labels("abandoned").set(letters.abandoned)
        metrics.dead_letter_oldest_seconds.set(letters.oldest_due_seconds)
        for job, at in jobs.items():
            metrics.job_last_success.labels(job).set(at.timestamp())

    async def _end_minute(self, minute: datetime) -> None:
        """Writes the row of each service that did something, and judges the minute's acknowledgements."""
        services, self._reports.services = self._reports.services, {}
        acks, self._reports.acks = self._reports.acks, ServiceMinute()
        p95 = percentile(acks.samples, 0.95)
        if p95 is not None:
            self._reports.metrics.p95_seconds.set(p95 / 1000)
            if p95 > self._slo.p95_ms:
                self._reports.slo_violated("p95", p95, self._slo.p95_ms)
        windows = [
            ServiceWindow(
                name,
                work.delivered,
                work.failed,
                work.dead_lettered,
                percentile(work.samples, 0.5),
                percentile(work.samples, 0.95),
            )
            for name, work in services.items()
        ]
        async with self._database.connection() as conn:
            await service_metrics.write(conn, minute=minute, instance=socket.gethostname(), windows=windows)


def _minute(now: datetime) -> datetime:
    return now - timedelta(seconds=now.second, microseconds=now.microsecond)
