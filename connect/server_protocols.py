"""The protocols and options of the server of a port: HTTP and WebSocket with their limits (docs/architecture.md#the-data-plane)."""

from ipaddress import IPv4Network
from typing import TypedDict

from connect.http_protocol import HttpProtocol
from connect.port_limits import PortLimits
from connect.websocket_protocol import MAX_MESSAGE_BYTES, WebSocketProtocol

PING_INTERVAL_S = 10.0


class ServerOptions(TypedDict):
    """The options of `uvicorn.Config` for a server of the data plane."""

    http: type[HttpProtocol]
    ws: type[WebSocketProtocol]
    ws_max_size: int
    ws_ping_interval: float
    ws_ping_timeout: float
    ws_per_message_deflate: bool
    server_header: bool
    date_header: bool
    proxy_headers: bool
    timeout_keep_alive: int


def options(sessions: IPv4Network | None, limits: PortLimits) -> ServerOptions:
    """Returns the options of a server whose connections share `limits`, and which drops connections from the subnets of sessions."""
    return ServerOptions(
        http=type("LimitedHttp", (HttpProtocol,), {"sessions": sessions, "limits": limits}),
        ws=type("LimitedWebSocket", (WebSocketProtocol,), {"limits": limits}),
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=PING_INTERVAL_S,
        ws_ping_timeout=PING_INTERVAL_S,
        ws_per_message_deflate=False,  # a proxy would unpack and pack every message again
        server_header=False,
        date_header=True,
        proxy_headers=False,  # decisions are made from raw values, never from what a header claims
        timeout_keep_alive=75,
    )
