"""A verified compute believes no absence and no refusal of another engine, and changes nothing there."""

from collections.abc import Awaitable, Callable

import pytest

from services.compute.protocol import ComputeFailed, Presence, SaveRequest, UnidentifiedEngine
from services.compute.verified_compute import VerifiedCompute
from tests.compute.world import quietly
from tests.controller.faulty_compute import FaultyCompute
from tests.docker.fake_engine import NAME, SPEC


def verified(engine: FaultyCompute) -> VerifiedCompute:
    """Only the engine "ours" is the right one."""

    async def verify() -> None:
        if engine.engine != "ours":
            raise UnidentifiedEngine(f"it is {engine.engine}")

    return VerifiedCompute(engine, verify)


async def test_an_absence_is_reported_by_the_right_engine_only() -> None:
    engine = FaultyCompute(engine="ours")
    compute = verified(engine)
    assert (await compute.observe(NAME)).presence is Presence.ABSENT
    engine.engine = "another"
    with pytest.raises(UnidentifiedEngine):
        await compute.observe(NAME)


async def test_an_absence_is_looked_at_again_once_the_engine_is_verified() -> None:
    """A volume may be mounted between the look and the verification."""
    engine = FaultyCompute(engine="ours")

    async def mount() -> None:
        engine.observations.clear()
        await engine.ensure_session(SPEC, quietly)

    assert (await VerifiedCompute(engine, mount).observe(NAME)).presence is Presence.RUNNING


CHANGES: list[Callable[[VerifiedCompute], Awaitable[object]]] = [
    lambda compute: compute.ensure_session(SPEC, quietly),
    lambda compute: compute.save(SaveRequest(NAME, "reference", interim=False)),
    lambda compute: compute.remove(NAME),
    lambda compute: compute.remove_checkpoint("reference"),
    lambda compute: compute.final_saves(NAME, "checkpoint"),
]


@pytest.mark.parametrize("change", CHANGES, ids=["create", "save", "remove", "remove a save", "finished saves"])
async def test_nothing_is_changed_on_another_engine(change: Callable[[VerifiedCompute], Awaitable[object]]) -> None:
    engine = FaultyCompute(engine="another")
    with pytest.raises(UnidentifiedEngine):
        await change(verified(engine))
    assert engine.calls == []


async def test_a_refusal_of_an_engine_that_took_the_place_meanwhile_is_not_believed() -> None:
    engine = FaultyCompute(engine="ours", refuse_start="The checkpoint is not there.")
    compute = verified(engine)
    with pytest.raises(ComputeFailed):
        await compute.ensure_session(SPEC, quietly)
    calls = 0

    async def verify() -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise UnidentifiedEngine("it is another")

    with pytest.raises(UnidentifiedEngine):
        await VerifiedCompute(engine, verify).ensure_session(SPEC, quietly)
