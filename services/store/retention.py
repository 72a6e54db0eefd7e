"""Deletes rows after their retention time: events, operations, tokens, idempotency keys, codes, logins, ended connections, output."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Table, delete, func, literal, or_, select, update

from services.domain.limits import IDEMPOTENCY_KEY_LIFETIME_HOURS
from services.domain.statuses import BuildState
from services.store import outbox, outputs
from services.store.db.database import Database, Transaction, clock
from services.store.tables import core

KEY_RETENTION = timedelta(hours=IDEMPOTENCY_KEY_LIFETIME_HOURS)
"""The time in which a replay of a mutation gets the first result (B95)."""
CONNECTION_RETENTION = timedelta(days=7)
EVENTS_PER_TRANSACTION = 1000
"""The number of events that one transaction deletes, since the writers of their stream wait for it."""
OUTPUTS_PER_TRANSACTION = 20
"""The number of outputs, of about 1 MiB each, that one transaction deletes."""

E = core.event.c
S = core.stream.c


async def trim(database: Database, retention: timedelta) -> None:
    """Deletes events, outputs and builds older than `retention`, and other expired rows. Any process may call it at any time."""
    async with database.read() as reader:
        now = await clock(reader.connection)
        old = select(S.id).join(core.event, (E.stream_id == S.id) & (E.seq == S.horizon + 1)).where(E.at < now - retention)
        streams = (await reader.execute(old)).scalars().all()
    for stream_id in streams:
        while await trim_stream(database, stream_id, now - retention):
            pass
    for table, condition in expired_rows(now, retention):
        async with database.write() as transaction:
            await transaction.execute(delete(table).where(condition))
    while await _trim_outputs(database, now - retention):
        pass
    await database.optimize()


def _none(table: Table, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """There is no such row. Looked up for each candidate: PostgreSQL would read the whole table for a NOT EXISTS."""
    return select(literal(1)).select_from(table).where(condition).limit(1).scalar_subquery().is_(None)


async def _trim_outputs(database: Database, until: datetime) -> bool:
    """Deletes one batch of the outputs of sessions and builds that ended before `until`. Returns False once none are left."""
    async with database.write() as transaction:
        ids = await outputs.expired(transaction, until, OUTPUTS_PER_TRANSACTION)
        await outputs.remove(transaction, ids)
    return len(ids) == OUTPUTS_PER_TRANSACTION


async def trim_stream(database: Database, stream_id: str, until: datetime) -> bool:
    """Deletes one batch of events in one transaction with the change of the horizon. Returns False once none are left."""
    async with outbox.stream_transaction(database, stream_id) as transaction:
        horizon = await _last_of_batch(transaction, stream_id, until)
        if horizon is None:
            return False
        await transaction.execute(update(core.stream).where(S.id == stream_id).values(horizon=horizon))
        await transaction.execute(delete(core.event).where(E.stream_id == stream_id, E.seq <= horizon))
        return True


async def _last_of_batch(transaction: Transaction, stream_id: str, until: datetime) -> int | None:
    """Returns the last seq of the batch. Times rise with seq in a stream, so the old events are the first ones."""
    batch = select(E.seq).where(E.stream_id == stream_id, E.at < until).order_by(E.seq).limit(EVENTS_PER_TRANSACTION).subquery()
    last: int | None = (await transaction.execute(select(func.max(batch.c.seq)))).scalar_one()
    return last


def expired_rows(now: datetime, retention: timedelta) -> list[tuple[Table, ColumnElement[bool]]]:
    """Returns the tables that are trimmed, each in a transaction of its own, with the condition of the rows that go."""
    connection, proxy, build = core.connection.c, core.proxy_instance.c, core.build.c
    operation, token, login, studio = core.operation.c, core.token.c, core.login.c, core.studio.c
    is_over = or_(token.revoked_at < now - retention, token.expires_at < now - retention)
    is_last = (studio.id == operation.studio_id) & (studio.operation_id == operation.id)  # shown with the Studio
    succeeded = build.state == BuildState.SUCCEEDED.value  # says that the image is there
    long_ago = now - CONNECTION_RETENTION
    return [
        (core.idempotency_key, core.idempotency_key.c.created_at < now - KEY_RETENTION),
        (core.connect_code, core.connect_code.c.expires_at < now),
        (core.login, core.login.c.expires_at < now),
        (core.connection, connection.ended_at < long_ago),
        (core.proxy_instance, (proxy.heartbeat_at < long_ago) & _none(core.connection, connection.proxy_id == proxy.id)),
        (core.operation, (operation.ended_at < now - retention) & _none(core.studio, is_last)),
        (core.token, is_over & _none(core.login, login.token_id == token.id)),
        (core.build, (build.ended_at < now - retention) & ~succeeded & _none(core.studio, core.studio.c.build_id == build.id)),
    ]
