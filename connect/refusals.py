"""Answers requests that are refused on an origin of a session: pages for people, codes for programs and WebSockets (B58)."""

from connect import access_errors, pages, websocket_proxy
from connect.access_errors import AccessError
from connect.requests import Receive, Request, Send
from connect.responses import Response, for_program, redirect
from services.connections.addresses import Addresses
from services.domain.statuses import ConnectionErrorCode

REENTRY_CODES = frozenset({access_errors.UNAUTHENTICATED, access_errors.SESSION_CHANGED, ConnectionErrorCode.ACCESS_REVOKED})
RETRY_CODES = frozenset({ConnectionErrorCode.TOOL_UNREACHABLE, access_errors.TOO_MANY})
HANDSHAKE_CODES = frozenset({access_errors.CROSS_ORIGIN, access_errors.BAD_REQUEST})
"""The codes with which a WebSocket is refused before it is accepted."""


async def refuse(addresses: Addresses, public_id: str, request: Request, receive: Receive, send: Send, refusal: AccessError) -> None:
    """Answers a request or WebSocket of the session."""
    if not request.is_websocket:
        await _response(addresses, public_id, request, refusal).send(send, head=request.method == "HEAD")
    elif refusal.code in HANDSHAKE_CODES:
        await for_program(refusal).deny(send)
    else:
        await websocket_proxy.refuse(request, receive, send, refusal)


def _response(addresses: Addresses, public_id: str, request: Request, refusal: AccessError) -> Response:
    """Returns a redirect to the login, a page, or a code; a page in place of a framed tool may be framed by the shell."""
    if refusal.code in REENTRY_CODES and request.is_navigation:
        path = request.parameter("to") if request.is_own_endpoint() else request.target.decode("latin-1")
        return redirect(addresses.login_url(public_id, path or "/"))
    if not request.is_page_load:
        return for_program(refusal)
    retry = request.method == "GET" and (refusal.waits or refusal.code in RETRY_CODES)
    shell_origin = addresses.shell_origin(public_id)
    framed_by = shell_origin if request.is_framed(shell_origin) else None
    return pages.refusal_page(refusal, [(f"{addresses.api_origin}/", "All Studios")], retry=retry, framed_by=framed_by)
