"""Builds, starts and stops the data plane, and dispatches requests to it or to the API by their Host header."""

from collections.abc import Awaitable, Callable, Sequence

from connect.access_errors import BAD_REQUEST, NOT_FOUND, AccessError
from connect.authorization_cache import AuthorizationCache
from connect.cookies import CookieNames
from connect.login import LoginRoutes
from connect.presence_cache import PresenceCache
from connect.requests import Receive, Request, Scope, Send
from connect.responses import Response, for_program
from connect.session_cookies import SessionCookies
from connect.session_grants import Grants
from connect.shell import Shell
from connect.shell_origin import ShellOrigin
from connect.tool_entry import ToolEntry
from connect.tool_framing import ToolFraming
from connect.tool_origin import ToolOrigin
from connect.upstreams import Upstreams
from services.connections.addresses import Addresses, SessionHost
from services.connections.connect_codes import ConnectCodes
from services.connections.presence import Presence
from services.connections.tool_errors import ToolErrors
from services.domain.statuses import ConnectionErrorCode
from services.identity.logins import Authenticate, Logins
from services.live.broker import Broker
from services.store.db.database import Database

ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
"""Any ASGI 3 application."""


class ConnectApp:
    """Serves the origins of tools and of shells, and the API origin's `/connect/*`, `/login` and `/logout`.

    `keys` seal the session cookies (the first seals, any opens); `authenticate` is `Tokens.authenticate`. The caller starts
    and closes the broker and the presence.
    """

    def __init__(
        self,
        *,
        database: Database,
        broker: Broker,
        presence: Presence,
        addresses: Addresses,
        codes: ConnectCodes,
        authenticate: Authenticate,
        installation_id: str,
        keys: Sequence[str],
        authorization_cache: AuthorizationCache | None = None,
    ) -> None:
        names = CookieNames.of(addresses, installation_id)
        framing = ToolFraming(names)
        tool_cookies = SessionCookies(names, names.tool, Grants(keys, "tool"))
        shell_cookies = SessionCookies(names, names.shell, Grants(keys, "shell"))
        self.addresses = addresses
        self._authorization_cache = authorization_cache or AuthorizationCache(database, broker)
        self.upstreams = Upstreams()
        self._faults = ToolErrors(database)
        self.login_routes = LoginRoutes(addresses, self._authorization_cache, codes, Logins(database, authenticate), names)
        self._tool_origin = ToolOrigin(
            addresses,
            tool_cookies,
            self._authorization_cache,
            presence,
            ToolEntry(addresses, tool_cookies, codes, self._authorization_cache, framing),
            framing,
            self.upstreams,
            self._faults,
        )
        self._shell_origin = ShellOrigin(
            database,
            addresses,
            shell_cookies,
            codes,
            self._authorization_cache,
            presence,
            PresenceCache(presence),
            broker,
            framing,
            Shell(addresses, framing),
        )

    async def start(self) -> None:
        await self._authorization_cache.start()

    async def end_streams(self) -> None:
        """Ends all open requests before the server closes. WebSockets get a close code that clients retry on."""
        self._authorization_cache.end_all(AccessError(ConnectionErrorCode.PROXY_RESTARTED, "The server restarts."))

    async def close(self) -> None:
        await self._authorization_cache.close()
        self.upstreams.close()
        await self._faults.close()

    async def session(self, host: SessionHost, request: Request, receive: Receive, send: Send) -> None:
        """Serves a request or WebSocket whose Host header is that of this session's tool or shell, without regard to case."""
        origin = self._shell_origin if host.is_shell else self._tool_origin
        await origin(host.public_id, request, receive, send)


class Dispatcher:
    """The ASGI application of the server's port: chooses the origin of a session, the login routes or the API by the Host header."""

    def __init__(self, connect: ConnectApp, api: ASGIApp) -> None:
        self._connect = connect
        self._api = api

    async def end_streams(self) -> None:
        """Ends all open requests of sessions, before the server closes."""
        await self._connect.end_streams()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._api(scope, receive, send)
            return
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        host = hosts[0].decode("latin-1").lower() if hosts else ""
        session = self._connect.addresses.session_of(host)
        if len(hosts) > 1:
            await _answer(scope, send, for_program(AccessError(BAD_REQUEST, "There is more than one Host header.")))
        elif session:
            await self._connect.session(session, Request(scope), receive, send)
        elif self._connect.addresses.is_session_like(host):
            await _answer(scope, send, for_program(AccessError(NOT_FOUND, "No session has this address.")))
        elif scope["type"] == "http" and LoginRoutes.handles(scope.get("raw_path") or b""):
            await self._connect.login_routes(Request(scope), receive, send)
        else:
            await self._api(scope, receive, send)


async def _answer(scope: Scope, send: Send, response: Response) -> None:
    if scope["type"] == "websocket":
        await response.deny(send)
    else:
        await response.send(send, head=scope["method"] == "HEAD")
