"""The socket and the HTTP server under the application."""

import asyncio
import errno
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from connect.server_protocols import options
from studiograph.operator_errors import OperatorError
from studiograph.settings import Settings

BACKLOG = 1024
UNREAD_SECONDS = 60
"""What was sent and not taken for so long ends a connection: otherwise a peer that stops reading keeps its buffers for ever, even
after we closed (`close` waits for what is unsent)."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that the port is known before the application is built. Raises Refused when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; accepted connections inherit it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OperatorError(_advice(host, port, error)) from error
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
    """Tells when it really answers, and leaves what comes after it, the closing of our services, to us."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None], on_stop: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Streams are ended with words of ours before uvicorn closes what is left."""
        await self._on_stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM end `serve`, and do nothing more: uvicorn would raise them again, and so end the process at once."""
        loop = asyncio.get_running_loop()
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signal_number, self.handle_exit, signal_number, None)
        try:
            yield
        finally:
            for signal_number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(signal_number)


def http_server(app: ASGIApp, settings: Settings, on_ready: Callable[[], None], on_stop: Callable[[], Awaitable[None]]) -> HttpServer:
    """uvicorn with our limits; the listening socket is given to `serve`."""
    config = uvicorn.Config(
        app,
        **options(settings.docker_subnets),
        loop="uvloop",
        lifespan="off",  # roles.py starts and closes the services
        log_config=None,
        access_log=settings.access_log,
        backlog=BACKLOG,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    return HttpServer(config, on_ready, on_stop)
