"""Serves GraphQL over HTTP: one operation per GET or POST, answered by one response or by a stream of payloads in one.

Follows the draft of August 2026 (https://github.com/graphql/graphql-over-http): `application/graphql-response+json` carries the
full range of status codes; clients that accept only `application/json` get 200 for every well-formed request, unless the database is away.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

from graphql import OperationType

from schema.execution import Executor
from schema.execution_results import Answer, rejected_answer
from schema.request_errors import Code, operation_rejected
from schema.requests import OperationRequest
from schema.transport.accept import EVENT_STREAM, GRAPHQL_JSON, LEGACY_JSON, MULTIPART, accepted, is_json, streamed
from schema.transport.framing import Framing
from schema.transport.http_errors import RETRY_AFTER, STATUS, Disconnected, Headers, HTTPError
from schema.transport.multipart import MULTIPART_SUBSCRIPTION
from schema.transport.request_headers import Scope, header, origin
from schema.transport.request_reader import RequestReader
from schema.transport.sse import SSE
from schema.transport.streams import Streams, disconnected
from services.domain.access import Viewer

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 100 * 1024
PARTIAL = 294
ALLOW = [(b"allow", b"GET, POST, OPTIONS")]
ALLOW_POST = [(b"allow", b"POST")]
CORS_HEADERS = b"authorization, content-type, accept"
CORS_SECONDS = b"600"
FRAMINGS = {EVENT_STREAM: SSE, MULTIPART: MULTIPART_SUBSCRIPTION}
NOT_ACCEPTABLE = (
    f"Answers are {GRAPHQL_JSON} or {LEGACY_JSON}, streams {EVENT_STREAM} or multipart/mixed;subscriptionSpec=1.0: accept one of these."
)


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
        streams: Streams,
        *,
        origins: Collection[str] = (),
        max_body: int = MAX_BODY,
        auth_seconds: float = 10.0,
        body_seconds: float = 30.0,
    ) -> None:
        self._executor = executor
        self._streams = streams
        self._origins = {origin(text) for text in origins} - {None}
        self._request_reader = RequestReader(authenticate, max_body=max_body, auth_seconds=auth_seconds, body_seconds=body_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS":
            await _respond(send, 204, b"", ALLOW + self._preflight(scope))
            return
        media: str | None = None
        try:
            media, framing = _response_types(scope)
            viewer = await self._request_reader.viewer(scope)
            request = await self._request_reader.request(scope, receive)
            kind = self._executor.operation_type(request)
            if scope["method"] == "GET" and kind is OperationType.MUTATION:
                raise HTTPError(405, operation_rejected(Code.BAD_REQUEST, "Send mutations by POST."), ALLOW_POST)
            if framing and (media is None or kind is OperationType.SUBSCRIPTION):
                await self._streams.serve(framing, request, viewer, receive, send, self._cors(scope))
                return
            answer = await self._run(request, viewer, receive)
            status, headers = _status(answer, media), []
        except HTTPError as error:
            answer, status, headers = rejected_answer(error.rejection), error.status, error.headers
        except Disconnected:
            return
        if answer.rejection_code is Code.SERVICE_UNAVAILABLE:
            headers = [*headers, *RETRY_AFTER]
        content_type = (b"content-type", f"{media or GRAPHQL_JSON}; charset=utf-8".encode())
        await _respond(send, status, answer.body, [content_type, *headers, *self._cors(scope)])

    async def _run(self, request: OperationRequest, viewer: Viewer, receive: Receive) -> Answer:
        """Returns the answer. If the client disconnects, its query is cancelled; a mutation goes on (`Executor.run`)."""
        execution = asyncio.create_task(self._executor.run(request, viewer))
        disconnection = asyncio.create_task(disconnected(receive))
        try:
            await asyncio.wait((execution, disconnection), return_when=asyncio.FIRST_COMPLETED)
            if execution.done():
                return execution.result()
            raise Disconnected
        finally:
            execution.cancel()
            disconnection.cancel()

    def _cors(self, scope: Scope) -> Headers:
        if not self._origins:
            return []
        sent = header(scope, "origin")
        allowed = sent is not None and origin(sent) in self._origins
        return [(b"vary", b"Origin"), *([(b"access-control-allow-origin", sent.encode("latin-1"))] if sent and allowed else [])]

    def _preflight(self, scope: Scope) -> Headers:
        headers = self._cors(scope)
        if len(headers) < 2:
            return headers
        methods, names = (b"access-control-allow-methods", b"GET, POST"), (b"access-control-allow-headers", CORS_HEADERS)
        return [*headers, methods, names, (b"access-control-max-age", CORS_SECONDS)]


def _response_types(scope: Scope) -> tuple[str | None, Framing | None]:
    """Returns the media type of a single answer and the framing of a stream, as far as the client accepts them. Raises HTTPError."""
    if scope["method"] not in ("GET", "POST"):
        raise HTTPError(405, operation_rejected(Code.BAD_REQUEST, "Send the GraphQL request by POST, or a query by GET."), ALLOW)
    accept = header(scope, "accept")
    media, stream = accepted(accept), streamed(accept)
    if media is None and stream is None:
        raise HTTPError(406, operation_rejected(Code.BAD_REQUEST, NOT_ACCEPTABLE))
    if scope["method"] == "POST" and not is_json(header(scope, "content-type")):
        raise HTTPError(415, operation_rejected(Code.BAD_REQUEST, "Send the request as `Content-Type: application/json`, in UTF-8."))
    return media, FRAMINGS[stream] if stream else None


def _status(answer: Answer, media: str | None) -> int:
    if media == LEGACY_JSON and answer.rejection_code is not Code.SERVICE_UNAVAILABLE:
        return 200
    if answer.rejection_code is not None:
        return STATUS[answer.rejection_code]
    return PARTIAL if answer.has_errors else 200


async def _respond(send: Send, status: int, body: bytes, headers: Headers) -> None:
    fixed = [
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *fixed]})
    await send({"type": "http.response.body", "body": body})
