"""The output of sessions and builds: appended at the end, read by byte offset, and never more than `KEPT` bytes of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, exists, func, insert, or_, select, update

from services.store.db.database import Reader, Transaction
from services.store.db.record import Record
from services.store.tables import core

O = core.output.c  # noqa: E741 - as the other tables' columns are called by one letter
P = core.output_piece.c

KEPT = 1 << 20
"""Bytes of each output; of a longer one the oldest go. A little more may be kept, since whole pieces go."""
LONGEST_PIECE = 1 << 16
"""Bytes in one row."""


class NotTheEnd(Exception):
    """Somebody else appended or closed it meanwhile: look where the output ends now."""


@dataclass(frozen=True, slots=True)
class OutputState:
    """Which bytes are kept, and where the compute environment goes on."""

    id: str
    start: int
    end: int
    place: str | None
    closed: bool


@dataclass(frozen=True, slots=True)
class OutputPage:
    """Bytes from `start` on, until something was skipped; `start` > the asked offset means that what was between is not kept.

    `end` is how far the output goes.
    """

    start: int
    data: bytes
    end: int
    closed: bool

    @property
    def next_offset(self) -> int:
        return self.start + len(self.data)


NOTHING = OutputPage(0, b"", 0, closed=False)
RECORD = Record.of_table(OutputState, core.output)


async def find(reader: Reader, output_id: str) -> OutputState | None:
    return RECORD.optional((await reader.execute(select(*RECORD.columns).where(O.id == output_id))).one_or_none())


async def begin(transaction: Transaction, output_id: str) -> OutputState:
    """An empty output, or the one that is there."""
    found = await find(transaction, output_id)
    if found is None:
        values = {"id": output_id, "start": 0, "end": 0, "closed": False, "created_at": transaction.now}
        await transaction.execute(insert(core.output).values(**values))
        found = OutputState(output_id, 0, 0, None, closed=False)
    return found


async def append(transaction: Transaction, output: OutputState, data: bytes, place: str | None, *, skipped: int = 0) -> OutputState:
    """`output` with `data` at its end, after `skipped` bytes that nobody kept. Raises NotTheEnd where `output` is not as it was."""
    begin, end = output.end + skipped, output.end + skipped + len(data)
    start = max(output.start, end - KEPT)
    mine = and_(O.id == output.id, O.end == output.end, O.closed.is_(False))
    result = await transaction.execute(update(core.output).where(mine).values(start=start, end=end, place=place))
    if result.rowcount != 1:
        raise NotTheEnd
    pieces = [
        {"output_id": output.id, "position": begin + at, "data": data[at : at + LONGEST_PIECE]} for at in range(0, len(data), LONGEST_PIECE)
    ]
    if pieces:
        await transaction.execute(insert(core.output_piece), pieces)
    await transaction.execute(delete(core.output_piece).where(P.output_id == output.id, P.position <= start - LONGEST_PIECE))
    transaction.wake("output", output.id, end)
    return OutputState(output.id, start, end, place, closed=False)


async def close(transaction: Transaction, output_id: str) -> None:
    """Nothing more comes."""
    await transaction.execute(update(core.output).where(O.id == output_id).values(closed=True))
    transaction.wake("output", output_id)


async def read(reader: Reader, output_id: str, offset: int, limit: int) -> OutputPage:
    """At most `limit` bytes from `offset` on; a negative offset counts from the end. NOTHING where there is no such output."""
    output = await find(reader, output_id)
    if output is None:
        return NOTHING
    start = min(max(output.end + offset if offset < 0 else offset, output.start), output.end)
    later = and_(P.output_id == output_id, P.position > start - LONGEST_PIECE, P.position + func.length(P.data) > start)
    first = (await reader.execute(select(func.min(P.position)).where(later))).scalar_one()
    begin = output.end if first is None else max(start, first)
    wanted = and_(later, P.position < begin + limit)
    rows = (await reader.execute(select(P.position, P.data).where(wanted).order_by(P.position))).all()
    return OutputPage(begin, run([(row.position, row.data) for row in rows], begin, limit), output.end, output.closed)


def run(pieces: Sequence[tuple[int, bytes]], begin: int, limit: int) -> bytes:
    """The bytes from `begin` on, at most `limit`, up to the first that is not there. `pieces` by position, the first with `begin` in it."""
    found, at = [], begin
    for position, data in pieces:
        if position > at:
            break
        found.append(data[at - position :])
        at = position + len(data)
    return b"".join(found)[:limit]


async def remove(transaction: Transaction, output_ids: list[str]) -> None:
    """With all that they hold; what is just being appended is waited for, and goes too."""
    await transaction.execute(select(O.id).where(O.id.in_(output_ids)).order_by(O.id).with_for_update())
    await transaction.execute(delete(core.output_piece).where(P.output_id.in_(output_ids)))
    await transaction.execute(delete(core.output).where(O.id.in_(output_ids)))


async def remove_of_studio(transaction: Transaction, studio_id: str) -> None:
    """The output of all its sessions."""
    sessions = select(core.session.c.id).where(core.session.c.studio_id == studio_id)
    await remove(transaction, list((await transaction.execute(sessions)).scalars()))


async def outlived(reader: Reader, until: datetime, limit: int) -> list[str]:
    """Ids of outputs that began before `until` and whose session or build, if there still is one, has ended before it."""
    needed = [
        exists().where(printer.c.id == O.id, or_(printer.c.ended_at.is_(None), printer.c.ended_at >= until))
        for printer in (core.session, core.build)
    ]
    old = select(O.id).where(O.created_at < until, *(~some for some in needed)).limit(limit)
    return list((await reader.execute(old)).scalars())
