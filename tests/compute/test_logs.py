"""What a session prints, followed as it comes, over the protocol."""

import asyncio
from contextlib import aclosing

import pytest

from tests.compute.outputs import follow_to_the_end, follow_until, joined, printed
from tests.compute.world import GRACE, World
from tests.waiting import WAIT_LIMIT_S

pytestmark = pytest.mark.behaviour("B84")


async def test_what_is_printed_comes_as_it_is_printed_until_the_end(world: World) -> None:
    name = world.name()
    upstream = await world.start(name, TINY_PRINT="first line")
    async with asyncio.timeout(WAIT_LIMIT_S), aclosing(world.compute.follow(name, None)) as follow:
        data = b""
        while not data.endswith(b"first line\ntiny listens\n"):
            data += (await anext(follow)).data
        await printed(upstream, "more")
        more = b""
        while not more.endswith(b"\n"):
            more += (await anext(follow)).data
        assert more == b"more\n"
        await world.compute.stop(name, GRACE)
        rest = [piece async for piece in follow]
    assert await world.compute.tail(name, 1000) == data + b"more\n" + joined(rest)
    assert await world.compute.tail(name, 3) == (data + b"more\n" + joined(rest))[-3:]


async def test_a_cursor_gives_all_that_came_after_it_and_nothing_twice(world: World) -> None:
    name = world.name()
    upstream = await world.start(name)
    seen, cursor = b"", None
    for number in range(6):
        await printed(upstream, f"{number}-{'x' * 100}", times=50)
        pieces = await follow_until(world, name, f"{number}-{'x' * 100}\n".encode() * 50, cursor)
        seen, cursor = seen + joined(pieces), pieces[-1].cursor
    await world.compute.stop(name, GRACE)
    whole = seen + await follow_to_the_end(world, name, cursor)
    assert whole == await follow_to_the_end(world, name)
    assert whole.count(b"x\n") == 300


async def test_every_cursor_on_the_way_goes_on(world: World) -> None:
    """Also in the middle of a line that an engine keeps in parts of one time."""
    name = world.name()
    upstream = await world.start(name)
    await printed(upstream, "y" * 60_000, times=4)
    await printed(upstream, "the-end")
    pieces = await follow_until(world, name, b"the-end\n")
    whole = joined(pieces)
    for at, piece in enumerate(pieces[:-1], 1):
        rest = await follow_until(world, name, b"the-end\n", piece.cursor)
        assert joined(pieces[:at]) + joined(rest) == whole


async def test_what_ended_without_a_follower_is_there_to_read(world: World) -> None:
    name = world.name()
    await printed(await world.start(name), "last-words")
    await world.compute.stop(name, GRACE)
    assert b"last-words\n" in await follow_to_the_end(world, name)


async def test_an_absent_session_printed_nothing(world: World) -> None:
    assert await follow_to_the_end(world, world.name()) == b""
    assert await world.compute.tail(world.name(), 100) == b""
