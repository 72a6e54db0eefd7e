"""Prints in a session, and follows what it prints until a known end, within a time limit."""

import asyncio
from contextlib import aclosing

from services.compute.protocol import OutputChunk, Upstream
from services.domain.session_name import SessionName
from tests.compute.world import World, ask
from tests.waiting import WAIT_LIMIT_S


async def printed(upstream: Upstream, text: str, times: int = 1) -> None:
    await ask(upstream, "GET", f"/print?times={times}&text={text}")


async def follow_until(world: World, name: SessionName, end: bytes, cursor: str | None = None) -> list[OutputChunk]:
    """The pieces after `cursor` until they end with `end`."""
    pieces: list[OutputChunk] = []
    async with asyncio.timeout(WAIT_LIMIT_S), aclosing(world.compute.follow(name, cursor)) as follow:
        async for piece in follow:
            pieces.append(piece)
            if joined(pieces).endswith(end):
                break
    assert joined(pieces).endswith(end)
    return pieces


async def follow_to_the_end(world: World, name: SessionName, cursor: str | None = None) -> bytes:
    async with asyncio.timeout(WAIT_LIMIT_S), aclosing(world.compute.follow(name, cursor)) as follow:
        return joined([piece async for piece in follow])


def joined(pieces: list[OutputChunk]) -> bytes:
    return b"".join(piece.data for piece in pieces)
