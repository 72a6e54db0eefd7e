"""Being told of changes as they happen."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from services.compute.protocol import Change, Presence
from services.domain.session_name import SessionName
from tests.compute.world import World, ask, ask_json, quietly
from tests.waiting import WAIT_LIMIT_S, promised

SOON = 0.5
"""Seconds. Measured: under 20 ms on an idle machine."""


async def about(changes: AsyncIterator[Change], name: SessionName) -> Change:
    """The next change that may concern the session."""
    async with asyncio.timeout(WAIT_LIMIT_S):
        async for change in changes:
            if change.name in (None, name):
                return change
    raise AssertionError


async def until_presence(world: World, changes: AsyncIterator[Change], name: SessionName, presence: Presence) -> None:
    while await world.presence(name) is not presence:
        await about(changes, name)


async def test_watching_begins_with_a_reason_to_list(world: World) -> None:
    async with aclosing(world.compute.watch()) as changes:  # type: ignore[type-var] # it is a generator in every kind
        assert (await anext(changes)).name is None


async def test_a_start_and_an_end_are_told(world: World) -> None:
    name = world.name()
    async with aclosing(world.compute.watch()) as changes:  # type: ignore[type-var]
        await anext(changes)
        await world.compute.ensure_session(world.spec(name), quietly)
        await until_presence(world, changes, name, Presence.RUNNING)
        upstream = await world.ready(name)
        begun = time.monotonic()
        await ask(upstream, "GET", "/exit?code=0")
        await until_presence(world, changes, name, Presence.EXITED)
        assert time.monotonic() - begun < promised(SOON)


async def test_several_can_watch(world: World) -> None:
    name = world.name()
    async with aclosing(world.compute.watch()) as one, aclosing(world.compute.watch()) as two:  # type: ignore[type-var]
        await anext(one)
        await anext(two)
        upstream = await world.start(name)
        await ask_json(upstream, "/pids")
        assert (await about(one, name)).name == (await about(two, name)).name == name


async def test_a_removal_is_told(world: World) -> None:
    name = world.name()
    await world.start(name)
    async with aclosing(world.compute.watch()) as changes:  # type: ignore[type-var]
        await anext(changes)
        await world.compute.remove(name)
        await until_presence(world, changes, name, Presence.ABSENT)


@pytest.mark.parametrize("times", [20])
async def test_watching_leaves_nothing_open(world: World, times: int) -> None:
    for _ in range(times):
        async with aclosing(world.compute.watch()) as changes:  # type: ignore[type-var]
            await anext(changes)
