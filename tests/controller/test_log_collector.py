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
from services.store.outputs import MAX_PIECE_BYTES, RETENTION_BYTES, OutputPage
from services.store.tables import core
from services.studios.requests import Configuration, EnvVar, StopStudioRequest
from tests.controller.harness import ControllerHarness
from tests.waiting import promised

pytestmark = pytest.mark.behaviour("B84")
MEBIBYTE = 1 << 20


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_follower, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(log_follower, "REOPEN_SECONDS", 0.05)
    monkeypatch.setattr(log_follower, "STANDBY_POLL_SECONDS", 0.2)


async def session_id(harness: ControllerHarness, studio_id: str) -> str:
    return str(next(row["id"] for row in await harness.rows(core.session) if row["studio_id"] == studio_id))


async def stored(harness: ControllerHarness, studio_id: str, offset: int = 0) -> OutputPage:
    async with harness.database.read() as reader:
        return await outputs.read(reader, await session_id(harness, studio_id), offset, 4 * MEBIBYTE)


async def until_stored(harness: ControllerHarness, studio_id: str, end: bytes) -> bytes:
    """All that is stored, once it ends so."""

    async def there() -> bool:
        return (await stored(harness, studio_id, -len(end))).data == end

    await harness.until(there)
    return (await stored(harness, studio_id)).data


async def until_closed(harness: ControllerHarness, studio_id: str) -> bytes:
    async def closed() -> bool:
        return (await stored(harness, studio_id)).closed

    await harness.until(closed)
    return (await stored(harness, studio_id)).data


async def runs(harness: ControllerHarness, printed: bytes = b"", **values: Any) -> str:
    harness.compute.printed = printed
    studio_id = await harness.add(**values)
    await harness.status(studio_id, "RUNNING")
    return studio_id


async def test_what_is_printed_is_stored_as_it_comes(harness: ControllerHarness) -> None:
    studio_id = await runs(harness, b"first\n")
    assert await until_stored(harness, studio_id, b"first\n") == b"first\n"
    harness.compute.print(b"second\n")
    assert await until_stored(harness, studio_id, b"second\n") == b"first\nsecond\n"
    assert not (await stored(harness, studio_id)).closed


async def test_all_is_stored_before_the_session_is_removed(harness: ControllerHarness) -> None:
    studio_id = await runs(harness, b"begins\n")
    harness.compute.printed += b"last words\n"  # of which nobody is told
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio_id))
    await harness.status(studio_id, "STOPPED")
    assert await until_closed(harness, studio_id) == b"begins\nlast words\n"


async def test_a_start_that_fails_keeps_its_output(harness: ControllerHarness) -> None:
    harness.compute.answers, harness.compute.printed = False, b"no such file\n"
    studio_id = await harness.add()
    await harness.called("probe")
    harness.compute.end(await harness.name(studio_id), 1)
    await harness.status(studio_id, "ERRORED")
    assert await until_closed(harness, studio_id) == b"no such file\n"


async def test_an_output_that_cannot_be_read_holds_up_neither_start_nor_stop(
    harness: ControllerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_drain, "READ_TIMEOUT_SECONDS", 0.1)
    harness.compute.hold["follow"] = asyncio.Event()
    studio_id = await runs(harness)
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio_id))
    await harness.status(studio_id, "STOPPED")
    harness.compute.broken["follow"] = KeyError("a bug")
    harness.compute.hold["follow"].set()
    other = await runs(harness, name="Other")
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(other))
    await harness.status(other, "STOPPED")


async def test_a_session_that_was_removed_from_outside_has_a_closed_output(harness: ControllerHarness) -> None:
    studio_id = await runs(harness, b"all that there was\n")
    await until_stored(harness, studio_id, b"was\n")
    harness.compute.lose(await harness.name(studio_id))
    await harness.status(studio_id, "ERRORED")
    assert await until_closed(harness, studio_id) == b"all that there was\n"


async def test_an_engine_that_falls_silent_costs_nothing(harness: ControllerHarness) -> None:
    studio_id = await runs(harness, b"1\n")
    await until_stored(harness, studio_id, b"1\n")
    harness.compute.silent = True
    harness.compute.print(b"2\n")
    await harness.called("follow", 2)
    harness.compute.silent = False
    assert await until_stored(harness, studio_id, b"2\n") == b"1\n2\n"


