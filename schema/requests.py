"""What a client asks for: one operation, whatever transport carried it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schema.request_errors import Code, OperationRejected, refusal


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """A request as it came, its shape checked and nothing more."""

    query: str
    operation_name: str | None = None
    variables: Mapping[str, Any] | None = None
    extensions: Mapping[str, Any] | None = None


def parse_request(value: object) -> OperationRequest:
    """Read decoded JSON as a request. Unknown properties are ignored, as GraphQL over HTTP asks.

    Raises Refused with BAD_REQUEST, naming the property that is wrong.
    """
    if isinstance(value, list):
        raise _malformed("A request is one JSON object; several operations in one request are not supported.")
    if not isinstance(value, dict):
        raise _malformed("A request is a JSON object with the property `query`.")
    query = value.get("query")
    if not isinstance(query, str):
        raise _malformed("`query` must be a string: the text of a GraphQL document.")
    name = value.get("operationName")
    if name is not None and not isinstance(name, str):
        raise _malformed("`operationName` must be a string or null.")
    return OperationRequest(query, name, _mapping(value, "variables"), _mapping(value, "extensions"))


def _mapping(request: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    value = request.get(name)
    if value is not None and not isinstance(value, dict):
        raise _malformed(f"`{name}` must be an object or null.")
    return value


def _malformed(message: str) -> OperationRejected:
    return refusal(Code.BAD_REQUEST, message)
