"""What is counted is counted at one place, and shown in parts that hold the event loop for moments."""

import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from services.compute.circuit_breaker import MAX_FAILURES, CircuitBreaker
from services.compute.engine_calls import EngineCalls
from services.compute.protocol import ComputeFailed, EngineSilent
from services.runtime import metrics
from services.runtime.event_loop_delay import EventLoopDelay
from tests.waiting import eventually


def samples() -> Iterator[Sample]:
    for family in text_string_to_metric_families(b"".join(metrics.exposition()).decode()):
        yield from family.samples


def calls(environment: str) -> dict[str, float]:
    """The number of calls by their outcome."""
    name = "studiograph_engine_calls_total"
    return {it.labels["outcome"]: it.value for it in samples() if it.name == name and it.labels["environment"] == environment}


def is_silent(environment: str) -> list[float]:
    return [it.value for it in samples() if it.name == "studiograph_engine_silent" and it.labels["environment"] == environment]


def test_calls_to_an_engine_are_counted_by_how_they_end() -> None:
    environment = uuid4().hex
    breaker = CircuitBreaker(lambda: None, EngineCalls(environment))
    with breaker.call("observe"):
        pass
    with pytest.raises(ComputeFailed), breaker.call("stop"):
        raise ComputeFailed("it refuses")
    assert is_silent(environment) == [0]
    for _ in range(MAX_FAILURES):
        with pytest.raises(EngineSilent), breaker.call("observe"):
            raise EngineSilent("no answer")
    with pytest.raises(EngineSilent), breaker.call("observe"):
        raise AssertionError("no call is made")
    assert calls(environment) == {"ok": 1, "failed": 1, "silent": MAX_FAILURES, "refused": 1}
    assert is_silent(environment) == [1]
    with breaker.probe("check"):
        pass
    assert is_silent(environment) == [0]
    metrics.forget_environment(environment)
    assert calls(environment) == {}
    assert is_silent(environment) == []


async def test_a_held_event_loop_shows() -> None:
    held_seconds, before = 0.3, delays()
    delay = EventLoopDelay()
    delay.start()

    async def shows() -> bool:
        time.sleep(held_seconds)  # noqa: ASYNC251 - the fault: what holds the loop
        return delays() > before

    await eventually(shows)
    delay.close()


def delays() -> float:
    """The number of times that the loop was late by more than a tenth of a second."""
    buckets = {it.labels["le"]: it.value for it in samples() if it.name == "studiograph_event_loop_delay_seconds_bucket"}
    return buckets["+Inf"] - buckets["0.1"]


def test_thousands_of_series_are_written_in_short_parts() -> None:
    environments = [uuid4().hex for _ in range(100)]
    for environment in environments:
        for operation in ("observe", "stop", "save", "probe", "stats", "follow", "check", "remove", "tail", "ensure_session"):
            for outcome in ("ok", "silent"):
                metrics.ENGINE_CALLS.labels(environment, operation, outcome).inc()
    parts = [part.decode() for part in metrics.exposition()]
    text = "".join(parts)
    assert text.count("\nstudiograph_engine_calls_total{") >= 2000
    assert text.count("# HELP studiograph_engine_calls_total") == 1
    assert max(part.count("\nstudiograph_") for part in parts) <= metrics.MAX_SAMPLES_PER_PART
    for environment in environments:
        metrics.forget_environment(environment)
