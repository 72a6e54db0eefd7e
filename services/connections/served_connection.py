"""What an application tells the server about the connection that a request came on."""

from collections.abc import Mapping
from typing import Any, Protocol

CONNECTION_EXTENSION = "studiograph.connection"
"""The key of the connection in the `extensions` of an ASGI scope. Other servers than ours have none."""


class ServedConnection(Protocol):
    """A connection to the server's port. Those whose clients have not authenticated are bounded in number."""

    def authenticate(self) -> None:
        """Records that the client of the connection has authenticated."""


def authenticated(scope: Mapping[str, Any]) -> None:
    """Records that the client of the scope's connection has authenticated."""
    connection: ServedConnection | None = (scope.get("extensions") or {}).get(CONNECTION_EXTENSION)
    if connection is not None:
        connection.authenticate()
