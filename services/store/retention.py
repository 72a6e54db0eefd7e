"""Deletes rows after their retention time: events, idempotency keys, connect codes, logins, ended connections, output."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Table, delete, exists, func, select, update

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
        old = select(E.stream_id).where(E.at < now - retention).distinct()
        streams = (await reader.execute(old)).scalars().all()
    for stream_id in streams:
        while await _trim_stream(database, stream_id, now - retention):
            pass
    for table, condition in _expired(now, retention):
        async with database.write() as transaction:
            await transaction.execute(delete(table).where(condition))
    while await _trim_outputs(database, now - retention):
        pass


async def _trim_outputs(database: Database, until: datetime) -> bool:
    """Deletes one batch of the outputs of sessions and builds that ended before `until`. Returns False once none are left."""
    async with database.write() as transaction:
        ids = await outputs.expired(transaction, until, OUTPUTS_PER_TRANSACTION)
        await outputs.remove(transaction, ids)
    return len(ids) == OUTPUTS_PER_TRANSACTION


async def _trim_stream(database: Database, stream_id: str, until: datetime) -> bool:
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


def _expired(now: datetime, retention: timedelta) -> list[tuple[Table, ColumnElement[bool]]]:
    connection, proxy, build = core.connection.c, core.proxy_instance.c, core.build.c
    succeeded = build.state == BuildState.SUCCEEDED.value  # the record that the image exists
    long_ago = now - CONNECTION_RETENTION
    return [
        (core.idempotency_key, core.idempotency_key.c.created_at < now - KEY_RETENTION),
        (core.connect_code, core.connect_code.c.expires_at < now),
        (core.login, core.login.c.expires_at < now),
        (core.connection, connection.ended_at < long_ago),
        (core.proxy_instance, (proxy.heartbeat_at < long_ago) & ~exists().where(connection.proxy_id == proxy.id)),
        (core.build, (build.ended_at < now - retention) & ~succeeded & ~exists().where(core.studio.c.build_id == build.id)),
    ]
