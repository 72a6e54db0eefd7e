"""Encodes results as JSON, once for all transports."""

from typing import Any

import orjson

# A dataclass among the values is a row without a GraphQL type: an error is better than its columns in the answer.
OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS


def encode(payload: Any) -> bytes:
    """Returns JSON in UTF-8. Raises TypeError for values that orjson cannot encode (integers beyond 64 bits, lone surrogates)."""
    return orjson.dumps(payload, option=OPTIONS)
