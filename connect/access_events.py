"""Follows the events that can change an access decision: of the installation, and of workspaces with open requests."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from services.domain.events import INSTALLATION_STREAM, Kind, LoggedEvent
from services.live.broker import Broker, EventObserver
from services.live.stream_items import EventFilter

IN_WORKSPACE = frozenset({Kind.STUDIO_STATUS, Kind.STUDIO_EDITED, Kind.STUDIO_DELETED, Kind.MEMBER_CHANGED})
IN_INSTALLATION = frozenset({Kind.TOKEN_REVOKED})


class AccessEvents:
    """Calls `on_event` for each event, in the order of the log, and `on_gap` when events may have been missed."""

    def __init__(self, broker: Broker, on_event: Callable[[LoggedEvent], None], on_gap: Callable[[str | None], None]) -> None:
        self._broker = broker
        self._on_event = on_event
        self._on_gap = on_gap
        self._workspaces: dict[str, AsyncExitStack] = {}
        self._reset_streams: set[str] = set()
        self._follow_lock = asyncio.Lock()
        self._installation = AsyncExitStack()

    async def start(self) -> None:
        await self._enter(self._installation, INSTALLATION_STREAM, IN_INSTALLATION, None)

    async def close(self) -> None:
        await self.follow_only(set())
        await self._installation.aclose()

    async def follow(self, workspace_id: str) -> bool:
        """Follows a workspace from now on. Returns True if it was not followed before, so that what was read before may be outdated."""
        if workspace_id in self._workspaces:
            return False
        async with self._follow_lock:
            if workspace_id not in self._workspaces:
                stack = AsyncExitStack()
                await self._enter(stack, workspace_id, IN_WORKSPACE, workspace_id)
                self._workspaces[workspace_id] = stack
        return True

    async def follow_only(self, workspace_ids: set[str]) -> None:
        """Stops following all other workspaces and those whose feed was reset: they are followed again when they are used."""
        for workspace_id in [id_ for id_ in self._workspaces if id_ not in workspace_ids or id_ in self._reset_streams]:
            self._reset_streams.discard(workspace_id)
            await self._workspaces.pop(workspace_id).aclose()
            self._on_gap(workspace_id)
        if INSTALLATION_STREAM in self._reset_streams:
            self._reset_streams.discard(INSTALLATION_STREAM)
            await self._installation.aclose()
            await self._enter(self._installation, INSTALLATION_STREAM, IN_INSTALLATION, None)

    async def _enter(self, stack: AsyncExitStack, stream_id: str, kinds: frozenset[Kind], workspace_id: str | None) -> None:
        def on_reset() -> None:
            self._reset_streams.add(stream_id)
            self._on_gap(workspace_id)

        observer = EventObserver(EventFilter(kinds), self._on_event, on_reset)
        await stack.enter_async_context(self._broker.observe(observer, stream_id))
