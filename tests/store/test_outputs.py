"""Outputs: by byte offset, bounded, one writer at a time."""

import asyncio

import pytest

from services.domain.ids import new_id
from services.store import outputs
from services.store.db.database import Database
from services.store.outputs import EMPTY_PAGE, MAX_PIECE_BYTES, RETENTION_BYTES, OutputChanged, OutputPage, OutputState

pytestmark = pytest.mark.behaviour("B84")


async def write(database: Database, output: OutputState, *pieces: bytes) -> OutputState:
    for piece in pieces:
        async with database.write() as transaction:
            output = await outputs.append(transaction, output, piece, f"after {piece[:5]!r}")
    return output


async def begun(database: Database) -> OutputState:
    async with database.write() as transaction:
        return await outputs.find_or_add(transaction, new_id())


async def read(database: Database, output: OutputState, offset: int, limit: int = RETENTION_BYTES * 2) -> OutputPage:
    async with database.read() as reader:
        return await outputs.read(reader, output.id, offset, limit)


async def test_two_processes_that_begin_an_output_at_once_have_the_same_one(database: Database) -> None:
    output_id = new_id()

    async def begin() -> OutputState:
        async with database.write() as transaction:
            return await outputs.find_or_add(transaction, output_id)

    assert await asyncio.gather(*(begin() for _ in range(8))) == [OutputState(output_id, 0, 0, None, closed=False)] * 8


async def test_what_was_appended_is_read_from_any_offset(database: Database) -> None:
    output = await write(database, await begun(database), b"one\n", b"two\n", b"x" * (MAX_PIECE_BYTES + 5))
    whole = b"one\ntwo\n" + b"x" * (MAX_PIECE_BYTES + 5)
    assert await read(database, output, 0) == OutputPage(0, whole, len(whole), closed=False)
    for offset in (1, 3, 4, 7, 8, MAX_PIECE_BYTES + 7, MAX_PIECE_BYTES + 8):
        page = await read(database, output, offset, 9)
        assert (page.start, page.data, page.next_offset) == (offset, whole[offset : offset + 9], min(offset + 9, len(whole)))
    assert (await read(database, output, -3)).data == b"xxx"
    assert await read(database, output, len(whole)) == await read(database, output, 1 << 40)


async def test_the_oldest_goes_and_says_so(database: Database) -> None:
    output = await begun(database)
    for number in range(20):
        output = await write(database, output, bytes([65 + number]) * MAX_PIECE_BYTES)
    page = await read(database, output, 0)
    assert page.start == output.end - RETENTION_BYTES > 0
    assert page.data == b"".join(bytes([65 + number]) * MAX_PIECE_BYTES for number in range(4, 20))


async def test_skipped_bytes_count_and_are_not_there(database: Database) -> None:
    output = await write(database, await begun(database), b"early")
    async with database.write() as transaction:
        output = await outputs.append(transaction, output, b"late", "place", skipped=100)
    assert await read(database, output, 0) == OutputPage(0, b"early", 109, closed=False)
    for offset in (5, 60, 105):
        assert await read(database, output, offset) == OutputPage(105, b"late", 109, closed=False)
    assert await read(database, output, 60, 3) == OutputPage(105, b"lat", 109, closed=False)
    assert await read(database, output, 107) == OutputPage(107, b"te", 109, closed=False)
    async with database.write() as transaction:
        await outputs.append(transaction, output, b"", "place", skipped=11)
    for offset in (109, 115, 120, 121):
        assert await read(database, output, offset) == OutputPage(120, b"", 120, closed=False)


async def test_nothing_is_appended_to_what_is_closed(database: Database) -> None:
    output = await write(database, await begun(database), b"all")
    async with database.write() as transaction:
        await outputs.close(transaction, output.id)
    with pytest.raises(OutputChanged):
        await write(database, output, b"too late")


async def test_a_second_writer_is_refused(database: Database) -> None:
    output = await begun(database)
    await write(database, output, b"mine")
    with pytest.raises(OutputChanged):
        await write(database, output, b"too late")
    assert (await read(database, output, 0)).data == b"mine"


async def test_an_output_that_is_not_there_is_empty_and_one_that_is_removed_is_gone(database: Database) -> None:
    output = await write(database, await begun(database), b"data")
    async with database.write() as transaction:
        await outputs.close(transaction, output.id)
    assert (await read(database, output, 0)).closed
    async with database.write() as transaction:
        await outputs.remove(transaction, [output.id])
    assert await read(database, output, 0) == EMPTY_PAGE


async def test_an_output_can_be_removed_while_more_is_appended(database: Database) -> None:
    output = await write(database, await begun(database), b"one")

    async def remove() -> None:
        async with database.write() as transaction:
            await outputs.remove(transaction, [output.id])

    async with database.write() as transaction:
        await outputs.append(transaction, output, b"two", None)
        removing = asyncio.create_task(remove())
        await asyncio.wait([removing], timeout=0.3)
    await removing
    assert await read(database, output, 0) == EMPTY_PAGE
