"""Counts and times the requests of a server's port, for `/metrics`."""

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.connections.addresses import Addresses
from services.runtime import metrics

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
ROUTES = {
    "": "page",
    "assets": "page",
    "explore": "page",
    "graphql": "graphql",
    "livez": "health",
    "readyz": "health",
    "metrics": "metrics",
    "connect": "login",
    "login": "login",
    "logout": "login",
}
"""The label of a path of the API's origin, by its first segment."""
ROUTE_LABELS = ("graphql", "health", "metrics", "page", "login", "session", OTHER)
CLASSES = {1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}
ACCEPTED, DENIED = "1xx", "4xx"
STARTS = {"http.response.start", "websocket.accept", "websocket.close", "websocket.http.response.start"}
"""The messages that begin a response. What comes later of them, as the close of an accepted WebSocket, begins none."""


class RequestMetrics:
    """ASGI middleware around all origins of a port. It looks at the first message of each response, and at nothing else."""

    def __init__(self, app: ASGIApp, addresses: Addresses) -> None:
        self._app = app
        self._addresses = addresses
        self._open = {route: metrics.HTTP_OPEN.labels(route) for route in ROUTE_LABELS}
        self._start_seconds = {route: metrics.HTTP_RESPONSE_START.labels(route) for route in ROUTE_LABELS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        route, method, started = self._route(scope), _method(scope), perf_counter()
        status: str | None = None

        async def counting(message: Message) -> None:
            nonlocal status
            if status is None and message["type"] in STARTS:
                status = _status(message)
                self._start_seconds[route].observe(perf_counter() - started)
                metrics.HTTP_REQUESTS.labels(route, method, status).inc()
            await send(message)

        try:
            with self._open[route].track_inprogress():
                await self._app(scope, receive, counting)
        finally:
            if status is None:
                metrics.HTTP_REQUESTS.labels(route, method, "none").inc()

    def _route(self, scope: Scope) -> str:
        host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
        if host != self._addresses.api_host and self._addresses.is_session_like(host):
            return "session"
        return ROUTES.get(scope["path"].split("/", 2)[1] if "/" in scope["path"] else OTHER, OTHER)


def _method(scope: Scope) -> str:
    if scope["type"] == "websocket":
        return "WEBSOCKET"
    return scope["method"] if scope["method"] in METHODS else OTHER


def _status(message: Message) -> str:
    if message["type"] == "websocket.accept":
        return ACCEPTED
    if message["type"] == "websocket.close":
        return DENIED
    return CLASSES.get(message["status"] // 100, OTHER)
