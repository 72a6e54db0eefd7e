"""What sessions print reaches the store whole, once and without secrets, whatever happens meanwhile; and it holds up nothing."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest

from services.controller.logs import log_drain, log_follower
from services.controller.logs.log_collector import LogCollector
from services.store import outputs, studios
from services.store.outputs import KEPT, LONGEST_PIECE, OutputPage
from services.store.tables import core
from services.studios.inputs import Configuration, StopStudioRequest, Variable
from tests.controller.conftest import House

pytestmark = pytest.mark.behaviour("B84")
MEBIBYTE = 1 << 20


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_follower, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(log_follower, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(log_follower, "ASIDE_SECONDS", 0.2)


async def session_id(house: House, studio_id: str) -> str:
    return str(next(row["id"] for row in await house.rows(core.session) if row["studio_id"] == studio_id))


async def stored(house: House, studio_id: str, offset: int = 0) -> OutputPage:
    async with house.database.read() as reader:
        return await outputs.read(reader, await session_id(house, studio_id), offset, 4 * MEBIBYTE)


async def until_stored(house: House, studio_id: str, end: bytes) -> bytes:
    """All that is stored, once it ends so."""

    async def there() -> bool:
        return (await stored(house, studio_id, -len(end))).data == end

    await house.until(there)
    return (await stored(house, studio_id)).data


async def until_closed(house: House, studio_id: str) -> bytes:
    async def closed() -> bool:
        return (await stored(house, studio_id)).closed

    await house.until(closed)
    return (await stored(house, studio_id)).data


async def runs(house: House, printed: bytes = b"", **given: Any) -> str:
    house.compute.printed = printed
    studio_id = await house.add(**given)
    await house.status(studio_id, "RUNNING")
    return studio_id


async def test_what_is_printed_is_stored_as_it_comes(house: House) -> None:
    studio_id = await runs(house, b"first\n")
    assert await until_stored(house, studio_id, b"first\n") == b"first\n"
    house.compute.print(b"second\n")
    assert await until_stored(house, studio_id, b"second\n") == b"first\nsecond\n"
    assert not (await stored(house, studio_id)).closed


async def test_all_is_stored_before_the_session_is_removed(house: House) -> None:
    studio_id = await runs(house, b"begins\n")
    house.compute.printed += b"last words\n"  # of which nobody is told
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio_id))
    await house.status(studio_id, "STOPPED")
    assert await until_closed(house, studio_id) == b"begins\nlast words\n"


async def test_a_start_that_fails_keeps_its_output(house: House) -> None:
    house.compute.answers, house.compute.printed = False, b"no such file\n"
    studio_id = await house.add()
    await house.called("probe")
    house.compute.end(await house.name(studio_id), 1)
    await house.status(studio_id, "ERRORED")
    assert await until_closed(house, studio_id) == b"no such file\n"


async def test_an_output_that_cannot_be_read_holds_up_neither_start_nor_stop(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_drain, "READ_SECONDS", 0.1)
    house.compute.hold["follow"] = asyncio.Event()
    studio_id = await runs(house)
    await house.studios.stop(house.world.viewer, StopStudioRequest(studio_id))
    await house.status(studio_id, "STOPPED")
    house.compute.broken["follow"] = KeyError("a bug")
    house.compute.hold["follow"].set()
    other = await runs(house, name="Other")
    await house.studios.stop(house.world.viewer, StopStudioRequest(other))
    await house.status(other, "STOPPED")


async def test_a_session_that_was_removed_from_outside_has_a_closed_output(house: House) -> None:
    studio_id = await runs(house, b"all that there was\n")
    await until_stored(house, studio_id, b"was\n")
    house.compute.lose(await house.name(studio_id))
    await house.status(studio_id, "ERRORED")
    assert await until_closed(house, studio_id) == b"all that there was\n"


async def test_an_engine_that_falls_silent_costs_nothing(house: House) -> None:
    studio_id = await runs(house, b"1\n")
    await until_stored(house, studio_id, b"1\n")
    house.compute.silent = True
    house.compute.print(b"2\n")
    await house.called("follow", 4)
    house.compute.silent = False
    assert await until_stored(house, studio_id, b"2\n") == b"1\n2\n"


@pytest.mark.behaviour("B16")
async def test_secrets_are_masked_wherever_the_pieces_are_cut(house: House) -> None:
    secret = "correct-horse"
    house.compute.piece = 5
    configuration = Configuration(environment=(Variable("PASSWORD", secret, secret=True),))
    studio_id = await runs(house, f"a {secret} b\xff\n".encode("latin-1"), configuration=configuration)
    assert await until_stored(house, studio_id, b" b\xff\n") == "a … b".encode() + b"\xff\n"
    house.compute.print(b"correct-h")
    await house.called("followed", 7)
    await house.crash()
    await house.start()
    house.compute.print(b"orse\n")
    assert await until_stored(house, studio_id, "…\n".encode()) == "a … b".encode() + b"\xff\n" + "…\n".encode()


async def test_crashes_lose_nothing_and_repeat_nothing(house: House) -> None:
    house.compute.piece = 7
    studio_id = await runs(house)
    lines = [f"line {number}\n".encode() for number in range(60)]
    for number, line in enumerate(lines):
        house.compute.print(line)
        if number % 20 == 10:
            await until_stored(house, studio_id, lines[number])
        if number % 20 == 15:
            await house.crash()
            await house.start()
    assert await until_stored(house, studio_id, lines[-1]) == b"".join(lines)


async def test_several_collectors_store_it_once(house: House) -> None:
    studio_id = await runs(house)
    others = [LogCollector(house.tools, house.wakeups) for _ in range(2)]
    for other in others:
        await other.start()
    await house.called("follow", 3)
    lines = [f"line {number}\n".encode() for number in range(40)]
    for line in lines:
        house.compute.print(line)
        await until_stored(house, studio_id, line)
    assert (await stored(house, studio_id)).data == b"".join(lines)
    for other in others:
        await other.close()


@contextmanager
def delays() -> Iterator[list[float]]:
    """How long others of the event loop had to wait, in seconds, looked at every millisecond."""
    found: list[float] = []

    async def look() -> None:
        while True:
            before = monotonic()
            await asyncio.sleep(0.001)
            found.append(monotonic() - before - 0.001)

    task = asyncio.create_task(look())
    try:
        yield found
    finally:
        task.cancel()


async def test_a_flood_fills_nothing_and_starves_nobody(house: House) -> None:
    secret = Configuration(environment=(Variable("KEY", "correct-horse" * 100, secret=True),))
    quiet = await runs(house, configuration=secret)
    line = b"x" * 99 + b"\n"
    before = await house.rows(core.output_piece)
    assert before == []
    house.compute.printed = line * (32 * MEBIBYTE // 100)
    with delays() as waited:
        began = monotonic()
        house.compute.look()
        await house.called("followed", 60)
        other = await house.add(name="Other")
        await house.status(other, "RUNNING")
        took = monotonic() - began
    assert took < 5
    assert sorted(waited)[len(waited) * 99 // 100] < 0.05
    page = await stored(house, quiet)
    mine = await session_id(house, quiet)
    held = sum(len(row["data"]) for row in await house.rows(core.output_piece) if row["output_id"] == mine)
    assert 0 < held <= KEPT + LONGEST_PIECE
    assert page.end > held


async def test_output_goes_with_its_studio(house: House) -> None:
    gone, stays = await runs(house, b"x\n"), await runs(house, b"x\n", name="Other")
    for studio_id in (gone, stays):
        await until_stored(house, studio_id, b"x\n")
    kept = await session_id(house, stays)
    async with house.database.write() as transaction:
        await studios.remove(transaction, gone)
    await asyncio.wait_for(_collected(house, kept), 10)


async def _collected(house: House, kept: str) -> None:
    """Also what was read at this moment makes no new output of a session that is gone."""
    house.compute.print(b"more\n")
    async with house._commits() as commits:
        while (await house.rows(core.output))[0]["end"] < len(b"x\nmore\n"):
            await commits.wait()
            commits.clear()
    assert {row["id"] for row in await house.rows(core.output)} == {kept}
    assert {row["output_id"] for row in await house.rows(core.output_piece)} == {kept}
