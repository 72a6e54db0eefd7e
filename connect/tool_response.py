"""Reads the response of a tool within limits (RFC 9112). The parser is llhttp, in its strict mode."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httptools

from connect.requests import Headers
from connect.tool_connection import ToolConnection, ToolConnectionLost

MAX_HEAD_BYTES = 65536
"""The size of a status line with its headers and all interim responses before it; also of what a chunked body has beside its content."""
MAX_HEADER_COUNT = 128
MAX_INTERIM_RESPONSES = 64
"""The number of responses such as 102 and 103 before the final one. Tools that report progress send one every few seconds."""
PARSED_BYTES = 65536
"""The bytes that are parsed at once, so that a flood of tiny chunks leaves the event loop to others in between."""
BODILESS_STATUSES = frozenset({204, 304})


class BadResponse(Exception):
    """What the tool sent is not an HTTP response, or exceeds a limit."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The status and headers of a response, with lower-case names and values as they came."""

    status: int
    headers: Headers


class ResponseParser:
    """Parses one response to a request of `method`. Only with `upgrade` may the tool switch protocols (101)."""

    def __init__(self, method: str, *, upgrade: bool = False) -> None:
        self.head: ResponseHead | None = None
        self.is_complete = False
        self.is_reusable = True
        self.rest = b""
        """What followed the head of a 101 response in the bytes that were fed."""
        self._method = method
        self._upgrade = upgrade
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)
        self._headers: Headers = []
        self._interim = 0
        self._bytes_without_body = 0
        self._ends_with_connection = False
        self._body: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Parses the next bytes. Raises BadResponse."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.rest = data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            if not self.is_complete:
                raise BadResponse(str(error.__context__ or error)) from error
            self.is_reusable = False
        self._bytes_without_body = 0 if self._body else self._bytes_without_body + len(data)
        if self._bytes_without_body > MAX_HEAD_BYTES and not (self.is_complete or self.rest):
            raise BadResponse(f"more than {MAX_HEAD_BYTES} bytes of headers")

    def feed_end(self) -> None:
        """Ends a body that lasts as long as the connection. Raises ToolConnectionLost for any other."""
        self.is_reusable = False
        if not self._ends_with_connection:
            raise ToolConnectionLost("the tool closed the connection before its response was complete")
        self.is_complete = True

    def take_body(self) -> bytes:
        """Returns the parsed bytes of the body that were not taken yet."""
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body = []
        return body

    def on_message_begin(self) -> None:
        if self.is_complete:
            self.is_reusable = False  # the start of a response that nobody asked for

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head is not None:
            return  # a trailer, which is not forwarded
        if len(self._headers) >= MAX_HEADER_COUNT:
            raise BadResponse(f"more than {MAX_HEADER_COUNT} headers")
        self._headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        if self.head is not None:
            return
        status = self._parser.get_status_code()
        if status == 101 and not (self._upgrade and self._parser.should_upgrade()):
            raise BadResponse("it switches protocols unasked")
        if 100 <= status < 200 and status != 101:
            self._skip_interim()
            return
        if status < 100:
            raise BadResponse(f"its status is {status}")
        self.head = ResponseHead(status, self._headers)
        self.is_reusable = self._parser.should_keep_alive()
        self._ends_with_connection = self._has_open_end(status)
        self.is_complete = self._method == "HEAD"

    def on_body(self, body: bytes) -> None:
        if self.is_complete:
            self.is_reusable = False
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        self.is_complete = self.head is not None

    def _skip_interim(self) -> None:
        self._headers = []
        self._interim += 1
        if self._interim > MAX_INTERIM_RESPONSES:
            raise BadResponse(f"more than {MAX_INTERIM_RESPONSES} interim responses")

    def _has_open_end(self, status: int) -> bool:
        names = {name for name, _ in self._headers}
        codings = [value.strip().lower() for name, value in self._headers if name == b"transfer-encoding"]
        if codings not in ([], [b"chunked"]):
            raise BadResponse("its transfer coding is not chunked")
        return status not in BODILESS_STATUSES and not names & {b"content-length", b"transfer-encoding"}


class ToolResponse:
    """Reads one response from a connection. Every method raises BadResponse and ToolConnectionLost."""

    def __init__(self, connection: ToolConnection, parser: ResponseParser) -> None:
        self._connection = connection
        self._parser = parser
        self._unparsed = b""
        self.has_begun = False

    @property
    def is_reusable(self) -> bool:
        """Whether the response is complete, and the connection may serve another request."""
        return self._parser.is_complete and self._parser.is_reusable and not self._unparsed

    @property
    def rest(self) -> bytes:
        """What has come after the head of a 101 response: bytes of the new protocol."""
        return self._parser.rest + self._unparsed

    async def head(self) -> ResponseHead:
        """Returns status and headers of the final response; interim responses are dropped."""
        while self._parser.head is None:
            await self._advance()
        return self._parser.head

    async def body(self) -> AsyncIterator[bytes]:
        """Yields the body as it comes."""
        while True:
            piece = self._parser.take_body()
            if piece:
                yield piece
            if self._parser.is_complete:
                return
            await self._advance()

    async def _advance(self) -> None:
        if self._unparsed:
            await asyncio.sleep(0)
        else:
            self._unparsed = await self._connection.read()
            self.has_begun = self.has_begun or bool(self._unparsed)
            if not self._unparsed:
                self._parser.feed_end()
        data, self._unparsed = self._unparsed[:PARSED_BYTES], self._unparsed[PARSED_BYTES:]
        if data:
            self._parser.feed(data)
