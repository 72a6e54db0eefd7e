"""Reads the headers of HTTP requests and WebSocket upgrades."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
SCHEMES = {"ws": "http", "wss": "https"}
MAX_TOKEN_LENGTH = 1_024

Scope = Mapping[str, Any]


def header(scope: Scope, name: str) -> str | None:
    """Returns the value of a header (lower-case name). Several of one name are joined with commas (RFC 9110)."""
    encoded_name = name.encode()
    values = [value.decode("latin-1") for key, value in scope["headers"] if key == encoded_name]
    return ", ".join(values) if values else None


def bearer(value: object) -> str | None:
    """Returns the token of `Bearer <token>`; None for anything else."""
    if not isinstance(value, str) or len(value) > MAX_TOKEN_LENGTH:
        return None
    scheme, _, token = value.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def origin(text: str) -> tuple[str, str, int] | None:
    """Returns scheme, host and port of an `Origin`; None for `null` and for text that is not an origin."""
    try:
        parts = urlsplit(text)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or parts.path or parts.query or parts.fragment or parts.username:
        return None
    return parts.scheme, parts.hostname, port


def own_origin(scope: Scope) -> tuple[str, str, int] | None:
    """Returns the origin that the request was sent to, by its Host header and the scheme of the connection."""
    scheme = SCHEMES.get(scope["scheme"], scope["scheme"])
    return origin(f"{scheme}://{header(scope, 'host') or ''}")
