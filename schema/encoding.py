"""Results to bytes: once per result, for all transports."""

from typing import Any

import orjson

# A dataclass among the values is a row that lost its type: better an error than its columns in the answer.
OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS


def encode(payload: Any) -> bytes:
    """JSON, UTF-8. Raises TypeError for what JSON or orjson cannot say (integers beyond 64 bits, lone surrogates)."""
    return orjson.dumps(payload, option=OPTIONS)
