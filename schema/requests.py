"""Parses the request for one operation, which is the same for all transports."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schema.request_errors import Code, OperationRejected, operation_rejected


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """A request whose properties have the right types. The document is not parsed yet."""

    query: str
    operation_name: str | None = None
    variables: Mapping[str, Any] | None = None
    extensions: Mapping[str, Any] | None = None


def parse_request(value: object) -> OperationRequest:
    """Returns the request in decoded JSON. Unknown properties are ignored, as GraphQL over HTTP demands.

    Raises OperationRejected with BAD_REQUEST, naming the property that is wrong, or with PERSISTED_QUERY_NOT_SUPPORTED: its message is what
    the clients of Apollo and urql compare, and they send the whole query then.
    """
    if isinstance(value, list):
        raise _malformed("A request is one JSON object; several operations in one request are not supported.")
    if not isinstance(value, dict):
        raise _malformed("A request is a JSON object with the property `query`.")
    query = value.get("query")
    if query is None and _is_persisted(value.get("extensions")):
        raise operation_rejected(Code.PERSISTED_QUERY_NOT_SUPPORTED, "PersistedQueryNotSupported")
    if not isinstance(query, str):
        raise _malformed("`query` must be a string: the text of a GraphQL document.")
    name = value.get("operationName")
    if name is not None and not isinstance(name, str):
        raise _malformed("`operationName` must be a string or null.")
    return OperationRequest(query, name, _mapping(value, "variables"), _mapping(value, "extensions"))


def _is_persisted(extensions: object) -> bool:
    """Returns whether the request names a persisted query by its hash instead of sending it (Apollo)."""
    return isinstance(extensions, dict) and "persistedQuery" in extensions


def _mapping(request: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    value = request.get(name)
    if value is not None and not isinstance(value, dict):
        raise _malformed(f"`{name}` must be an object or null.")
    return value


def _malformed(message: str) -> OperationRejected:
    return operation_rejected(Code.BAD_REQUEST, message)
