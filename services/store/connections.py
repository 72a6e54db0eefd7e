"""Stores the proxies with their heartbeats, and the browser tabs that are connected through each proxy."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, func, insert, select, update

from services.domain.statuses import StudioStatus
from services.store.db.database import Reader, Transaction
from services.store.db.query import Query
from services.store.db.record import Record
from services.store.tables import core

C = core.connection.c
P = core.proxy_instance.c
S = core.studio.c
U = core.user.c


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """A connection that has not ended, with what the events of its end contain."""

    id: str
    studio_id: str
    studio_name: str
    workspace_id: str
    session_number: int
    user_id: str
    user_name: str


@dataclass(frozen=True, slots=True)
class ConnectedUser:
    """A user who is connected to a session, and the number of their open tabs."""

    user_id: str
    user_name: str
    display_name: str
    avatar_url: str | None
    tabs: int


async def add_proxy(transaction: Transaction, proxy_id: str) -> None:
    values = {"id": proxy_id, "started_at": transaction.now, "heartbeat_at": transaction.now}
    await transaction.execute(insert(core.proxy_instance).values(**values))


async def beat(transaction: Transaction, proxy_id: str) -> bool:
    """Records a heartbeat of the proxy. Returns False if the proxy has no row, or no longer has one."""
    statement = update(core.proxy_instance).where(P.id == proxy_id).values(heartbeat_at=transaction.now)
    return (await transaction.execute(statement)).rowcount == 1


async def running_session(reader: Reader, studio_id: str) -> int | None:
    """Returns the number of the session that is running now, or None."""
    where = (S.id == studio_id) & (S.status == StudioStatus.RUNNING.value)
    return (await reader.execute(select(S.session_number).where(where))).scalar_one_or_none()


async def is_open(reader: Reader, studio_id: str, user_id: str) -> bool:
    """Returns whether the user has an open tab of the Studio, through any proxy."""
    statement = select(C.id).where(C.studio_id == studio_id, C.user_id == user_id, C.ended_at.is_(None)).limit(1)
    return (await reader.execute(statement)).one_or_none() is not None


async def add(transaction: Transaction, connection_id: str, proxy_id: str, tab: Mapping[str, object]) -> None:
    """Inserts an open connection. `tab` holds studio_id, session_number, user_id and token_id."""
    times = {"connected_at": transaction.now, "last_active_at": transaction.now}
    await transaction.execute(insert(core.connection).values(id=connection_id, proxy_id=proxy_id, **tab, **times))


async def end(transaction: Transaction, connection_ids: Iterable[str]) -> list[str]:
    """Ends those of the connections that have not ended yet. Returns their ids."""
    ended = await _lock(transaction, connection_ids)
    await transaction.execute(update(core.connection).where(C.id.in_(ended)).values(ended_at=transaction.now))
    return ended


async def bump_version(transaction: Transaction, studio_id: str) -> None:
    """Raises the Studio's version, since the connected users that its readers see have changed."""
    await transaction.execute(update(core.studio).where(S.id == studio_id).values(version=S.version + 1))


async def reopen(transaction: Transaction, connection_id: str) -> bool:
    """Opens a connection again that had ended. Returns False if it had not ended."""
    ended = (C.id == connection_id) & C.ended_at.is_not(None)
    return (await transaction.execute(update(core.connection).where(ended).values(ended_at=None))).rowcount == 1


OPEN_RECORD = Record.of_table(OpenConnection, core.connection, studio_name=S.name, workspace_id=S.workspace_id, user_name=U.user_name)


def _open_tabs() -> Select[Any]:
    joined = core.connection.join(core.studio, S.id == C.studio_id).join(core.user, U.id == C.user_id)
    return select(*OPEN_RECORD.columns).select_from(joined.join(core.proxy_instance, P.id == C.proxy_id)).where(C.ended_at.is_(None))


async def tabs_of(reader: Reader, proxy_id: str) -> list[OpenConnection]:
    """Returns all open tabs of this proxy."""
    return OPEN_RECORD.rows(await reader.execute(_open_tabs().where(C.proxy_id == proxy_id)))


async def tabs_of_other_proxies(reader: Reader, proxy_id: str, silent_since: datetime | None) -> list[OpenConnection]:
    """Returns the open tabs of other proxies whose last heartbeat is older than `silent_since`; of all others if it is None."""
    statement = _open_tabs().where(C.proxy_id != proxy_id)
    if silent_since is not None:
        statement = statement.where(P.heartbeat_at < silent_since)
    return OPEN_RECORD.rows(await reader.execute(statement))


CONNECTED_RECORD = Record.of_table(ConnectedUser, core.user, user_id=U.id, tabs=func.count())
_PEOPLE = Query(
    select(*CONNECTED_RECORD.columns)
    .select_from(core.connection.join(core.user, U.id == C.user_id))
    .where(C.studio_id == bindparam("studio_id"), C.ended_at.is_(None))
    .group_by(U.id, U.user_name, U.display_name, U.avatar_url)
    .order_by(func.min(C.connected_at), U.id)
)


async def people(reader: Reader, studio_id: str) -> list[ConnectedUser]:
    """Returns the connected users, the one who connected first comes first."""
    return CONNECTED_RECORD.rows(await reader.all(_PEOPLE, studio_id=studio_id))


async def note_activity(transaction: Transaction, connection_ids: Sequence[str]) -> None:
    """Records that these tabs are in use. Their rows are locked in the order of their ids, as in `end`."""
    locked = await _lock(transaction, connection_ids)
    await transaction.execute(update(core.connection).where(C.id.in_(locked)).values(last_active_at=transaction.now))


async def _lock(transaction: Transaction, connection_ids: Iterable[str]) -> list[str]:
    """Locks those of the connections that have not ended; returns their ids."""
    open_ones = select(C.id).where(C.id.in_(list(connection_ids)), C.ended_at.is_(None)).order_by(C.id).with_for_update()
    return list((await transaction.execute(open_ones)).scalars())


async def note_session_activity(transaction: Transaction, studio_id: str, number: int) -> None:
    """Records that the session is in use. Its idle time begins again, where the workspace sets an idle limit."""
    session = core.session.c
    idle_minutes = select(core.workspace.c.idle_minutes).join(core.studio, S.workspace_id == core.workspace.c.id).where(S.id == studio_id)
    minutes: int | None = (await transaction.execute(idle_minutes)).scalar_one_or_none()
    stops_at = transaction.now + timedelta(minutes=minutes) if minutes else None
    await transaction.execute(
        update(core.session)
        .where(session.studio_id == studio_id, session.number == number, session.ended_at.is_(None))
        .values(last_active_at=transaction.now, idle_stops_at=stops_at, version=session.version + 1)
    )
