"""Stores the output of sessions and builds: appended at its end, read by byte offset, and at most RETENTION_BYTES of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.store.db.database import Reader, Transaction
from services.store.db.record import Record
from services.store.tables import core

O = core.output.c  # noqa: E741 - as the other tables' columns are called by one letter
P = core.output_piece.c

RETENTION_BYTES = 1 << 20
"""The size of the newest part of each output that is retained. A little more may be, since whole pieces are removed."""
MAX_PIECE_BYTES = 1 << 16
"""The size of the data in one row of `output_piece`."""


class OutputChanged(Exception):
    """Another process has appended to the output or closed it since it was read."""


@dataclass(frozen=True, slots=True)
class OutputState:
    """An output: its bytes from `start` to `end` (exclusive) are retained. `cursor` is where the compute environment continues."""

    id: str
    start: int
    end: int
    cursor: str | None
    closed: bool


@dataclass(frozen=True, slots=True)
class OutputPage:
    """Contiguous bytes of an output from `start` on. If `start` is after the requested offset, the bytes between are not retained.

    `end` is the end of the whole output.
    """

    start: int
    data: bytes
    end: int
    closed: bool

    @property
    def next_offset(self) -> int:
        return self.start + len(self.data)


EMPTY_PAGE = OutputPage(0, b"", 0, closed=False)
RECORD = Record.of_table(OutputState, core.output)
_ADD = {name: dialect.insert(core.output).on_conflict_do_nothing() for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))}


async def find(reader: Reader, output_id: str) -> OutputState | None:
    return RECORD.optional((await reader.execute(select(*RECORD.columns).where(O.id == output_id))).one_or_none())


async def find_or_add(transaction: Transaction, output_id: str) -> OutputState:
    """Returns the output; adds an empty one if there is none. Of two controllers that do so at once, one adds it."""
    output = await find(transaction, output_id)
    if output is None:
        values = {"id": output_id, "start": 0, "end": 0, "closed": False, "created_at": transaction.now}
        await transaction.execute(_ADD[transaction.connection.dialect.name], values)
        output = await find(transaction, output_id)
        assert output is not None
    return output


async def append(transaction: Transaction, output: OutputState, data: bytes, cursor: str | None, *, skipped: int = 0) -> OutputState:
    """Appends `data` after `skipped` bytes that are not stored, and returns the new state. Raises OutputChanged."""
    begin, end = output.end + skipped, output.end + skipped + len(data)
    start = max(output.start, end - RETENTION_BYTES)
    is_unchanged = and_(O.id == output.id, O.end == output.end, O.closed.is_(False))
    result = await transaction.execute(update(core.output).where(is_unchanged).values(start=start, end=end, cursor=cursor))
    if result.rowcount != 1:
        raise OutputChanged
    pieces = [
        {"output_id": output.id, "position": begin + offset, "data": data[offset : offset + MAX_PIECE_BYTES]}
        for offset in range(0, len(data), MAX_PIECE_BYTES)
    ]
    if pieces:
        await transaction.execute(insert(core.output_piece), pieces)
    await transaction.execute(delete(core.output_piece).where(P.output_id == output.id, P.position <= start - MAX_PIECE_BYTES))
    transaction.wake("output", output.id, end)
    return OutputState(output.id, start, end, cursor, closed=False)


async def close(transaction: Transaction, output_id: str) -> None:
    """Records that the output is complete."""
    await transaction.execute(update(core.output).where(O.id == output_id).values(closed=True))
    transaction.wake("output", output_id)


async def read(reader: Reader, output_id: str, offset: int, limit: int) -> OutputPage:
    """Returns at most `limit` bytes from `offset` on; a negative offset counts from the end. EMPTY_PAGE if there is no such output."""
    output = await find(reader, output_id)
    if output is None:
        return EMPTY_PAGE
    start = min(max(output.end + offset if offset < 0 else offset, output.start), output.end)
    is_after_start = and_(P.output_id == output_id, P.position > start - MAX_PIECE_BYTES, P.position + func.length(P.data) > start)
    first = (await reader.execute(select(func.min(P.position)).where(is_after_start))).scalar_one()
    begin = output.end if first is None else max(start, first)
    is_in_page = and_(is_after_start, P.position < begin + limit)
    rows = (await reader.execute(select(P.position, P.data).where(is_in_page).order_by(P.position))).all()
    return OutputPage(begin, contiguous([(row.position, row.data) for row in rows], begin, limit), output.end, output.closed)


def contiguous(pieces: Sequence[tuple[int, bytes]], begin: int, limit: int) -> bytes:
    """Returns the bytes from `begin` on, at most `limit`, up to the first gap. `pieces` are in order; the first one contains `begin`."""
    parts, end = [], begin
    for position, data in pieces:
        if position > end:
            break
        parts.append(data[end - position :])
        end = position + len(data)
    return b"".join(parts)[:limit]


async def remove(transaction: Transaction, output_ids: list[str]) -> None:
    """Deletes the outputs with their pieces, after any append to them that is in progress."""
    await transaction.execute(select(O.id).where(O.id.in_(output_ids)).order_by(O.id).with_for_update())
    await transaction.execute(delete(core.output_piece).where(P.output_id.in_(output_ids)))
    await transaction.execute(delete(core.output).where(O.id.in_(output_ids)))


async def remove_of_studio(transaction: Transaction, studio_id: str) -> None:
    """Deletes the output of all sessions of the Studio."""
    sessions = select(core.session.c.id).where(core.session.c.studio_id == studio_id)
    await remove(transaction, list((await transaction.execute(sessions)).scalars()))


async def expired(reader: Reader, until: datetime, limit: int) -> list[str]:
    """Returns the ids of outputs that began before `until`, unless their session or build exists and has not ended before it."""
    unneeded = [
        select(owner.c.id).where(owner.c.id == O.id, or_(owner.c.ended_at.is_(None), owner.c.ended_at >= until)).scalar_subquery().is_(None)
        for owner in (core.session, core.build)
    ]
    statement = select(O.id).where(O.created_at < until, *unneeded).order_by(O.created_at).limit(limit)
    return list((await reader.execute(statement)).scalars())
