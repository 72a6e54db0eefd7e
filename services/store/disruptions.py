"""Reads the open connections that end when a token is revoked or a member loses the right to connect."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from services.store.db.database import Reader
from services.store.db.record import Record
from services.store.tables import core

C = core.connection.c
S = core.studio.c


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """A user with at least one open tab in a session."""

    workspace_id: str
    studio_id: str
    studio_name: str
    session_number: int
    user_id: str


OPEN_RECORD = Record.of_table(OpenConnection, core.connection, workspace_id=S.workspace_id, studio_id=S.id, studio_name=S.name)


async def of_token(reader: Reader, token_id: str) -> list[OpenConnection]:
    """Returns the connections that are open with that token, one for each session, in the order of the workspaces' ids."""
    return await _open(reader, [C.token_id == token_id])


async def of_member(reader: Reader, workspace_id: str, user_id: str) -> list[OpenConnection]:
    """Returns the user's open connections in the workspace, one for each session."""
    return await _open(reader, [S.workspace_id == workspace_id, C.user_id == user_id])


async def _open(reader: Reader, conditions: Sequence[Any]) -> list[OpenConnection]:
    statement = (
        select(*OPEN_RECORD.columns)
        .select_from(core.connection.join(core.studio, S.id == C.studio_id))
        .where(C.ended_at.is_(None), *conditions)
    )
    opened = OPEN_RECORD.rows(await reader.execute(statement))
    return sorted(dict.fromkeys(opened), key=lambda one: (one.workspace_id, one.studio_id, one.session_number))


def workspaces(connections: Iterable[OpenConnection]) -> list[str]:
    """Returns the ids of the connections' workspaces, sorted: the order in which their streams are locked."""
    return sorted({connection.workspace_id for connection in connections})
