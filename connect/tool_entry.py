"""Gives browsers and programs the cookie of a tool's origin (docs/architecture.md#the-data-plane).

No service worker of the tool sees these requests: a program has none, and a request of the shell's page is seen by a worker of the shell's
origin alone, where no worker can be.
"""

from dataclasses import dataclass

from connect import access_errors
from connect.access_errors import AccessDenied, AccessError
from connect.authorization import NO_STUDIO
from connect.authorization_cache import AuthorizationCache
from connect.pages import bad_code_page
from connect.requests import Headers, Receive, Request
from connect.responses import COMMON_HEADERS, Response, for_program, redirect
from connect.session_cookies import SessionCookies
from connect.session_grants import Grant
from connect.tool_framing import ToolFraming
from services.connections.addresses import Addresses
from services.connections.connect_codes import MAX_CODE_LENGTH, BadCode, ConnectCodes
from services.store.connect_codes import CodeRow

ENTER_PATH = b"/_sg/enter"
GRANT_PATH = b"/_sg/grant"


@dataclass(frozen=True, slots=True)
class ToolEntry:
    """Answers `/_sg/enter`, for programs, and `/_sg/grant`, for the script of the shell."""

    addresses: Addresses
    cookies: SessionCookies
    codes: ConnectCodes
    authorization_cache: AuthorizationCache
    framing: ToolFraming

    async def enter(self, public_id: str, request: Request) -> Response:
        """Exchanges the code of `connectStudio` for the tool's cookie. A browser is sent to the shell, and its code stays unused."""
        shell_origin = self.addresses.shell_origin(public_id)
        if request.is_from_browser:
            return redirect(f"{shell_origin}/")
        try:
            entry = await self.codes.redeem(request.parameter("code") or "", shell_origin)
        except BadCode as error:
            return bad_code_page(error.message, self.addresses.login_url(public_id, "/"))
        return redirect(entry.path, [self.cookies.header(_grant(entry, public_id))])

    async def grant(self, public_id: str, request: Request, receive: Receive) -> Response:
        """Sets or renews the cookie for the shell's page, and for no other origin's. Raises AccessDenied for another origin."""
        shell_origin = self.addresses.shell_origin(public_id).encode()
        if request.method != "POST" or request.header(b"origin") != shell_origin:
            raise AccessDenied(AccessError(access_errors.CROSS_ORIGIN, "Only the page around the tool uses this path."))
        headers = [(b"access-control-allow-origin", shell_origin), (b"access-control-allow-credentials", b"true"), (b"vary", b"Origin")]
        try:
            return Response(200, b"", [*headers, *COMMON_HEADERS, *await self._granted(public_id, request, await _code(receive))])
        except AccessDenied as error:
            return for_program(error.refusal, headers)

    async def _granted(self, public_id: str, request: Request, code: str) -> Headers:
        """Returns the headers that set the cookie for the holder of the code; without a code those that renew a valid cookie."""
        if code:
            grant = await self._redeemed(public_id, code)
            own = [self.cookies.header(grant)]
        else:
            sealed = self.cookies.sealed(request, public_id)
            decision = await self.authorization_cache.decision(sealed.grant)
            if decision.facts is None or (decision.refusal and not decision.refusal.waits):
                raise AccessDenied(decision.refusal or NO_STUDIO)
            grant, own = sealed.grant, self.cookies.renewal(sealed)
        is_unframed = request.parameter("unframed") is not None
        return [*own, self.framing.unframed_cookie(grant.session_number)] if is_unframed else own

    async def _redeemed(self, public_id: str, code: str) -> Grant:
        try:
            return _grant(await self.codes.redeem(code, self.addresses.tool_origin(public_id)), public_id)
        except BadCode as error:
            raise AccessDenied(AccessError(access_errors.UNAUTHENTICATED, error.message)) from error


def _grant(entry: CodeRow, public_id: str) -> Grant:
    return Grant(entry.user_id, entry.token_id, entry.login_id, public_id, entry.session_number)


async def _code(receive: Receive) -> str:
    """Returns the code in the body; empty for no body. A longer body raises AccessDenied."""
    body, has_more = b"", True
    while has_more:
        message = await receive()
        body += message.get("body", b"")
        has_more = message.get("more_body", False)
        if len(body) > MAX_CODE_LENGTH:
            raise AccessDenied(AccessError(access_errors.BAD_REQUEST, "The code is too long."))
    return body.decode("latin-1")
