"""GraphQL over HTTP: one operation a POST, one response.

Follows the draft of August 2026 (https://github.com/graphql/graphql-over-http): `application/graphql-response+json` carries the
full range of status codes; clients that accept only `application/json` get 200 for every well-formed request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

import orjson

from schema.answers import Answer, refused_answer
from schema.execution import Executor
from schema.masking import masked_refusal
from schema.refusals import Code, Refused, refusal
from schema.requests import OperationRequest, parse_request
from schema.transport.accept import GRAPHQL_JSON, LEGACY_JSON, accepted, is_json
from schema.transport.headers import Scope, bearer, header, origin
from services.access import Viewer
from services.errors import Unauthenticated

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

MAX_BODY = 100 * 1024

STATUS = {
    Code.BAD_REQUEST: 422,
    Code.SYNTAX_ERROR: 400,
    Code.VALIDATION_FAILED: 422,
    Code.LIMIT_EXCEEDED: 422,
    Code.UNKNOWN_OPERATION: 422,
    Code.INVALID_VARIABLES: 422,
    Code.WRONG_TRANSPORT: 422,
    Code.UNAUTHENTICATED: 401,
    Code.TIMEOUT: 503,
    Code.INTERNAL: 500,
}
PARTIAL = 294
ALLOW = [(b"allow", b"POST, OPTIONS")]
CORS_HEADERS = b"authorization, content-type, accept"
CORS_SECONDS = b"600"


class HTTPError(Exception):
    """Answered before an operation could be read from the request."""

    def __init__(self, status: int, refused: Refused, headers: Headers | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.refused = refused
        self.headers = headers or []


class Disconnected(Exception):
    """The client went away before its request was complete."""


class GraphQLHTTP:
    """An ASGI application for one path.

    `authenticate` turns a bearer token into its viewer or raises Unauthenticated. `origins` are those that browsers may call from
    besides the server's own, such as `https://app.example.org`. `max_body` is in bytes, `auth_seconds` bounds `authenticate`,
    `body_seconds` the time that a client takes to send its request.
    """

    def __init__(
        self,
        executor: Executor,
        authenticate: Callable[[str], Awaitable[Viewer]],
        *,
        origins: Collection[str] = (),
        max_body: int = MAX_BODY,
        auth_seconds: float = 10.0,
        body_seconds: float = 30.0,
    ) -> None:
        self._executor = executor
        self._authenticate = authenticate
        self._origins = {origin(text) for text in origins} - {None}
        self._max_body = max_body
        self._auth_seconds = auth_seconds
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS":
            await _respond(send, 204, b"", ALLOW + self._preflight(scope))
            return
        media = GRAPHQL_JSON
        try:
            media = self._media(scope)
            viewer = await self._viewer(scope)
            request = self._request(await self._body_in_time(scope, receive))
            answer = await self._run(request, viewer, receive)
            status, headers = _status(answer, media), []
        except HTTPError as error:
            answer, status, headers = refused_answer(error.refused), error.status, error.headers
        except Disconnected:
            return
        kind = (b"content-type", f"{media}; charset=utf-8".encode())
        await _respond(send, status, answer.body, [kind, *headers, *self._cors(scope)])

    def _media(self, scope: Scope) -> str:
        if scope["method"] != "POST":
            raise HTTPError(405, refusal(Code.BAD_REQUEST, "GraphQL is asked by POST here."), ALLOW)
        media = accepted(header(scope, "accept"))
        if media is None:
            raise HTTPError(406, refusal(Code.BAD_REQUEST, f"Answers are {GRAPHQL_JSON} or {LEGACY_JSON}: accept one of these."))
        if not is_json(header(scope, "content-type")):
            raise HTTPError(415, refusal(Code.BAD_REQUEST, "Send the request as `Content-Type: application/json`, in UTF-8."))
        return media

    async def _viewer(self, scope: Scope) -> Viewer:
        token = bearer(header(scope, "authorization"))
        try:
            async with asyncio.timeout(self._auth_seconds):
                if token:
                    return await self._authenticate(token)
            raise Unauthenticated("This needs an access token: send `Authorization: Bearer <token>`.")
        except Unauthenticated as error:
            challenge = b'Bearer realm="studiograph"' + (b', error="invalid_token"' if token else b"")
            raise HTTPError(401, refusal(Code.UNAUTHENTICATED, error.message), [(b"www-authenticate", challenge)]) from None
        except TimeoutError:
            raise HTTPError(503, refusal(Code.TIMEOUT, "The access token could not be checked in time. Try again.")) from None
        except Exception as error:  # noqa: BLE001 - whatever fails, the client gets an answer and an id
            raise HTTPError(500, masked_refusal(error)) from None

    async def _body_in_time(self, scope: Scope, receive: Receive) -> bytes:
        try:
            async with asyncio.timeout(self._body_seconds):
                return await self._body(scope, receive)
        except TimeoutError:
            raise HTTPError(408, refusal(Code.TIMEOUT, "The request did not arrive in time."), [(b"connection", b"close")]) from None

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Read no more than the limit, whatever the client announces."""
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
        refused = refusal(Code.LIMIT_EXCEEDED, f"The request's body may have at most {self._max_body} bytes.")
        return HTTPError(413, refused, [(b"connection", b"close")])

    def _request(self, body: bytes) -> OperationRequest:
        try:
            return parse_request(orjson.loads(body))
        except orjson.JSONDecodeError:
            raise HTTPError(400, refusal(Code.BAD_REQUEST, "The body is not JSON in UTF-8.")) from None
        except Refused as refused:
            raise HTTPError(STATUS[refused.code], refused) from None

    async def _run(self, request: OperationRequest, viewer: Viewer, receive: Receive) -> Answer:
        """A client that leaves takes its query with it (and not its mutation: `Executor.run`)."""
        running = asyncio.create_task(self._executor.run(request, viewer))
        watching = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait((running, watching), return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                return running.result()
            raise Disconnected
        finally:
            running.cancel()
            watching.cancel()

    def _cors(self, scope: Scope) -> Headers:
        if not self._origins:
            return []
        asked = header(scope, "origin")
        allowed = asked is not None and origin(asked) in self._origins
        return [(b"vary", b"Origin"), *([(b"access-control-allow-origin", asked.encode("latin-1"))] if asked and allowed else [])]

    def _preflight(self, scope: Scope) -> Headers:
        headers = self._cors(scope)
        if len(headers) < 2:
            return headers
        methods, names = (b"access-control-allow-methods", b"POST"), (b"access-control-allow-headers", CORS_HEADERS)
        return [*headers, methods, names, (b"access-control-max-age", CORS_SECONDS)]


def _status(answer: Answer, media: str) -> int:
    if media == LEGACY_JSON:
        return 200
    if answer.refused is not None:
        return STATUS[answer.refused]
    return PARTIAL if answer.has_errors else 200


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _respond(send: Send, status: int, body: bytes, headers: Headers) -> None:
    fixed = [
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *fixed]})
    await send({"type": "http.response.body", "body": body})
