"""Counts the open tabs of sessions (B52, B53). Their rows belong to a proxy with a heartbeat: after a crash, other proxies end them."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import groupby

from services.connections.last_active import WRITE_INTERVAL_SECONDS, Activity
from services.connections.tab_count_events import TabCountEvents
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
HEARTBEAT_TIMEOUT = timedelta(seconds=25)
"""The time without a heartbeat after which other proxies end the connections of a proxy."""


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
    """Intervals in seconds: of the heartbeat, and at least between two writes of the last use of one tab or session."""

    heartbeat: float = HEARTBEAT_SECONDS
    silent: timedelta = HEARTBEAT_TIMEOUT
    activity: float = WRITE_INTERVAL_SECONDS


class Presence:
    """Stores the tabs that are connected through one start of a proxy, each row in one transaction with its event."""

    def __init__(self, database: Database, timing: PresenceTiming | None = None) -> None:
        self.proxy_id = new_id()
        self._database = database
        self._timing = timing or PresenceTiming()
        self._tabs: dict[str, NewConnection] = {}
        self._activity = Activity(database, self._timing.activity)
        self._tab_count_events = TabCountEvents(database)
        backoff = Backoff(self._timing.heartbeat, self._timing.heartbeat)
        self._loop = BackgroundLoop("presence heartbeat", self._beat_on, failure="A step of the presence heartbeat failed", backoff=backoff)

    async def start(self) -> None:
        """Starts the heartbeat, and ends the rows of proxies that have ended: on SQLite, which serves one process, those of all others."""
        async with self._database.write(durable=False) as transaction:
            await store.add_proxy(transaction, self.proxy_id)
        await self.sweep(everything=self._database.dialect == "sqlite")
        self._tab_count_events.start()
        self._loop.start(delay_seconds=self._timing.heartbeat)

    async def close(self) -> None:
        """Ends all rows of this proxy."""
        await self.stop_heartbeat()
        self._tabs.clear()
        async with self._database.read() as reader:
            rows = await store.tabs_of(reader, self.proxy_id)
        await self._end(rows)
        await self._tab_count_events.close()

    async def stop_heartbeat(self) -> None:
        """Stops the heartbeat: after HEARTBEAT_TIMEOUT, other proxies end the rows of this one."""
        await self._loop.stop()

    async def join(self, tab: NewConnection) -> str:
        """Adds a tab and returns the id of its connection. A user joins with the first. Raises NotAllowedNow if the session has ended."""
        connection_id = new_id()
        self._tabs[connection_id] = tab
        try:
            await self._insert(connection_id, tab)
        except BaseException:
            del self._tabs[connection_id]
            raise
        return connection_id

    async def leave(self, connection_id: str) -> None:
        """Ends a tab; its user leaves with the last one in any process. A repeated call does nothing."""
        tab = self._tabs.pop(connection_id, None)
        if tab:
            await self._end([_open_connection(connection_id, tab)])

    @property
    def tab_count(self) -> int:
        """The number of tabs that are connected through this proxy."""
        return len(self._tabs)

    async def people(self, studio_id: str) -> list[ConnectedUser]:
        """Returns the users who are connected to the Studio, in the order in which they joined."""
        async with self._database.read() as reader:
            return await store.people(reader, studio_id)

    def touch(self, connection_id: str) -> None:
        """Records that the user of the tab was active; it is written later, together with others."""
        tab = self._tabs.get(connection_id)
        if tab:
            self._activity.tab(connection_id)
            self.touch_session(tab.studio_id, tab.session_number)

    def touch_session(self, studio_id: str, session_number: int) -> None:
        """Records that the session is in use, by a tab or a program."""
        self._activity.session(studio_id, session_number)

    async def sweep(self, *, everything: bool = False) -> None:
        """Ends the rows of proxies without a recent heartbeat; with `everything`, of all other proxies."""
        async with self._database.write(durable=False) as transaction:
            silent_since = None if everything else transaction.now - self._timing.silent
            outdated = await store.tabs_of_other_proxies(transaction, self.proxy_id, silent_since)
        await self._end(outdated)

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
        if not is_first:
            self._tab_count_events.note(tab.workspace_id, tab.studio_id, tab.studio_name)

    async def _end(self, tabs: Iterable[OpenConnection]) -> None:
        """Ends the tabs, in one transaction for each Studio, which locks the stream first, as everywhere."""
        by_studio = sorted(tabs, key=lambda tab: (tab.workspace_id, tab.studio_id))
        for (workspace_id, studio_id), group in groupby(by_studio, key=lambda tab: (tab.workspace_id, tab.studio_id)):
            ending = list(group)
            async with outbox.stream_transaction(self._database, workspace_id, durable=False) as transaction:
                somebody_stays = await _end_in(transaction, studio_id, workspace_id, ending)
            if somebody_stays:
                self._tab_count_events.note(workspace_id, studio_id, ending[0].studio_name)

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
        """Writes the heartbeat, and makes the rows equal to the tabs: ends that could not be written before are written now."""
        async with self._database.write(durable=False) as transaction:
            if not await store.beat(transaction, self.proxy_id):
                await store.add_proxy(transaction, self.proxy_id)
            rows = await store.tabs_of(transaction, self.proxy_id)
        await self._end(row for row in rows if row.id not in self._tabs)
        stored = {row.id for row in rows}
        for connection_id in [connection_id for connection_id in self._tabs if connection_id not in stored]:
            await self._reopen(connection_id)

    async def _reopen(self, connection_id: str) -> None:
        """Opens the row of a tab again that another proxy ended while this one was suspended."""
        tab = self._tabs.get(connection_id)
        if tab is None:
            return
        async with outbox.stream_transaction(self._database, tab.workspace_id, durable=False) as transaction:
            if await store.running_session(transaction, tab.studio_id) != tab.session_number:
                return
            is_first = not await store.is_open(transaction, tab.studio_id, tab.user_id)
            if not await store.reopen(transaction, connection_id):
                return
            await store.bump_version(transaction, tab.studio_id)
            if is_first:
                await outbox.append(transaction, tab.workspace_id, [_event(_open_connection(connection_id, tab), "joined")])
        if not is_first:
            self._tab_count_events.note(tab.workspace_id, tab.studio_id, tab.studio_name)


async def _end_in(transaction: Transaction, studio_id: str, workspace_id: str, tabs: list[OpenConnection]) -> bool:
    """Returns whether a user of the ended tabs has others that are open."""
    ended = set(await store.end(transaction, [tab.id for tab in tabs]))
    if not ended:
        return False
    await store.bump_version(transaction, studio_id)
    users = {tab.user_id: tab for tab in tabs if tab.id in ended}
    last_tabs = [tab for tab in users.values() if not await store.is_open(transaction, studio_id, tab.user_id)]
    if last_tabs:
        await outbox.append(transaction, workspace_id, [_event(tab, "left") for tab in last_tabs])
    return len(last_tabs) < len(users)


def _open_connection(connection_id: str, tab: NewConnection) -> OpenConnection:
    return OpenConnection(connection_id, tab.studio_id, tab.studio_name, tab.workspace_id, tab.session_number, tab.user_id, tab.user_name)


def _event(tab: OpenConnection, change: str) -> NewEvent:
    payload = PresenceChanged(tab.user_id, tab.user_name, PresenceChange(change))
    return payload.event(Actor.user(tab.user_id, tab.user_name), tab.studio_id, tab.studio_name, tab.user_id)
