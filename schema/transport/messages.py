"""Reads and writes the messages of graphql-transport-ws.

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
    """The codes with which sockets are closed. The client graphql-ws retries after 1012, 1013, 4403 and 4408 only."""

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
    """The close of a socket, with its code and reason. Raised where the protocol demands it."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")


@dataclass(frozen=True, slots=True)
class Message:
    """A valid message of a client."""

    type: str
    id: str = ""
    payload: dict[str, Any] | None = None
    request: OperationRequest | None = None


def read(text: str) -> Message:
    """Returns the message. Raises CloseFrame with 4400 and what is wrong."""
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
    """Returns a `connection_ack`, `ping` or `pong`."""
    return encode({"type": kind} if payload is None else {"type": kind, "payload": payload})


def encoded_id(identifier: str) -> bytes:
    """Returns the id as JSON, for all messages of an operation."""
    return encode(identifier)


def next_(identifier: bytes, payload: bytes) -> bytes:
    """Returns a `next` with an encoded payload, which several subscribers may share."""
    return b'{"id":%b,"type":"next","payload":%b}' % (identifier, payload)


def error(identifier: bytes, rejection: OperationRejected) -> bytes:
    """Returns an `error`: the operation did not begin."""
    return b'{"id":%b,"type":"error","payload":%b}' % (identifier, encode(rejection.errors))


def complete(identifier: bytes) -> bytes:
    """Returns a `complete`: no message follows for this id."""
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
    except OperationRejected as rejection:
        raise _bad(rejection.errors[0]["message"]) from None
