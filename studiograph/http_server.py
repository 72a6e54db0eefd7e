"""Opens the listening socket, and serves an application on it with uvicorn."""

import asyncio
import errno
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from connect.port_limits import PortLimits
from connect.server_protocols import options
from studiograph.operator_errors import OperatorError
from studiograph.settings import Settings

BACKLOG = 1024
MIB = 1024 * 1024
UNACKNOWLEDGED_TIMEOUT_S = 60
"""How long sent data may stay unacknowledged before the kernel ends a connection. Without this limit a peer that stops reading keeps
its buffers for ever, even after the server closed the connection, since `close` waits for unsent data."""


def listen(host: str, port: int) -> socket.socket:
    """Opens the listening socket, so that the port is known before the application is built. Raises OperatorError where it is taken or
    not allowed."""
    try:
        return open_listener(host, port)
    except OSError as error:
        raise OperatorError(_advice(host, port, error)) from error


def open_listener(host: str, port: int) -> socket.socket:
    """Opens a listening socket. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; accepted connections inherit it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_TIMEOUT_S * 1000)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.listen(BACKLOG)
    listener.set_inheritable(False)
    return listener


def _advice(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken by another program. Choose another one: STUDIOGRAPH_PORT={port + 1}, or 0 for any free one."
    if error.errno == errno.EACCES:
        return f"this user may not listen on port {port}. Choose one above 1023: STUDIOGRAPH_PORT=8000."
    return f"cannot listen on {host}:{port}: {error.strerror or error}. Check STUDIOGRAPH_HOST."


class HttpServer(uvicorn.Server):
    """A uvicorn server that calls `on_ready` once it answers and `on_stop` before it closes, and leaves the process running at a signal."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None], on_stop: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends streams by their protocols before uvicorn closes the remaining connections."""
        await self._on_stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Lets SIGINT and SIGTERM end `serve` only. uvicorn would raise them again and so end the process before services are closed."""
        loop = asyncio.get_running_loop()
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signal_number, self.handle_exit, signal_number, None)
        try:
            yield
        finally:
            for signal_number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(signal_number)


def port_limits(settings: Settings) -> PortLimits:
    """Returns what the connections of a listening port share."""
    return PortLimits.of(settings.message_memory_mib * MIB, settings.anonymous_connections, settings.anonymous_connections_per_address)


def http_server(
    app: ASGIApp, settings: Settings, limits: PortLimits, on_ready: Callable[[], None], on_stop: Callable[[], Awaitable[None]]
) -> HttpServer:
    """Returns uvicorn with the limits of the data plane; `serve` takes the listening socket."""
    config = uvicorn.Config(
        app,
        **options(settings.docker_subnets, limits),
        loop="uvloop",
        lifespan="off",  # roles.py starts and closes the services
        log_config=None,
        access_log=settings.access_log,
        backlog=BACKLOG,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    return HttpServer(config, on_ready, on_stop)
