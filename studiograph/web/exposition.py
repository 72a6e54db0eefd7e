"""Gathers the values of `/metrics`: gauges that are read at each scrape, and the state of the installation, read once for several."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from math import nan
from time import monotonic

from prometheus_client import Gauge

from services.domain.statuses import StudioStatus
from services.runtime import metrics
from services.store import compute_environments, work_counts
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Database
from services.store.work_counts import WaitingWork

logger = logging.getLogger(__name__)

STATE_SECONDS = 5.0
"""How long a state of the installation is used for further scrapes."""
DATABASE_TIMEOUT_SECONDS = 3.0
"""A scrape gives the metrics of the process without a database that takes longer."""


class MetricsText:
    """Makes the text of `/metrics` of one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._readers: list[tuple[Gauge, Callable[[], float]]] = []
        self._refreshing = asyncio.Lock()
        self._refreshed_at = -STATE_SECONDS

    def read_at_scrape(self, gauge: Gauge, read: Callable[[], float]) -> None:
        """Sets `gauge` to what `read` returns at each scrape; `read` takes some microseconds and does not wait."""
        self._readers.append((gauge, read))

    async def text(self) -> bytes:
        """Returns the metrics in Prometheus' text format. Other tasks run while it is written, since thousands of series take long."""
        for gauge, read in self._readers:
            gauge.set(read())
        async with self._refreshing:
            if monotonic() - self._refreshed_at >= STATE_SECONDS:
                await self._refresh()
                self._refreshed_at = monotonic()
        parts = []
        for part in metrics.exposition():
            parts.append(part)
            await asyncio.sleep(0)
        return b"".join(parts)

    async def _refresh(self) -> None:
        """Reads the state of the installation. Without the database its gauges have no value, rather than an old one."""
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_SECONDS), self._database.read() as reader:
                studios = await work_counts.studios_by_status(reader)
                work = await work_counts.waiting_work(reader)
                environments = await compute_environments.in_use(reader)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises means the same here
            logger.debug("The state of the installation could not be read: %r", error)
            metrics.DATABASE_UP.set(0)
            _forget_state()
        else:
            metrics.DATABASE_UP.set(1)
            _show_work(studios, work)
            _show_environments(environments)


def _show_work(studios: Mapping[str, int], work: WaitingWork) -> None:
    for status in StudioStatus:
        metrics.STUDIOS.labels(status.value).set(studios.get(status.value, 0))
    metrics.DUE_STUDIOS.set(work.due)
    metrics.OLDEST_DUE.set(work.oldest_due_seconds)
    metrics.LATE_STUDIOS.set(work.late)
    metrics.OPEN_BUILDS.set(work.open_builds)
    metrics.REMOVALS.labels("session").set(work.session_removals)
    metrics.REMOVALS.labels("checkpoint").set(work.checkpoint_removals)


def _show_environments(environments: Iterable[EnvironmentState]) -> None:
    _forget_environments()
    for environment in environments:
        metrics.ENVIRONMENT_REACHABLE.labels(environment.id).set(environment.reachable)
        metrics.ENVIRONMENT_INFO.labels(environment.id, environment.kind, environment.name).set(1)


def _forget_state() -> None:
    for labelled in (metrics.STUDIOS, metrics.REMOVALS):
        labelled.clear()
    for gauge in (metrics.DUE_STUDIOS, metrics.OLDEST_DUE, metrics.LATE_STUDIOS, metrics.OPEN_BUILDS):
        gauge.set(nan)
    _forget_environments()


def _forget_environments() -> None:
    metrics.ENVIRONMENT_REACHABLE.clear()
    metrics.ENVIRONMENT_INFO.clear()
