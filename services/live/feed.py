"""One stream as this process follows it: the log is read once for all who listen, and handed on in its order."""

import asyncio
from typing import Protocol

from services.domain.events import LoggedEvent
from services.live.log_reader import EventLog, persistently, state_of
from services.live.stream_items import EventMatch, Timing
from services.store.log import Page, StreamState

EVERYTHING = EventMatch()


class Listener(Protocol):
    """Somebody attached to a feed. Nothing here may block or raise."""

    @property
    def match(self) -> EventMatch: ...

    def offer(self, event: LoggedEvent) -> bool:
        """Take an event that matches; False = no room: detach me, I read the log myself."""
        ...

    def cut(self) -> None:
        """You are detached: the log was changed from outside, what you know of it may be wrong."""
        ...


class Feed:
    """Follows one stream while there are listeners. All that matches up to `seq` was offered to who is attached.

    Listeners are kept by Studio and by match, so that an event is compared once per distinct match and never with those of other Studios.
    """

    def __init__(self, stream_id: str, log: EventLog, timing: Timing) -> None:
        self.stream_id = stream_id
        self.users = 0
        self.epoch = ""
        self.seq = 0
        self._log = log
        self._timing = timing
        self._listeners: dict[str | None, dict[EventMatch, dict[Listener, None]]] = {}
        self._look = asyncio.Event()
        self._hint = 0
        self._must_look = False
        self._ready = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self._follow(), name=f"feed of {self.stream_id}")

    async def ready(self) -> None:
        """Return once it is known where the stream stands."""
        await self._ready.wait()

    def look(self, seq: int = 0) -> None:
        """There may be something new: up to `seq`, if that is known. One read serves all hints that it makes good."""
        self._hint = max(self._hint, seq)
        self._must_look = self._must_look or not seq
        self._look.set()

    def differs_from(self, state: StreamState) -> bool:
        """True if the log has more than was handed on, or less: a head that fell back is a restored backup."""
        return self._ready.is_set() and (state.epoch != self.epoch or state.head != self.seq)

    def attach(self, listener: Listener) -> int:
        """Offer `listener` all that comes after the seq that is returned."""
        by_match = self._listeners.setdefault(listener.match.studio_id, {})
        by_match.setdefault(listener.match, {})[listener] = None
        return self.seq

    def detach(self, listener: Listener) -> None:
        match = listener.match
        by_match = self._listeners.get(match.studio_id, {})
        group = by_match.get(match, {})
        group.pop(listener, None)
        if not group:
            by_match.pop(match, None)
        if not by_match:
            self._listeners.pop(match.studio_id, None)

    async def _follow(self) -> None:
        self._begin(await state_of(self._log, self.stream_id, self._timing))
        self._ready.set()
        while True:
            await self._look.wait()
            self._look.clear()
            if self._must_look or self._hint > self.seq:
                self._must_look = False
                await self._catch_up()

    def _begin(self, state: StreamState) -> None:
        self.epoch, self.seq = state.epoch, state.head

    async def _catch_up(self) -> None:
        while True:
            page = await self._read_on()
            if page.state.epoch != self.epoch or not page.state.horizon <= self.seq <= page.state.head:
                self._cut_all(page.state)
                return
            for event in page.events:
                self._hand_on(event)
                await asyncio.sleep(0)
            self.seq = page.reached
            if page.reached >= page.state.head:
                return

    async def _read_on(self) -> Page:
        return await persistently(lambda: self._log.page(self.stream_id, self.seq, self._timing.page, EVERYTHING), self._timing)

    def _hand_on(self, event: LoggedEvent) -> None:
        self.seq = event.seq
        full = [listener for group in self._groups(event) for listener in group if not listener.offer(event)]
        for listener in full:
            self.detach(listener)

    def _groups(self, event: LoggedEvent) -> list[dict[Listener, None]]:
        places = {None, event.studio_id}
        return [group for place in places for match, group in self._listeners.get(place, {}).items() if match.takes(event)]

    def _cut_all(self, state: StreamState) -> None:
        """A restored backup, or a horizon that overtook us: each listener finds out from the log what this means for it."""
        listeners = [listener for by_match in self._listeners.values() for group in by_match.values() for listener in group]
        self._listeners.clear()
        self._begin(state)
        for listener in listeners:
            listener.cut()
