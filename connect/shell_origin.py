"""Serves the origin of a session's shell: the page around the tool, and what its script needs (docs/architecture.md#the-data-plane).

Nothing of a tool is ever served here, so that no script or service worker of a tool can act for the shell.
"""

from dataclasses import dataclass
from urllib.parse import quote

import orjson

from connect import access_errors
from connect.access_errors import AccessDenied, AccessError
from connect.authorization import NO_STUDIO
from connect.authorization_cache import AuthorizationCache
from connect.pages import bad_code_page
from connect.presence_cache import PresenceCache
from connect.refusals import refuse
from connect.requests import Receive, Request, Send
from connect.responses import COMMON_HEADERS, Response, redirect
from connect.session_cookies import SessionCookies
from connect.session_grants import Grant
from connect.shell import Shell
from connect.tab_socket import TabSocket
from connect.tool_framing import ToolFraming
from services.connections.addresses import Addresses
from services.connections.connect_codes import BadCode, ConnectCodes
from services.connections.paths import relative_path
from services.connections.presence import Presence
from services.connections.served_connection import authenticated
from services.live.broker import Broker
from services.store.access_facts import Facts
from services.store.db.database import Database


@dataclass(frozen=True, slots=True)
class ShellOrigin:
    """Answers one request or WebSocket. A path outside of `/_sg/` is the shell that shows this path of the tool."""

    database: Database
    addresses: Addresses
    cookies: SessionCookies
    codes: ConnectCodes
    authorization_cache: AuthorizationCache
    presence: Presence
    presence_cache: PresenceCache
    broker: Broker
    framing: ToolFraming
    shell: Shell

    async def __call__(self, public_id: str, request: Request, receive: Receive, send: Send) -> None:
        try:
            problem = request.problem() or request.cross_origin(self.addresses.shell_origin(public_id))
            if problem:
                raise AccessDenied(problem)
            if request.is_websocket:
                await self._live(public_id, request, receive, send)
            else:
                response = await self._respond(public_id, request)
                await response.send(send, head=request.method == "HEAD")
        except AccessDenied as error:
            await refuse(self.addresses, public_id, request, receive, send, error.refusal)

    async def _respond(self, public_id: str, request: Request) -> Response:
        if request.method == "POST" and request.raw_path == b"/_sg/grant":
            return await self._issue_tool_code(public_id, request)
        if request.method not in {"GET", "HEAD"}:
            raise AccessDenied(AccessError(access_errors.BAD_REQUEST, "This path takes GET and HEAD only."))
        asset = self.shell.asset(request)
        if asset:
            return asset
        if request.raw_path == b"/_sg/enter":
            return await self._enter(public_id, request)
        if request.raw_path == b"/_sg/again":
            return redirect(self.addresses.login_url(public_id, request.parameter("to") or "/"))
        return await self._show(public_id, request)

    async def _enter(self, public_id: str, request: Request) -> Response:
        """Exchanges a one-time code for the shell's cookie. A program, which needs no shell, is sent to the tool's origin with the code."""
        code = request.parameter("code") or ""
        if not request.is_from_browser:
            return redirect(f"{self.addresses.tool_origin(public_id)}/_sg/enter?code={quote(code, safe='')}")
        try:
            entry = await self.codes.redeem(code, self.addresses.shell_origin(public_id))
        except BadCode as error:
            has_cookie = bool(self.cookies.valid(request, public_id))
            return redirect("/") if has_cookie else bad_code_page(error.message, self.addresses.login_url(public_id, "/"))
        grant = Grant(entry.user_id, entry.token_id, entry.login_id, public_id, entry.session_number)
        return redirect(entry.path, [self.cookies.header(grant)])

    async def _show(self, public_id: str, request: Request) -> Response:
        if request.is_own_endpoint() and request.raw_path not in {b"/_sg/state", b"/_sg/unframed"}:
            raise AccessDenied(AccessError(access_errors.NOT_FOUND, "The session has no page at this path."))
        sealed = self.cookies.sealed(request, public_id)
        if request.raw_path == b"/_sg/state":
            return self.shell.state(await self.authorization_cache.decision(sealed.grant), self.cookies.renewal(sealed))
        facts = await self._facts(sealed.grant)
        if request.raw_path == b"/_sg/unframed":
            remembered = self.framing.unframed_cookie(facts.session_number)
            return redirect(relative_path(request.parameter("to")), [remembered])
        return self.shell.page(request, facts, self.cookies.renewal(sealed))

    async def _issue_tool_code(self, public_id: str, request: Request) -> Response:
        """Returns a one-time code, with which the shell's script fetches the tool's cookie for the same user."""
        sealed = self.cookies.sealed(request, public_id)
        code = await self.codes.issue_tool_code(await self._facts(sealed.grant), sealed.grant.login_id)
        headers = [*COMMON_HEADERS, *self.cookies.renewal(sealed)]
        return Response(200, orjson.dumps({"code": code}), headers, b"application/json")

    async def _facts(self, grant: Grant) -> Facts:
        decision = await self.authorization_cache.decision(grant)
        if decision.refusal or decision.facts is None:
            raise AccessDenied(decision.refusal or NO_STUDIO)
        return decision.facts

    async def _live(self, public_id: str, request: Request, receive: Receive, send: Send) -> None:
        if request.raw_path != b"/_sg/live":
            raise AccessDenied(AccessError(access_errors.NOT_FOUND, "The session has no WebSocket at this path."))
        sealed = self.cookies.sealed(request, public_id)
        decision = await self.authorization_cache.decision(sealed.grant)
        refusal = decision.refusal
        if decision.facts is None or (refusal and not refusal.waits and refusal.code != access_errors.SESSION_CHANGED):
            raise AccessDenied(refusal or NO_STUDIO)
        authenticated(request.scope)
        await receive()
        await send({"type": "websocket.accept"})
        tab = TabSocket(self.database, self.authorization_cache, self.presence, self.presence_cache, self.broker, sealed.grant)
        await tab.run(receive, send, decision.facts)
