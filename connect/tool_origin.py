"""Serves the origin of a session's tool: proxies all but `/_sg/` to the tool (docs/architecture.md#the-data-plane)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from connect import access_errors, http_proxy, port_limits, websocket_proxy
from connect.access_errors import AccessDenied, AccessError
from connect.active_request import ActiveRequest, admit
from connect.authorization_cache import AuthorizationCache
from connect.http_proxy import HttpExchange
from connect.refusals import refuse
from connect.requests import Headers, Receive, Request, Send
from connect.responses import Response, redirect
from connect.session_cookies import SessionCookies
from connect.tool_connection import ToolNotListening
from connect.tool_entry import ENTER_PATH, GRANT_PATH, ToolEntry
from connect.tool_framing import ToolFraming
from connect.tool_page import ToolPage
from connect.upstreams import Tool, Upstreams
from services.connections.addresses import Addresses
from services.connections.presence import NewConnection, Presence
from services.connections.tool_errors import ToolErrors
from services.store.access_facts import Facts

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class ToolOrigin:
    """Authorizes and serves one request or WebSocket; the check is the same for both, and comes before any connection to the tool."""

    addresses: Addresses
    cookies: SessionCookies
    authorization_cache: AuthorizationCache
    presence: Presence
    entry: ToolEntry
    framing: ToolFraming
    upstreams: Upstreams
    faults: ToolErrors

    async def __call__(self, public_id: str, request: Request, receive: Receive, send: Send) -> None:
        try:
            problem = request.problem()
            if problem:
                raise AccessDenied(problem)
            if not request.is_websocket and request.raw_path == GRANT_PATH:
                response = await self.entry.grant(public_id, request, receive)
                await response.send(send)
                return
            problem = request.cross_origin(self.addresses.tool_origin(public_id), self.addresses.shell_origin(public_id))
            if problem:
                raise AccessDenied(problem)
            if not request.is_own_endpoint():
                await self._tool(public_id, request, receive, send)
            else:
                response = await self._own_endpoint(public_id, request)
                await response.send(send, head=request.method == "HEAD")
        except AccessDenied as error:
            await refuse(self.addresses, public_id, request, receive, send, error.refusal)

    async def _tool(self, public_id: str, request: Request, receive: Receive, send: Send) -> None:
        sealed = self.cookies.sealed(request, public_id)
        async with admit(self.authorization_cache, self.presence, sealed.grant) as active_request:
            port_limits.admit(request.scope)
            page = self._page(request, active_request.facts)
            if page.is_whole_tab and request.raw_path == b"/" and page.shell_url:
                await redirect(page.shell_url).send(send)
                return
            tool = self.upstreams.tool(active_request.facts.upstream or {})
            try:
                with tool.in_use():
                    if request.is_websocket:
                        await self._websocket(request, receive, send, active_request, tool)
                    else:
                        await self._exchange(page, receive, send, active_request, tool, self.cookies.renewal(sealed))
            except ToolNotListening as error:
                raise AccessDenied(await self._unreachable(active_request)) from error

    async def _websocket(self, request: Request, receive: Receive, send: Send, active_request: ActiveRequest, tool: Tool) -> None:
        async with self._counted(request, active_request.facts):
            await websocket_proxy.run(request, receive, send, active_request, tool, self.addresses.scheme)

    async def _exchange(
        self, page: ToolPage, receive: Receive, send: Send, active_request: ActiveRequest, tool: Tool, renewal: Headers
    ) -> None:
        if page.request.method not in SAFE_METHODS:
            active_request.touch()
        await HttpExchange(page, receive, send, active_request).run(tool, self.addresses.scheme, renewal)

    def _page(self, request: Request, facts: Facts) -> ToolPage:
        return ToolPage(
            request,
            self.addresses.tool_origin(facts.public_id),
            self.addresses.shell_origin(facts.public_id),
            self.framing.is_framed(request, facts),
            self.framing.unframed_cookie(facts.session_number),
        )

    async def _unreachable(self, active_request: ActiveRequest) -> AccessError:
        """Returns why the tool's address accepts no connections: the session is ending, or the tool has failed (B57)."""
        ending = await active_request.ended_within(http_proxy.SESSION_END_WAIT_SECONDS)
        if ending is None:
            self.faults.report(active_request.facts)
        return ending or http_proxy.UNREACHABLE

    async def _own_endpoint(self, public_id: str, request: Request) -> Response:
        if not request.is_websocket and request.method in {"GET", "HEAD"} and request.raw_path == ENTER_PATH:
            return await self.entry.enter(public_id, request)
        raise AccessDenied(AccessError(access_errors.NOT_FOUND, "The session has no page at this path."))

    @asynccontextmanager
    async def _counted(self, request: Request, facts: Facts) -> AsyncIterator[None]:
        """Counts a WebSocket of a tool that cannot be framed as a connection: such a tool has no shell whose socket counts (B53)."""
        if self.framing.is_framed(request, facts):
            yield
            return
        connection_id = await self.presence.join(NewConnection.from_facts(facts))
        try:
            yield
        finally:
            await self.presence.leave(connection_id)
