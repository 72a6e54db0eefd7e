"""The messages of graphql-transport-ws, read strictly and written once.

Rules: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import orjson

from schema.encoding import encode
from schema.request_errors import OperationRejected
from schema.requests import OperationRequest, parse_request

SUBPROTOCOL = "graphql-transport-ws"
MAX_ID_LENGTH = 256
MAX_REASON_BYTES = 123
"""A control frame carries 125 bytes, two of them the code."""


class Close(IntEnum):
    """Why a socket is closed. graphql-ws's client tries again after 1012, 1013, 4403 and 4408, and after no other of these."""

    TOO_BIG = 1009
    RESTART = 1012
    TRY_LATER = 1013
    BAD_MESSAGE = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    BAD_SUBPROTOCOL = 4406
    INIT_TIMEOUT = 4408
    DUPLICATE_ID = 4409
    DUPLICATE_INIT = 4429


class CloseFrame(Exception):
    """The socket must be closed with this code and reason."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")


@dataclass(frozen=True, slots=True)
class Message:
    """A message whose shape is what its type demands."""

    type: str
    id: str = ""
    payload: dict[str, Any] | None = None
    request: OperationRequest | None = None


def read(text: str) -> Message:
    """Raises Closing with 4400 and what is wrong."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _bad("The message is not JSON.") from None
    if not isinstance(value, dict):
        raise _bad("A message is a JSON object.")
    match value.get("type"):
        case "connection_init" | "ping" | "pong" as kind:
            return Message(kind, payload=_optional_object(value, kind))
        case "subscribe":
            return Message("subscribe", _id(value), request=_request(value))
        case "complete":
            return Message("complete", _id(value))
        case kind:
            raise _bad(f"Unknown message type {str(kind)[:80]!r}.")


def simple(kind: str, payload: Any = None) -> bytes:
    """`connection_ack`, `ping` or `pong`."""
    return encode({"type": kind} if payload is None else {"type": kind, "payload": payload})


def encoded_id(identifier: str) -> bytes:
    """The id as JSON, once for all messages of an operation."""
    return encode(identifier)


def next_(identifier: bytes, payload: bytes) -> bytes:
    """A `next` around an encoded payload, which any number of subscribers may share."""
    return b'{"id":%b,"type":"next","payload":%b}' % (identifier, payload)


def error(identifier: bytes, refused: OperationRejected) -> bytes:
    """The operation did not begin."""
    return b'{"id":%b,"type":"error","payload":%b}' % (identifier, encode(refused.errors))


def complete(identifier: bytes) -> bytes:
    """Nothing more follows for this id."""
    return b'{"id":%b,"type":"complete"}' % identifier


def _bad(reason: str) -> CloseFrame:
    return CloseFrame(Close.BAD_MESSAGE, reason)


def _optional_object(value: dict[str, Any], kind: str) -> dict[str, Any] | None:
    payload = value.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise _bad(f"The payload of {kind} must be an object.")
    return payload


def _id(value: dict[str, Any]) -> str:
    identifier = value.get("id")
    if not isinstance(identifier, str) or not identifier or len(identifier) > MAX_ID_LENGTH:
        raise _bad(f"`id` must be a string of 1 to {MAX_ID_LENGTH} characters.")
    return identifier


def _request(value: dict[str, Any]) -> OperationRequest:
    try:
        return parse_request(value.get("payload"))
    except OperationRejected as refused:
        raise _bad(refused.errors[0]["message"]) from None
