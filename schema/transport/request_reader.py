"""Reads requests: authenticates their viewer, and parses their operation."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from schema.error_masking import masked_rejection
from schema.request_errors import Code, OperationRejected, operation_rejected
from schema.requests import OperationRequest, parse_request
from schema.transport.http_errors import STATUS, Disconnected, HTTPError
from schema.transport.query_string import parse_query_string
from schema.transport.request_headers import Scope, bearer, header
from services.connections.served_connection import authenticated
from services.domain.access import Viewer
from services.domain.errors import Unauthenticated

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class RequestReader:
    """Reads requests within limits: `max_body` in bytes; `auth_seconds` bounds `authenticate`, `body_seconds` the client's sending."""

    def __init__(
        self, authenticate: Callable[[str], Awaitable[Viewer]], *, max_body: int, auth_seconds: float, body_seconds: float
    ) -> None:
        self._authenticate = authenticate
        self._max_body = max_body
        self._auth_seconds = auth_seconds
        self._body_seconds = body_seconds

    async def viewer(self, scope: Scope) -> Viewer:
        """Returns the viewer of the access token in the request. Raises HTTPError."""
        token = bearer(header(scope, "authorization"))
        try:
            async with asyncio.timeout(self._auth_seconds):
                if token:
                    viewer = await self._authenticate(token)
                    authenticated(scope)
                    return viewer
            raise Unauthenticated("This needs an access token: send `Authorization: Bearer <token>`.")
        except Unauthenticated as error:
            challenge = b'Bearer realm="studiograph"' + (b', error="invalid_token"' if token else b"")
            raise HTTPError(401, operation_rejected(Code.UNAUTHENTICATED, error.message), [(b"www-authenticate", challenge)]) from None
        except TimeoutError:
            raise HTTPError(503, operation_rejected(Code.TIMEOUT, "The access token could not be checked in time. Try again.")) from None
        except Exception as error:  # noqa: BLE001 - whatever fails, the client gets an answer and an id
            rejection = masked_rejection(error)
            raise HTTPError(STATUS[rejection.code], rejection) from None

    async def request(self, scope: Scope, receive: Receive) -> OperationRequest:
        """Returns the operation in the query string of a GET, or in the body of a POST. Raises HTTPError, Disconnected."""
        if scope["method"] == "GET":
            return parse_query_string(scope)
        body = await self._body_in_time(scope, receive)
        try:
            return parse_request(orjson.loads(body))
        except orjson.JSONDecodeError:
            raise HTTPError(400, operation_rejected(Code.BAD_REQUEST, "The body is not JSON in UTF-8.")) from None
        except OperationRejected as rejection:
            raise HTTPError(STATUS[rejection.code], rejection) from None

    async def _body_in_time(self, scope: Scope, receive: Receive) -> bytes:
        try:
            async with asyncio.timeout(self._body_seconds):
                return await self._body(scope, receive)
        except TimeoutError:
            raise HTTPError(
                408, operation_rejected(Code.TIMEOUT, "The request did not arrive in time."), [(b"connection", b"close")]
            ) from None

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Reads the body, and no more than the limit, whatever length the client announces."""
        length = header(scope, "content-length") or "0"
        if not length.isdecimal() or int(length) > self._max_body:
            raise self._too_large()
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            body += message.get("body", b"")
            if len(body) > self._max_body:
                raise self._too_large()
            if not message.get("more_body", False):
                return bytes(body)

    def _too_large(self) -> HTTPError:
        rejection = operation_rejected(Code.LIMIT_EXCEEDED, f"The request's body may have at most {self._max_body} bytes.")
        return HTTPError(413, rejection, [(b"connection", b"close")])
