"""Gathers the values of `/metrics`: gauges that are read at each scrape, and the state of the installation, read once for several."""

import asyncio
import logging
from collections.abc import Callable
from math import nan
from time import monotonic

from prometheus_client import Gauge

from services.domain.statuses import StudioStatus
from services.runtime import metrics
from services.store import installation_state
from services.store.db.database import Database
from services.store.installation_state import InstallationState

logger = logging.getLogger(__name__)

STATE_SECONDS = 5.0
"""How long a state of the installation is used for further scrapes."""
DATABASE_TIMEOUT_SECONDS = 3.0
"""A scrape gives the metrics of the process without a database that takes longer."""


class Exposition:
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
                state = await installation_state.read(reader)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises means the same here
            logger.debug("The state of the installation could not be read: %r", error)
            metrics.DATABASE_UP.set(0)
            _forget_state()
        else:
            metrics.DATABASE_UP.set(1)
            _show_state(state)


def _show_state(state: InstallationState) -> None:
    for status in StudioStatus:
        metrics.STUDIOS.labels(status.value).set(state.studios.get(status.value, 0))
    metrics.DUE_STUDIOS.set(state.due)
    metrics.OLDEST_DUE.set(state.oldest_due_seconds)
    metrics.LATE_STUDIOS.set(state.late)
    metrics.OPEN_BUILDS.set(state.open_builds)
    metrics.REMOVALS.labels("session").set(state.session_removals)
    metrics.REMOVALS.labels("checkpoint").set(state.checkpoint_removals)
    _forget_environments()
    for environment in state.environments:
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
