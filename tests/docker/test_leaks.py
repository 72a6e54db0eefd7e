"""What a DockerCompute opens it closes: descriptors and tasks, after many sessions, broken streams and engines that went away."""

import asyncio
import gc
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest

from services.compute.docker import DockerCompute
from services.compute.docker.recipe_book import RecipeBook
from services.compute.protocol import ComputeFailed, ComputeUnknown, ImageBuild, SaveRequest
from tests.compute.world import GRACE, World, quietly
from tests.docker.engine import ENVIRONMENT
from tests.docker.fake_engine import CONTAINER, IMAGE, NAME, FakeEngine, fake_engine
from tests.waiting import soon

ROUNDS = 4
SPARE = 2
"""Descriptors: a pooled connection more or less."""


def held() -> tuple[int, int]:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks())


async def keeps_nothing(round_: Callable[[int], Awaitable[None]], times: int) -> None:
    """After a first round, which may open what is kept open for good."""
    await round_(0)
    descriptors, tasks = held()
    for number in range(1, times + 1):
        await round_(number)
    await asyncio.sleep(0)
    after = held()
    assert after[0] <= descriptors + SPARE, (descriptors, after)
    assert after[1] <= tasks, asyncio.all_tasks()


@pytest.mark.docker
async def test_sessions_that_came_and_went_hold_nothing(world: World) -> None:
    """Followed to their end, followed and left, measured, measured when gone."""

    async def round_(number: int) -> None:
        name = world.name(number + 1)
        await world.start(name)
        to_the_end = asyncio.create_task(follow(world, name))
        left = asyncio.create_task(follow(world, name))
        await asyncio.gather(*(world.compute.stats(name) for _ in range(3)))
        async with aclosing(world.compute.watch()) as changes:  # type: ignore[type-var]  # an async generator
            await anext(changes)
        left.cancel()
        await world.save(name, "c1", interim=True)
        await world.compute.stop(name, GRACE)
        await soon(to_the_end)
        await asyncio.gather(left, return_exceptions=True)
        await world.compute.remove(name)
        assert await world.compute.stats(name) is None

    await keeps_nothing(round_, ROUNDS)


async def follow(world: World, name: Any) -> None:
    async with aclosing(world.compute.follow(name, None)) as printed:
        async for _ in printed:
            pass


@pytest.mark.parametrize("answer", [(500, "layer does not exist"), (404, "none"), b"<html>", b"", b'{"Id": "'])
async def test_answers_that_are_none_hold_nothing(tmp_path: Path, answer: Any) -> None:
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool/Dockerfile").write_text("FROM x")
    with tempfile.TemporaryDirectory(prefix="sgt-") as directory:
        async with fake_engine(Path(directory)) as fake:
            fake.answers = dict.fromkeys(("GET", "POST", "DELETE"), answer)
            compute = DockerCompute(fake.url, NAME.installation, ENVIRONMENT, recipes=RecipeBook(own=tmp_path))
            await keeps_nothing(lambda _: everything(compute, fake), 10)
            await compute.close()


async def everything(compute: DockerCompute, fake: FakeEngine) -> None:
    changes: Any = compute.watch()
    async with aclosing(changes):
        await anext(changes)
        await fake.events.put(None)
        with suppress(ComputeUnknown):
            await anext(changes)
    printed: Any = compute.follow(NAME, None)
    async with aclosing(printed):
        with suppress(ComputeUnknown, ComputeFailed, StopAsyncIteration):
            await anext(printed)
    for call in (
        compute.build_image(ImageBuild("built:1", "tool"), _drop),
        compute.ensure_image(IMAGE, quietly),
        compute.stats(NAME),
        compute.tail(NAME, 10),
        compute.save(SaveRequest(NAME, "studiograph-0/b:c1-final-0", interim=False)),
        compute.remove(NAME),
    ):
        with suppress(ComputeUnknown, ComputeFailed):
            await call


async def _drop(data: bytes) -> None:
    """Nobody reads it."""


async def test_calls_that_were_given_up_hold_nothing(tmp_path: Path) -> None:
    """An engine that hangs, and callers that do not wait for it."""
    with tempfile.TemporaryDirectory(prefix="sgt-") as directory:
        async with fake_engine(Path(directory)) as fake:
            fake.answers = {"GET /containers/": CONTAINER}
            fake.hangs = {"POST", "GET /containers/json", "GET /images", "GET /networks"}
            compute = DockerCompute(fake.url, NAME.installation, ENVIRONMENT)

            async def round_(_: int) -> None:
                calls = [compute.sessions(), compute.ensure_image(IMAGE, quietly), compute.check(), compute.remove(NAME)]
                tasks: list[asyncio.Task[Any]] = [asyncio.create_task(call) for call in calls]
                await asyncio.wait(tasks, timeout=0.05)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await asyncio.sleep(0.05)  # the fake's side closes after ours

            await keeps_nothing(round_, 10)
            await compute.close()
