"""Removes what has served its time: old events, answered keys, used codes, ended logins and connections, what was printed."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Table, delete, exists, func, select, update

from services.domain.limits import IDEMPOTENCY_KEY_LIFETIME_HOURS
from services.domain.statuses import BuildState
from services.store import outbox, outputs
from services.store.db.database import Database, Transaction, clock
from services.store.tables import core

KEYS_LIVE = timedelta(hours=IDEMPOTENCY_KEY_LIFETIME_HOURS)
"""How long a replay of a mutation gets the first answer (B95)."""
ENDED_CONNECTIONS_LIVE = timedelta(days=7)
BATCH = 1000
"""How many events go in one transaction: its stream's writers wait for it."""
OUTPUTS = 20
"""The same for outputs, of about 1 MiB each."""

E = core.event.c
S = core.stream.c


async def trim(database: Database, keep: timedelta) -> None:
    """Remove events and outputs older than `keep`, and everything else whose time is over. Safe to call at any time, by any process."""
    async with database.read() as reader:
        now = await clock(reader.connection)
        old = select(E.stream_id).where(E.at < now - keep).distinct()
        streams = (await reader.execute(old)).scalars().all()
    for stream_id in streams:
        while await _trim_stream(database, stream_id, now - keep):
            pass
    for table, condition in _expired(now, keep):
        async with database.write() as transaction:
            await transaction.execute(delete(table).where(condition))
    while await _trim_outputs(database, now - keep):
        pass


async def _trim_outputs(database: Database, until: datetime) -> bool:
    """The same for what sessions and builds printed that have ended before."""
    async with database.write() as transaction:
        ids = await outputs.expired(transaction, until, OUTPUTS)
        await outputs.remove(transaction, ids)
    return len(ids) == OUTPUTS


async def _trim_stream(database: Database, stream_id: str, until: datetime) -> bool:
    """One batch; False once nothing is left. Events and horizon change together: nobody finds a gap that the horizon does not tell."""
    async with outbox.stream_transaction(database, stream_id) as transaction:
        horizon = await _last_of_batch(transaction, stream_id, until)
        if horizon is None:
            return False
        await transaction.execute(update(core.stream).where(S.id == stream_id).values(horizon=horizon))
        await transaction.execute(delete(core.event).where(E.stream_id == stream_id, E.seq <= horizon))
        return True


async def _last_of_batch(transaction: Transaction, stream_id: str, until: datetime) -> int | None:
    """Times rise with seq in a stream, so what is old is one run at its beginning."""
    batch = select(E.seq).where(E.stream_id == stream_id, E.at < until).order_by(E.seq).limit(BATCH).subquery()
    last: int | None = (await transaction.execute(select(func.max(batch.c.seq)))).scalar_one()
    return last


def _expired(now: datetime, keep: timedelta) -> list[tuple[Table, ColumnElement[bool]]]:
    connection, proxy, build = core.connection.c, core.proxy_instance.c, core.build.c
    succeeded = build.state == BuildState.SUCCEEDED.value  # says that the image is there
    long_ago = now - ENDED_CONNECTIONS_LIVE
    return [
        (core.idempotency_key, core.idempotency_key.c.created_at < now - KEYS_LIVE),
        (core.connect_code, core.connect_code.c.expires_at < now),
        (core.login, core.login.c.expires_at < now),
        (core.connection, connection.ended_at < long_ago),
        (core.proxy_instance, (proxy.heartbeat_at < long_ago) & ~exists().where(connection.proxy_id == proxy.id)),
        (core.build, (build.ended_at < now - keep) & ~succeeded & ~exists().where(core.studio.c.build_id == build.id)),
    ]
