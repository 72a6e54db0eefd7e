"""A background loop repeats its function, pauses longer after failures, logs a failure once, and counts."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from services.runtime import metrics
from services.runtime.background_loop import BackgroundLoop, Backoff
from tests.waiting import WAIT_LIMIT_S

QUICK = Backoff(0.001, 0.001)


class Runs:
    """The function of a loop: fails with `errors` first, returns `pause` afterwards, and counts its calls."""

    def __init__(self, *errors: Exception, pause: float | None = None) -> None:
        self.count = 0
        self._errors = list(errors)
        self._pause = pause
        self._called = asyncio.Event()

    async def __call__(self) -> float | None:
        self.count += 1
        self._called.set()
        if self._errors:
            raise self._errors.pop(0)
        return self._pause

    async def until(self, count: int) -> None:
        """Returns after the call with that number (the first is 1)."""
        async with asyncio.timeout(WAIT_LIMIT_S):
            while self.count < count:
                self._called.clear()
                await self._called.wait()


def make(run: Callable[[], object], name: str = "test", **options: object) -> BackgroundLoop:
    return BackgroundLoop(name, run, failure="The test failed", **{"backoff": QUICK, **options})  # type: ignore[arg-type]


async def test_it_runs_again_after_the_pause_that_the_run_returns() -> None:
    runs = Runs(pause=0)
    loop = make(runs)
    loop.start()
    await runs.until(3)
    await loop.stop()
    assert not loop.is_running


async def test_without_a_pause_it_runs_again_only_when_woken() -> None:
    runs = Runs()
    loop = make(runs)
    loop.start()
    await runs.until(1)
    await asyncio.sleep(0.01)
    assert runs.count == 1
    loop.wake()
    await runs.until(2)
    await loop.stop()


async def test_a_wake_during_a_run_is_followed_by_another_run() -> None:
    entered, leave = asyncio.Queue[None](), asyncio.Event()

    async def run() -> None:
        entered.put_nowait(None)
        await leave.wait()

    loop = make(run)
    loop.start()
    async with asyncio.timeout(WAIT_LIMIT_S):
        await entered.get()
        loop.wake()
        leave.set()
        await entered.get()
    await loop.stop()


async def test_a_delay_comes_before_the_first_run() -> None:
    runs = Runs()
    loop = make(runs)
    loop.start(delay_seconds=3600)
    await asyncio.sleep(0.01)
    await loop.stop()
    assert runs.count == 0


async def test_a_failure_is_logged_once_until_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    runs = Runs(OSError("1"), OSError("2"), OSError("3"), pause=0)
    loop = make(runs)
    loop.start()
    await runs.until(5)
    await loop.stop()
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == ["The test failed; it is tried again"]
    assert "test: works again after 3 failures" in caplog.text


async def test_another_kind_of_failure_is_logged_as_well(caplog: pytest.LogCaptureFixture) -> None:
    runs = Runs(OSError("1"), ValueError("2"), pause=0)
    loop = make(runs)
    loop.start()
    await runs.until(3)
    await loop.stop()
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [OSError, ValueError]


async def test_a_failure_that_something_else_reports_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    runs = Runs(OSError("1"), pause=0)
    loop = make(runs, silent=(OSError,))
    loop.start()
    await runs.until(2)
    await loop.stop()
    assert not caplog.records


async def test_runs_and_failures_are_counted_under_the_loops_name() -> None:
    runs = Runs(OSError("1"), pause=None)
    loop = make(runs, name="counted loop")
    loop.start()
    await runs.until(2)
    await asyncio.sleep(0.01)
    await loop.stop()
    exposition = b"".join(metrics.exposition()).decode()
    assert 'studiograph_loop_runs_total{loop="counted loop"} 2.0' in exposition
    assert 'studiograph_loop_failures_total{loop="counted loop"} 1.0' in exposition
    assert 'studiograph_loop_duration_seconds_count{loop="counted loop"} 2.0' in exposition


async def test_stopping_a_loop_that_never_began_does_nothing() -> None:
    await make(Runs()).stop()


@pytest.mark.parametrize(("failures", "longest"), [(1, 1), (2, 2), (3, 4), (4, 5), (1000, 5)])
def test_the_pause_doubles_up_to_its_limit_and_varies(failures: int, longest: float) -> None:
    pauses = {Backoff(1, 5).pause(failures) for _ in range(50)}
    assert longest / 2 <= min(pauses)
    assert max(pauses) <= longest
    assert len(pauses) > 1
