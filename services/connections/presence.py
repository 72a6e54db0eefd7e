"""Who has a session open, tab by tab (B52, B53): rows that belong to a proxy with a heartbeat, so that a crash leaves no ghosts."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import groupby

from services.connections.last_active import EVERY_SECONDS, Activity
from services.domain.actor import Actor
from services.domain.errors import NotAllowedNow
from services.domain.event_payloads import PresenceChange, PresenceChanged
from services.domain.events import NewEvent
from services.domain.ids import new_id
from services.runtime.background_loop import BackgroundLoop, Backoff
from services.store import connections as store
from services.store import outbox
from services.store.access_facts import Facts
from services.store.connections import ConnectedUser, OpenConnection
from services.store.db.database import Database, Transaction

HEARTBEAT_SECONDS = 10.0
SILENT = timedelta(seconds=25)


@dataclass(frozen=True, slots=True)
class NewConnection:
    """A connection before it has a row: the user, the access token and the session that it belongs to."""

    workspace_id: str
    studio_id: str
    studio_name: str
    session_number: int
    user_id: str
    user_name: str
    token_id: str

    @classmethod
    def from_facts(cls, facts: Facts) -> "NewConnection":
        """Returns the connection of the user in `facts` to the current session of the Studio in `facts`."""
        return cls(
            facts.workspace_id, facts.studio_id, facts.studio_name, facts.session_number, facts.user_id, facts.user_name, facts.token_id
        )


@dataclass(frozen=True, slots=True)
class PresenceTiming:
    """In seconds; `activity` is how often at most "last active" is written for one tab or session."""

    heartbeat: float = HEARTBEAT_SECONDS
    silent: timedelta = SILENT
    activity: float = EVERY_SECONDS


class Presence:
    """One for each start of a proxy. Joining and leaving write row and event in one transaction."""

    def __init__(self, database: Database, timing: PresenceTiming | None = None) -> None:
        self.proxy_id = new_id()
        self._database = database
        self._timing = timing or PresenceTiming()
        self._tabs: dict[str, NewConnection] = {}
        self._activity = Activity(database, self._timing.activity)
        backoff = Backoff(self._timing.heartbeat, self._timing.heartbeat)
        self._loop = BackgroundLoop("presence heartbeat", self._beat_on, failure="A step of the presence heartbeat failed", backoff=backoff)

    async def start(self) -> None:
        """Show that this proxy lives, and end what dead ones left. SQLite serves one process, so there every other one is dead."""
        async with self._database.write(durable=False) as transaction:
            await store.add_proxy(transaction, self.proxy_id)
        await self.sweep(everything=self._database.dialect == "sqlite")
        self._loop.start(delay_seconds=self._timing.heartbeat)

    async def close(self) -> None:
        """End all of this proxy's rows."""
        await self.stop_heartbeat()
        self._tabs.clear()
        async with self._database.read() as reader:
            left = await store.tabs_of(reader, self.proxy_id)
        await self._end(left)

    async def stop_heartbeat(self) -> None:
        """Stops showing that this proxy lives: after the limit of silence, others end its rows."""
        await self._loop.stop()

    async def join(self, tab: NewConnection) -> str:
        """Count a tab; returns the id of its connection. The user joins with the first. Raises NotAllowedNow if the session is over."""
        connection_id = new_id()
        self._tabs[connection_id] = tab
        try:
            await self._insert(connection_id, tab)
        except BaseException:
            del self._tabs[connection_id]
            raise
        return connection_id

    async def leave(self, connection_id: str) -> None:
        """Count a tab no more; its user leaves with the last one anywhere. A repeated call does nothing."""
        tab = self._tabs.pop(connection_id, None)
        if tab:
            await self._end([_open_connection(connection_id, tab)])

    async def people(self, studio_id: str) -> list[ConnectedUser]:
        """Who is connected to the Studio, in the order of their coming."""
        async with self._database.read() as reader:
            return await store.people(reader, studio_id)

    def touch(self, connection_id: str) -> None:
        """The tab's user did something; written later, with others."""
        tab = self._tabs.get(connection_id)
        if tab:
            self._activity.tab(connection_id)
            self.touch_session(tab.studio_id, tab.session_number)

    def touch_session(self, studio_id: str, session_number: int) -> None:
        """The session is in use, by a tab or a program."""
        self._activity.session(studio_id, session_number)

    async def sweep(self, *, everything: bool = False) -> None:
        """End the rows of proxies that are silent (all others, if `everything`)."""
        async with self._database.write(durable=False) as transaction:
            silent_since = None if everything else transaction.now - self._timing.silent
            ghosts = await store.tabs_of_other_proxies(transaction, self.proxy_id, silent_since)
        await self._end(ghosts)

    async def _insert(self, connection_id: str, tab: NewConnection) -> None:
        async with outbox.stream_transaction(self._database, tab.workspace_id, durable=False) as transaction:
            if await store.running_session(transaction, tab.studio_id) != tab.session_number:
                raise NotAllowedNow("This session has ended.")
            is_first = not await store.is_open(transaction, tab.studio_id, tab.user_id)
            row = {key: value for key, value in asdict(tab).items() if key in {"studio_id", "session_number", "user_id", "token_id"}}
            await store.add(transaction, connection_id, self.proxy_id, row)
            await store.bump_version(transaction, tab.studio_id)
            if is_first:
                await outbox.append(transaction, tab.workspace_id, [_event(_open_connection(connection_id, tab), "joined")])

    async def _end(self, tabs: Iterable[OpenConnection]) -> None:
        """One transaction for each Studio: its stream's lock first, as everywhere."""
        by_studio = sorted(tabs, key=lambda tab: (tab.workspace_id, tab.studio_id))
        for (workspace_id, studio_id), group in groupby(by_studio, key=lambda tab: (tab.workspace_id, tab.studio_id)):
            async with outbox.stream_transaction(self._database, workspace_id, durable=False) as transaction:
                await _end_in(transaction, studio_id, workspace_id, list(group))

    async def _beat_on(self) -> float:
        """Does each step, whether or not another one fails. Raises the errors of those that failed."""
        errors = []
        for step in (self.beat, self.sweep, self._activity.flush):
            try:
                await step()
            except Exception as error:  # noqa: BLE001 - raised below, after the other steps
                errors.append(error)
        if errors:
            raise ExceptionGroup("Steps of the presence heartbeat failed", errors)
        return self._timing.heartbeat

    async def beat(self) -> None:
        """Show that we live, and make our rows what our tabs are: an end that could not be written is written now."""
        async with self._database.write(durable=False) as transaction:
            if not await store.beat(transaction, self.proxy_id):
                await store.add_proxy(transaction, self.proxy_id)
            rows = await store.tabs_of(transaction, self.proxy_id)
        await self._end(row for row in rows if row.id not in self._tabs)
        present = {row.id for row in rows}
        for connection_id in [one for one in self._tabs if one not in present]:
            await self._revive(connection_id)

    async def _revive(self, connection_id: str) -> None:
        """We were thought dead (a suspended machine), and our tab's row was ended: it is open all the same."""
        tab = self._tabs.get(connection_id)
        if tab is None:
            return
        async with outbox.stream_transaction(self._database, tab.workspace_id, durable=False) as transaction:
            if await store.running_session(transaction, tab.studio_id) != tab.session_number:
                return
            is_first = not await store.is_open(transaction, tab.studio_id, tab.user_id)
            if await store.reopen(transaction, connection_id):
                await store.bump_version(transaction, tab.studio_id)
                if is_first:
                    await outbox.append(transaction, tab.workspace_id, [_event(_open_connection(connection_id, tab), "joined")])


async def _end_in(transaction: Transaction, studio_id: str, workspace_id: str, tabs: list[OpenConnection]) -> None:
    ended = set(await store.end(transaction, [tab.id for tab in tabs]))
    if not ended:
        return
    await store.bump_version(transaction, studio_id)
    users = {tab.user_id: tab for tab in tabs if tab.id in ended}
    gone = [tab for tab in users.values() if not await store.is_open(transaction, studio_id, tab.user_id)]
    if gone:
        await outbox.append(transaction, workspace_id, [_event(tab, "left") for tab in gone])


def _open_connection(connection_id: str, tab: NewConnection) -> OpenConnection:
    return OpenConnection(connection_id, tab.studio_id, tab.studio_name, tab.workspace_id, tab.session_number, tab.user_id, tab.user_name)


def _event(tab: OpenConnection, change: str) -> NewEvent:
    payload = PresenceChanged(tab.user_id, tab.user_name, PresenceChange(change))
    return payload.event(Actor.user(tab.user_id, tab.user_name), tab.studio_id, tab.studio_name, tab.user_id)
