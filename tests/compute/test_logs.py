"""What a session prints, followed as it comes, over the protocol."""

import asyncio
from contextlib import aclosing

import pytest

from services.compute.protocol import OutputChunk, Upstream
from services.domain.session_name import SessionName
from tests.compute.world import GRACE, World, ask

pytestmark = pytest.mark.behaviour("B84")
LIMIT_SECONDS = 20.0


async def printed(upstream: Upstream, text: str, times: int = 1) -> None:
    await ask(upstream, "GET", f"/print?times={times}&text={text}")


async def follow_until(world: World, name: SessionName, end: bytes, cursor: str | None = None) -> list[OutputChunk]:
    """The pieces after `place` until they end with `end`."""
    pieces: list[OutputChunk] = []
    async with asyncio.timeout(LIMIT_SECONDS), aclosing(world.compute.follow(name, cursor)) as follow:
        async for piece in follow:
            pieces.append(piece)
            if joined(pieces).endswith(end):
                break
    assert joined(pieces).endswith(end)
    return pieces


async def follow_to_the_end(world: World, name: SessionName, cursor: str | None = None) -> bytes:
    async with asyncio.timeout(LIMIT_SECONDS), aclosing(world.compute.follow(name, cursor)) as follow:
        return joined([piece async for piece in follow])


def joined(pieces: list[OutputChunk]) -> bytes:
    return b"".join(piece.data for piece in pieces)


async def test_what_is_printed_comes_as_it_is_printed_until_the_end(world: World) -> None:
    name = world.name()
    upstream = await world.start(name, TINY_PRINT="first line")
    async with asyncio.timeout(LIMIT_SECONDS), aclosing(world.compute.follow(name, None)) as follow:
        data = b""
        while not data.endswith(b"first line\ntiny listens\n"):
            data += (await anext(follow)).data
        await printed(upstream, "more")
        assert (await anext(follow)).data == b"more\n"
        await world.compute.stop(name, GRACE)
        rest = [piece async for piece in follow]
    assert await world.compute.tail(name, 1000) == data + b"more\n" + joined(rest)
    assert await world.compute.tail(name, 3) == (data + b"more\n" + joined(rest))[-3:]


async def test_whoever_comes_back_with_a_place_gets_all_that_came_after_it_and_nothing_twice(world: World) -> None:
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


async def test_every_place_on_the_way_leads_on(world: World) -> None:
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
