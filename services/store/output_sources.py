"""Lists the sessions whose output is to be collected."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, and_, select, union_all

from services.domain.lifecycle import ENDED
from services.store.db.conditions import is_null_or_one_of
from services.store.db.database import Reader
from services.store.db.record import Record
from services.store.tables import core

R = core.session.c
S = core.studio.c
O = core.output.c  # noqa: E741 - as the other tables' columns are called by one letter


@dataclass(frozen=True, slots=True)
class OutputSource:
    """A session that has resources and may print, or has ended with an output that is not closed yet."""

    session_id: str
    studio_id: str
    public_id: str
    number: int
    ended_at: datetime | None
    compute_environment_id: str


RECORD = Record.of_table(OutputSource, core.session, session_id=R.id, public_id=S.public_id)


def _unclosed(*where: ColumnElement[bool]) -> CompoundSelect[Any]:
    """A closed output gets nothing more, whatever becomes of its session. Each half reads from an index of what is open alone."""
    holds = and_(R.ended_at.is_(None), R.number == S.session_number, S.status.not_in([status.value for status in ENDED]))
    printing = core.session.join(core.studio, S.id == R.studio_id).outerjoin(core.output, O.id == R.id)
    ended = core.output.join(core.session, R.id == O.id).join(core.studio, S.id == R.studio_id)
    return union_all(
        select(*RECORD.columns).select_from(printing).where(holds, O.closed.is_not(True), *where),
        select(*RECORD.columns).select_from(ended).where(O.closed.is_(False), R.ended_at.is_not(None), *where),
    )


async def list_open(reader: Reader, environments: Collection[str]) -> list[OutputSource]:
    """Returns those in these compute environments."""
    return RECORD.rows(await reader.execute(_unclosed(is_null_or_one_of(R.compute_environment_id, environments))))


async def find(reader: Reader, session_id: str) -> OutputSource | None:
    """Returns None once the session's output is collected completely, or if the session was deleted."""
    return RECORD.optional((await reader.execute(_unclosed(R.id == session_id))).one_or_none())
