"""Runs an asynchronous function again and again in the background, waits longer after each failure, and counts runs and failures."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import uniform

from services.runtime import metrics

logger = logging.getLogger(__name__)

STOP_TIMEOUT_S = 5.0
"""Seconds that `stop` waits for a cancelled run: a database that does not even answer a rollback must not keep the process from ending."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """The pause after a failed run, in seconds: `first_seconds`, doubled with each failure that follows, at most `max_seconds`.

    Between half and all of it is waited, at random, so that processes that failed together do not try again together.
    """

    first_seconds: float = 1.0
    max_seconds: float = 5.0

    def pause(self, failures: int) -> float:
        """Returns the seconds to wait after that many failures in a row (1 or more)."""
        longest = min(self.first_seconds * 2.0 ** min(failures - 1, 32), self.max_seconds)
        return longest * uniform(0.5, 1)  # noqa: S311 - no secret


class BackgroundLoop:
    """Calls `run` until stopped. `run` returns the seconds until its next call; None = only when `wake` is called.

    An exception of `run` is logged as `failure` when it is first seen, and again only if its type changes before a run succeeds.
    Types in `silent` are never logged: something else reports them. `name` labels the metrics; loops of one kind share it.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[], Awaitable[float | None]],
        *,
        failure: str,
        backoff: Backoff | None = None,
        min_pause_seconds: float = 0.0,
        silent: tuple[type[Exception], ...] = (),
    ) -> None:
        self.name = name
        self._run = run
        self._failure = failure
        self._backoff = backoff or Backoff()
        self._min_pause_seconds = min_pause_seconds
        self._silent = silent
        self._wake = asyncio.Event()
        self._failures = 0
        self._logged: type[Exception] | None = None
        self._task: asyncio.Task[None] | None = None
        self._counted_failures = metrics.LOOP_FAILURES.labels(name)  # shows 0 before the first one

    @property
    def is_running(self) -> bool:
        """True from `start` until the loop has ended."""
        return self._task is not None and not self._task.done()

    @property
    def is_woken(self) -> bool:
        """True from `wake` until the run that follows it begins."""
        return self._wake.is_set()

    def start(self, *, delay_seconds: float = 0.0) -> None:
        """Begins in the running event loop; the first run comes after the delay."""
        self._task = asyncio.create_task(self._repeat(delay_seconds), name=self.name)

    def wake(self) -> None:
        """Ends the pause before the next run; a run in progress is followed by another one at once. A pause after a failure stays."""
        self._wake.set()

    def mark_healthy(self) -> None:
        """Ends a series of failures. A run calls this that lasts for long and has reached what failed before."""
        if self._logged is not None:
            logger.info("%s: works again after %d failures", self.name, self._failures)
        self._failures, self._logged = 0, None

    def cancel(self) -> None:
        """Cancels the present run and all that would follow, without waiting."""
        if self._task is not None:
            self._task.cancel()

    async def stop(self) -> None:
        """Cancels, and returns when the loop has ended, or after STOP_TIMEOUT_S."""
        self.cancel()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=STOP_TIMEOUT_S)

    async def _repeat(self, delay_seconds: float) -> None:
        await asyncio.sleep(delay_seconds)
        while True:
            self._wake.clear()
            try:
                with metrics.LOOP_DURATION.labels(self.name).time():
                    pause = await self._run()
            except Exception as error:  # noqa: BLE001 - a loop goes on whatever its run raises
                self._note(error)
                await asyncio.sleep(self._backoff.pause(self._failures))
                continue
            finally:
                metrics.LOOP_RUNS.labels(self.name).inc()
            self.mark_healthy()
            await self._wait(pause)

    async def _wait(self, pause: float | None) -> None:
        await asyncio.sleep(self._min_pause_seconds)
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _note(self, error: Exception) -> None:
        self._failures += 1
        self._counted_failures.inc()
        if type(error) is not self._logged and not isinstance(error, self._silent):
            self._logged = type(error)
            logger.error("%s; it is tried again", self._failure, exc_info=error)