@pytest.mark.behaviour("B16")
async def test_secrets_are_masked_wherever_the_pieces_are_cut(harness: ControllerHarness) -> None:
    secret = "correct-horse"
    harness.compute.piece = 5
    configuration = Configuration(env_vars=(EnvVar("PASSWORD", secret, secret=True),))
    studio_id = await runs(harness, f"a {secret} b\xff\n".encode("latin-1"), configuration=configuration)
    assert await until_stored(harness, studio_id, b" b\xff\n") == "a … b".encode() + b"\xff\n"
    harness.compute.print(b"correct-h")
    await harness.called("followed", 7)
    await harness.crash()
    await harness.start()
    harness.compute.print(b"orse\n")
    assert await until_stored(harness, studio_id, "…\n".encode()) == "a … b".encode() + b"\xff\n" + "…\n".encode()


async def test_crashes_lose_nothing_and_repeat_nothing(harness: ControllerHarness) -> None:
    harness.compute.piece = 7
    studio_id = await runs(harness)
    lines = [f"line {number}\n".encode() for number in range(60)]
    for number, line in enumerate(lines):
        harness.compute.print(line)
        if number % 20 == 10:
            await until_stored(harness, studio_id, lines[number])
        if number % 20 == 15:
            await harness.crash()
            await harness.start()
    assert await until_stored(harness, studio_id, lines[-1]) == b"".join(lines)


async def test_several_collectors_store_it_once(harness: ControllerHarness) -> None:
    studio_id = await runs(harness)
    others = [LogCollector(harness.services, harness.wakeups) for _ in range(2)]
    for other in others:
        await other.start()
    await harness.called("follow", 3)
    lines = [f"line {number}\n".encode() for number in range(40)]
    for line in lines:
        harness.compute.print(line)
        await until_stored(harness, studio_id, line)
    assert (await stored(harness, studio_id)).data == b"".join(lines)
    for other in others:
        await other.close()


@contextmanager
def delays() -> Iterator[list[float]]:
    """How long others of the event loop had to wait, in seconds, looked at every millisecond."""
    delays_s: list[float] = []

    async def look() -> None:
        while True:
            before = monotonic()
            await asyncio.sleep(0.001)
            delays_s.append(monotonic() - before - 0.001)

    task = asyncio.create_task(look())
    try:
        yield delays_s
    finally:
        task.cancel()


async def test_a_flood_fills_nothing_and_starves_nobody(harness: ControllerHarness) -> None:
    secret = Configuration(env_vars=(EnvVar("KEY", "correct-horse" * 100, secret=True),))
    quiet = await runs(harness, configuration=secret)
    line = b"x" * 99 + b"\n"
    before = await harness.rows(core.output_piece)
    assert before == []
    harness.compute.printed = line * (32 * MEBIBYTE // 100)
    with delays() as waited:
        began = monotonic()
        harness.compute.wake_followers()
        await harness.called("followed", 60)
        other = await harness.add(name="Other")
        await harness.status(other, "RUNNING")
        took = monotonic() - began
    assert took < promised(5)
    assert sorted(waited)[len(waited) * 99 // 100] < promised(0.05)
    page = await stored(harness, quiet)
    mine = await session_id(harness, quiet)
    held = sum(len(row["data"]) for row in await harness.rows(core.output_piece) if row["output_id"] == mine)
    assert 0 < held <= RETENTION_BYTES + MAX_PIECE_BYTES
    assert page.end > held


async def test_output_goes_with_its_studio(harness: ControllerHarness) -> None:
    gone, stays = await runs(harness, b"x\n"), await runs(harness, b"x\n", name="Other")
    for studio_id in (gone, stays):
        await until_stored(harness, studio_id, b"x\n")
    kept = await session_id(harness, stays)
    async with harness.database.write() as transaction:
        await studios.remove(transaction, gone)
    await asyncio.wait_for(_collected(harness, kept), 10)


async def _collected(harness: ControllerHarness, kept: str) -> None:
    """Also what was read at this moment makes no new output of a session that is gone."""
    harness.compute.print(b"more\n")
    async with harness.commits() as commits:
        while (await harness.rows(core.output))[0]["end"] < len(b"x\nmore\n"):
            await commits.wait()
            commits.clear()
    assert {row["id"] for row in await harness.rows(core.output)} == {kept}
    assert {row["output_id"] for row in await harness.rows(core.output_piece)} == {kept}
