"""The tools of sessions, with their idle connections: one record for each address, closed after five idle minutes."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from connect.access_errors import TOO_MANY, AccessDenied, AccessError
from connect.tool_connection import ToolConnection, dial
from services.compute.protocol import Upstream

KEEPALIVE_SECONDS = 4.0
"""The age of an idle connection from which on it is not used again: less than what common servers keep theirs for."""
IDLE_SECONDS = 300.0
MAX_EXCHANGES = 1000
"""The number of exchanges with one tool at the same time; each holds a file descriptor."""


@dataclass(slots=True)
class Tool:
    """The address of a tool, and its idle connections. `used_at` is in seconds of the event loop's clock."""

    address: Upstream
    used_at: float = 0
    exchanges: int = 0
    _idle: list[tuple[ToolConnection, float]] = field(default_factory=list)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Counts one exchange for as long as the context lasts. Raises AccessDenied if there are MAX_EXCHANGES already."""
        if self.exchanges >= MAX_EXCHANGES:
            raise AccessDenied(AccessError(TOO_MANY, f"There are {MAX_EXCHANGES} already."))
        self.exchanges += 1
        try:
            yield
        finally:
            self.exchanges -= 1
            self.used_at = asyncio.get_running_loop().time()

    async def connect(self) -> ToolConnection:
        """Opens a connection. Raises ToolNotListening."""
        return await dial(self.address)

    def take_idle(self) -> ToolConnection | None:
        """Returns the idle connection that was used last, or None. The tool may be closing it at this moment."""
        oldest = asyncio.get_running_loop().time() - KEEPALIVE_SECONDS
        while self._idle:
            connection, since = self._idle.pop()
            if since >= oldest and connection.is_quiet:
                return connection
            connection.close()
        return None

    def keep(self, connection: ToolConnection) -> None:
        """Keeps a connection for another request."""
        now = asyncio.get_running_loop().time()
        while self._idle and self._idle[0][1] < now - KEEPALIVE_SECONDS:
            self._idle.pop(0)[0].close()
        self._idle.append((connection, now))

    def close(self) -> None:
        """Closes the idle connections."""
        while self._idle:
            self._idle.pop()[0].close()


class Upstreams:
    """Creates and keeps the records of tools."""

    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}

    @property
    def exchanges(self) -> int:
        """The number of exchanges with tools that are under way."""
        return sum(tool.exchanges for tool in self._tools.values())

    def tool(self, record: Mapping[str, Any]) -> Tool:
        """Returns the tool at the address in `record`, the column `upstream` of the session: no other source names addresses."""
        address = Upstream.from_json(record)
        key = f"{address.unix}|{address.host}|{address.port}"
        tool = self._tools.get(key)
        if tool is None:
            self._close_idle()
            tool = self._tools[key] = Tool(address, asyncio.get_running_loop().time())
        tool.address = address
        return tool

    def close(self) -> None:
        """Closes all idle connections."""
        for tool in self._tools.values():
            tool.close()
        self._tools.clear()

    def _close_idle(self) -> None:
        """Forgets the tools that were idle for IDLE_SECONDS."""
        now = asyncio.get_running_loop().time()
        for key in [key for key, tool in self._tools.items() if not tool.exchanges and now - tool.used_at > IDLE_SECONDS]:
            self._tools.pop(key).close()
