"""Detects that the event log's history was replaced: by a restored backup, a promoted standby or a loss of power (B83).

A cursor contains the epoch of its stream. When the history may differ from the one that subscribers saw, every stream gets a new epoch,
so that subscribers receive a Resync and read a new snapshot instead of missing events.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from services.runtime.background_loop import BackgroundLoop
from services.store import installation, log_origin
from services.store.db.database import Database, DatabaseUnavailable, Wake
from services.store.db.wakeups import WakeSource

logger = logging.getLogger(__name__)

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
OPEN, CLOSED = "open", "closed"


def boot_id() -> str:
    """Returns what identifies this start of the machine; empty where the platform does not tell."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class SqliteOrigin:
    """The server run that last opened a SQLite file: `state` tells whether it closed the file in an orderly way."""

    boot_id: str
    run_id: str
    state: str

    def __str__(self) -> str:
        return f"sqlite:{self.boot_id}:{self.run_id}:{self.state}"

    @classmethod
    def parse(cls, text: str) -> "SqliteOrigin | None":
        """Returns None for the origin of another kind of database."""
        fields = text.split(":")
        return cls(*fields[1:]) if fields[0] == "sqlite" and len(fields) == 4 else None


class LogHistory:
    """Compares where the log comes from with what was recorded: at the start of a server, and after PostgreSQL was away.

    SQLite cannot tell by itself that its file was replaced. So each run writes its id into the database and into `witness`, a file
    beside it: another id, or a machine that ended while the file was open, means that committed events may be gone. A process that
    was killed loses nothing, and changes nothing.
    """

    def __init__(self, database: Database, witness: Path, *, boot_id: str) -> None:
        self._database = database
        self._witness = witness
        self._run = SqliteOrigin(boot_id, secrets.token_hex(8), OPEN)
        self._unsubscribe: Callable[[], None] | None = None
        self._check = BackgroundLoop("log history", self._verify, failure="Where the event log comes from could not be read")

    async def open(self) -> None:
        """Checks the history, gives new epochs where it changed, and records this run. The installation's row exists."""
        if self._database.dialect == "postgresql":
            await self._verify()
        else:
            await self._open_sqlite()

    def watch(self, wakeups: WakeSource) -> None:
        """Checks again whenever the connection to PostgreSQL was lost: another server may have taken over."""
        if self._database.dialect == "postgresql":
            self._unsubscribe = wakeups.subscribe(self._on_wake)
            self._check.start()

    async def close(self) -> None:
        """Ends the checks and, on SQLite, records that the file was closed in an orderly way."""
        if self._unsubscribe:
            self._unsubscribe()
        await self._check.stop()
        if self._database.dialect == "sqlite":
            try:
                await self._record(replace(self._run, state=CLOSED))
            except (DatabaseUnavailable, OSError) as error:
                logger.warning("the end of this run is not recorded, subscribers may have to read again: %s", error)

    def _on_wake(self, wake: Wake) -> None:
        if wake.topic == "lost":
            self._check.wake()

    async def _verify(self) -> None:
        async with self._database.read() as reader:
            if await log_origin.recorded(reader) == await log_origin.of_postgresql(reader):
                return
        async with self._database.write() as transaction:
            await installation.lock(transaction)
            recorded, origin = await log_origin.recorded(transaction), await log_origin.of_postgresql(transaction)
            if recorded == origin:
                return
            if recorded is not None:
                logger.warning("the event log has another origin (%s, was %s): its streams get new epochs", origin, recorded)
                await log_origin.renew_epochs(transaction)
            await log_origin.record(transaction, origin)

    async def _open_sqlite(self) -> None:
        witness = await asyncio.to_thread(_read, self._witness)
        async with self._database.write() as transaction:
            recorded = await log_origin.recorded(transaction)
            if recorded is not None and not self._is_continued(recorded, witness):
                logger.warning("the database was restored, or its machine ended uncleanly: the event streams get new epochs")
                await log_origin.renew_epochs(transaction)
            await log_origin.record(transaction, str(self._run))
        await asyncio.to_thread(self._witness.write_text, str(self._run))

    def _is_continued(self, recorded: str, witness: str | None) -> bool:
        origin = SqliteOrigin.parse(recorded)
        if origin is None or recorded != witness:
            return False
        return origin.state == CLOSED or (bool(origin.boot_id) and origin.boot_id == self._run.boot_id)

    async def _record(self, run: SqliteOrigin) -> None:
        async with self._database.write() as transaction:
            await log_origin.record(transaction, str(run))
        await asyncio.to_thread(self._witness.write_text, str(run))


async def mark_restored(database: Database) -> None:
    """Gives all streams a new epoch because the operator says that a backup was restored. Running servers notice it."""
    async with database.write() as transaction:
        await log_origin.renew_epochs(transaction)


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
