"""Serves the origin of one session: answers `/_sg/`, and proxies all else to the tool (docs/architecture.md#the-data-plane)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from connect import access_errors, cookies, http_proxy, pages, port_limits, websocket_proxy
from connect.access_errors import AccessDenied, AccessError
from connect.active_request import ActiveRequest, admit
from connect.authorization import NO_STUDIO
from connect.authorization_cache import AuthorizationCache
from connect.cookies import CookieNames
from connect.http_proxy import HttpExchange
from connect.presence_cache import PresenceCache
from connect.requests import Headers, Receive, Request, Send
from connect.responses import Response, for_program, redirect
from connect.session_grants import Grants, Sealed
from connect.shell import Shell
from connect.tab_socket import TabSocket
from connect.tool_connection import ToolNotListening
from connect.upstreams import Upstreams
from services.connections.addresses import Addresses
from services.connections.presence import NewConnection, Presence
from services.connections.served_connection import authenticated
from services.connections.tool_errors import ToolErrors
from services.domain.statuses import ConnectionErrorCode
from services.live.broker import Broker
from services.store.access_facts import Facts
from services.store.db.database import Database

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
REENTRY_CODES = frozenset({access_errors.UNAUTHENTICATED, access_errors.SESSION_CHANGED, ConnectionErrorCode.ACCESS_REVOKED})
RETRY_CODES = frozenset({ConnectionErrorCode.TOOL_UNREACHABLE, access_errors.TOO_MANY})


@dataclass(frozen=True, slots=True)
class SessionOrigin:
    """Authorizes and serves one request or WebSocket; the check is the same for both, and comes before any connection to the tool."""

    database: Database
    addresses: Addresses
    names: CookieNames
    grants: Grants
    authorization_cache: AuthorizationCache
    presence: Presence
    presence_cache: PresenceCache
    broker: Broker
    shell: Shell
    upstreams: Upstreams
    faults: ToolErrors

    async def __call__(self, public_id: str, request: Request, receive: Receive, send: Send) -> None:
        origin = self.addresses.session_origin(public_id)
        try:
            problem = request.problem() or request.cross_origin(origin)
            if problem:
                raise AccessDenied(problem)
            if not request.is_own_endpoint():
                await self._tool(public_id, request, receive, send)
            elif request.is_websocket:
                await self._live(public_id, request, receive, send)
            else:
                await (await self._own_endpoint(public_id, request)).send(send, head=request.method == "HEAD")
        except AccessDenied as error:
            await self._refuse(public_id, request, receive, send, error.refusal)

    async def _tool(self, public_id: str, request: Request, receive: Receive, send: Send) -> None:
        sealed = self._sealed(request, public_id)
        async with admit(self.authorization_cache, self.presence, sealed.grant) as active_request:
            port_limits.admit(request.scope)
            if self._wants_shell(request, active_request.facts):
                query = f"?{request.query.decode()}" if request.query else ""
                await redirect(self.shell.address(f"/{query}")).send(send)
                return
            tool = self.upstreams.tool(active_request.facts.upstream or {})
            with tool.in_use():
                try:
                    if request.is_websocket:
                        async with self._counted(request, active_request.facts):
                            await websocket_proxy.run(request, receive, send, active_request, tool, self.addresses.scheme)
                    else:
                        if request.method not in SAFE_METHODS:
                            active_request.touch()
                        await HttpExchange(request, receive, send, active_request).run(tool, self.addresses.scheme, self._renewal(sealed))
                except ToolNotListening as error:
                    raise AccessDenied(await self._unreachable(active_request)) from error

    async def _unreachable(self, active_request: ActiveRequest) -> AccessError:
        """Returns why the tool's address accepts no connections: the session is ending, or the tool has failed (B57)."""
        ending = await active_request.ended_within(http_proxy.SESSION_END_WAIT_SECONDS)
        if ending is None:
            self.faults.report(active_request.facts)
        return ending or http_proxy.UNREACHABLE

    async def _own_endpoint(self, public_id: str, request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            raise AccessDenied(AccessError(access_errors.BAD_REQUEST, "This path takes GET and HEAD only."))
        asset = self.shell.asset(request)
        if asset:
            return asset
        if request.raw_path == b"/_sg/enter":
            return await self.shell.enter(request, public_id, bool(self._valid_cookies(request, public_id)))
        if request.raw_path == b"/_sg/again":
            return self.shell.again(request, public_id)
        if request.raw_path not in {b"/_sg", b"/_sg/", b"/_sg/state", b"/_sg/unframed"}:
            raise AccessDenied(AccessError(access_errors.NOT_FOUND, "The session has no page at this path."))
        return await self._page(public_id, request)

    async def _page(self, public_id: str, request: Request) -> Response:
        sealed = self._sealed(request, public_id)
        decision = await self.authorization_cache.decision(sealed.grant)
        if request.raw_path == b"/_sg/state":
            return self.shell.state(decision, self._renewal(sealed))
        if decision.refusal or decision.facts is None:
            raise AccessDenied(decision.refusal or NO_STUDIO)
        if request.raw_path == b"/_sg/unframed":
            return self.shell.unframed(request, decision.facts)
        return self.shell.page(request, decision.facts, self._renewal(sealed))

    async def _live(self, public_id: str, request: Request, receive: Receive, send: Send) -> None:
        if request.raw_path != b"/_sg/live":
            raise AccessDenied(AccessError(access_errors.NOT_FOUND, "The session has no WebSocket at this path."))
        sealed = self._sealed(request, public_id)
        decision = await self.authorization_cache.decision(sealed.grant)
        refusal = decision.refusal
        if decision.facts is None or (refusal and not refusal.waits and refusal.code != access_errors.SESSION_CHANGED):
            raise AccessDenied(refusal or NO_STUDIO)
        authenticated(request.scope)
        await receive()
        await send({"type": "websocket.accept"})
        tab = TabSocket(self.database, self.authorization_cache, self.presence, self.presence_cache, self.broker, sealed.grant)
        await tab.run(receive, send, decision.facts)

    @asynccontextmanager
    async def _counted(self, request: Request, facts: Facts) -> AsyncIterator[None]:
        """Counts a WebSocket of a tool that cannot be framed as a connection: such a tool has no session page whose socket counts (B53)."""
        if self.shell.is_framed(request, facts):
            yield
            return
        connection_id = await self.presence.join(NewConnection.from_facts(facts))
        try:
            yield
        finally:
            await self.presence.leave(connection_id)

    def _wants_shell(self, request: Request, facts: Facts) -> bool:
        """Returns whether the request opens `/` in a whole tab, which gets the session page; the frame in that page gets the tool.

        Where browsers send no Sec-Fetch (plain http on a domain other than localhost), the frame is recognized by its Referer.
        """
        if not self.shell.is_framed(request, facts) or request.raw_path != b"/" or not request.is_navigation:
            return False
        origin = self.addresses.session_origin(facts.public_id)
        return request.header(b"sec-fetch-dest") is not None or not request.is_from(origin)

    def _valid_cookies(self, request: Request, public_id: str) -> list[Sealed]:
        values = cookies.values(request.header(b"cookie"), self.names.session)
        return [sealed for value in values if (sealed := self.grants.open(value, public_id))]

    def _sealed(self, request: Request, public_id: str) -> Sealed:
        """Returns the request's valid cookie. Raises AccessDenied if there is none, or if there are two of different grants."""
        valid = self._valid_cookies(request, public_id)
        if not valid:
            raise AccessDenied(AccessError(access_errors.UNAUTHENTICATED, ""))
        if len({sealed.grant for sealed in valid}) > 1:
            raise AccessDenied(
                AccessError(
                    access_errors.BAD_REQUEST, "There are two sign-ins for this Studio. Clear this site's cookies and open it again."
                )
            )
        return max(valid, key=lambda sealed: sealed.sealed_at)

    def _renewal(self, sealed: Sealed) -> Headers:
        return [self.shell.cookie(sealed.grant)] if sealed.needs_renewal else []

    async def _refuse(self, public_id: str, request: Request, receive: Receive, send: Send, refusal: AccessError) -> None:
        if request.is_websocket:
            if refusal.code in {access_errors.CROSS_ORIGIN, access_errors.BAD_REQUEST}:
                await for_program(refusal).deny(send)
            else:
                await websocket_proxy.refuse(request, receive, send, refusal)
            return
        await self._refusal_response(public_id, request, refusal).send(send, head=request.method == "HEAD")

    def _refusal_response(self, public_id: str, request: Request, refusal: AccessError) -> Response:
        path = request.raw_path.decode("latin-1") + (f"?{request.query.decode('latin-1')}" if request.query else "")
        if refusal.code in REENTRY_CODES and request.is_navigation:
            target = request.parameter("to") if request.is_own_endpoint() else path
            return redirect(self.shell.login_url(public_id, target or "/"))
        if not request.is_page_load:
            return for_program(refusal)
        retry = request.method == "GET" and (refusal.waits or refusal.code in RETRY_CODES)
        framed = request.header(b"sec-fetch-dest") in {b"iframe", b"frame"}
        links = [(f"{self.addresses.api_origin}/", "All Studios")]
        return pages.refusal_page(refusal, links, retry=retry, framed=framed)
