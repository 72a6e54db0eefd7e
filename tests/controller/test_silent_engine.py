"""An engine that does not answer costs nearly nothing, however many Studios are on it, and is noticed when it answers again."""

from contextlib import AsyncExitStack
from functools import partial

import pytest

from services.compute import circuit_breaker
from services.compute.circuit_breaker import MAX_FAILURES, CircuitBreaker
from services.compute.protocol import ComputeFailed, EngineSilent
from services.compute.registry import SILENT_RETRY_DELAY
from services.controller.lifecycle import environment_observer
from services.controller.write_slots import MAX_CONCURRENT_WRITES, WriteSlots
from services.runtime.background_loop import Backoff
from tests.controller.harness import ControllerHarness, database_now, mark_all_due, message_contains
from tests.waiting import eventually

STUDIOS = 12
QUICKLY = Backoff(0.05, 0.1)


@pytest.fixture
async def studios(harness: ControllerHarness) -> list[str]:
    """They run, and each has shown that its engine answers."""
    made = [await harness.add(name=f"Studio {number}") for number in range(STUDIOS)]
    for studio in made:
        await harness.status(studio, "RUNNING")
    return made


async def test_after_some_calls_without_an_answer_only_probes_are_made(harness: ControllerHarness, studios: list[str]) -> None:
    harness.compute.silent = True
    await mark_all_due(harness)
    for studio in studios:
        await harness.until(partial(message_contains, harness, studio, "does not answer"))
    harness.compute.calls.clear()
    await mark_all_due(harness)
    for studio in studios:
        await eventually(partial(is_put_off, harness, studio))
    assert set(harness.compute.calls) <= {"check"}


async def test_a_studio_that_says_so_already_writes_no_more(harness: ControllerHarness, studios: list[str]) -> None:
    harness.compute.silent = True
    await mark_all_due(harness)
    for studio in studios:
        await harness.until(partial(message_contains, harness, studio, "does not answer"))
        await eventually(partial(is_put_off, harness, studio))
    with harness.database.count_statements() as count:
        await mark_all_due(harness)
        for studio in studios:
            await eventually(partial(is_put_off, harness, studio))
    assert [text for text in count.statements if "FROM stream" in text] == []


async def is_put_off(harness: ControllerHarness, studio: str) -> bool:
    """It was looked at, without asking its engine."""
    row = await harness.row(studio)
    return row["lease_until"] is None and row["due_at"] > await database_now(harness) + SILENT_RETRY_DELAY / 3


async def test_all_studios_are_due_once_the_engine_answers(
    harness: ControllerHarness, studios: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "PROBES", QUICKLY)
    monkeypatch.setattr(environment_observer, "CHECK_RETRY", QUICKLY)
    harness.compute.silent = True
    await mark_all_due(harness)
    for studio in studios:
        await harness.until(partial(message_contains, harness, studio, "does not answer"))
    harness.compute.silent = False
    for studio in studios:
        await harness.until(partial(is_quiet, harness, studio))


async def is_quiet(harness: ControllerHarness, studio: str) -> bool:
    return (await harness.row(studio))["status_message"] is None


def test_an_answer_of_any_kind_closes_the_circuit() -> None:
    opened: list[bool] = []
    breaker = CircuitBreaker(lambda: opened.append(True))
    for _ in range(MAX_FAILURES):
        with pytest.raises(EngineSilent), breaker.call("observe"):
            raise EngineSilent("no answer")
    assert opened == [True]
    with pytest.raises(EngineSilent, match="asked again soon"), breaker.call("observe"):
        raise AssertionError("no call is made while the circuit is open")
    with pytest.raises(ComputeFailed), breaker.probe("check"):
        raise ComputeFailed("it refuses, so it answers")
    with breaker.call("observe"):
        pass


async def test_few_studios_of_one_environment_wait_for_the_stream_and_those_of_another_are_not_among_them() -> None:
    slots = WriteSlots()
    async with AsyncExitStack() as held:
        for _ in range(MAX_CONCURRENT_WRITES):
            await held.enter_async_context(slots.of("silent"))
        assert slots.of("silent").locked()
        assert not slots.of("healthy").locked()
