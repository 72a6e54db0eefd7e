"""Parses the operation of a GET request from its query string."""

from typing import Any
from urllib.parse import parse_qsl

import orjson

from schema.request_errors import Code, OperationRejected, operation_rejected
from schema.requests import OperationRequest, parse_request
from schema.transport.http_errors import STATUS, HTTPError
from schema.transport.request_headers import Scope

MAX_QUERY_STRING_BYTES = 8 * 1024
"""What every client, proxy and server between here and there passes on. Longer requests are sent by POST."""
PARAMETERS = ("query", "operationName", "variables", "extensions")
JSON_PARAMETERS = ("variables", "extensions")


def parse_query_string(scope: Scope) -> OperationRequest:
    """Returns the request in the parameters; unknown ones are ignored. Raises HTTPError."""
    encoded: bytes = scope["query_string"]
    if len(encoded) > MAX_QUERY_STRING_BYTES:
        message = f"The query string may have at most {MAX_QUERY_STRING_BYTES} bytes. Send the request by POST."
        raise HTTPError(414, operation_rejected(Code.LIMIT_EXCEEDED, message))
    try:
        return parse_request(_properties(encoded))
    except OperationRejected as rejection:
        raise HTTPError(STATUS[rejection.code], rejection) from None
    except ValueError:
        raise HTTPError(400, operation_rejected(Code.BAD_REQUEST, "The query string is not a form in UTF-8.")) from None


def _properties(encoded: bytes) -> dict[str, Any]:
    """Raises OperationRejected with BAD_REQUEST, and ValueError for what is not UTF-8."""
    properties: dict[str, Any] = {}
    for name, text in parse_qsl(encoded.decode("ascii"), keep_blank_values=True, errors="strict"):
        if name not in PARAMETERS:
            continue
        if name in properties:
            raise operation_rejected(Code.BAD_REQUEST, f"`{name}` is given twice.")
        properties[name] = _json(name, text) if name in JSON_PARAMETERS else text
    properties["operationName"] = properties.get("operationName") or None
    return properties


def _json(name: str, text: str) -> Any:
    """An empty text stands for a parameter that is absent."""
    try:
        return orjson.loads(text) if text else None
    except orjson.JSONDecodeError:
        raise operation_rejected(Code.BAD_REQUEST, f"`{name}` is not JSON.") from None
