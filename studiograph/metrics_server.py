"""Serves `/metrics` without a token on an address of its own: of every role, also of the controller's, which serves nothing else."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import uvicorn
from starlette.applications import Starlette

from connect.port_limits import PortLimits
from connect.server_protocols import options
from studiograph.http_server import open_listener
from studiograph.operator_errors import OperatorError
from studiograph.settings import Settings
from studiograph.web import metrics
from studiograph.web.exposition import MetricsText

MAX_CONNECTIONS = 100
"""Those of a few monitoring systems: nobody authenticates here, so that this bounds all connections."""
CLOSE_SECONDS = 1


async def serve_metrics(exposition: MetricsText, settings: Settings, stack: AsyncExitStack) -> None:
    """Serves at the settings' METRICS_ADDRESS, if there is one, until the stack is closed. Raises OperatorError if it is taken."""
    if not settings.metrics_address:
        return
    host, _, port = settings.metrics_address.rpartition(":")
    try:
        listener = stack.enter_context(open_listener(host.strip("[]"), int(port)))
    except OSError as error:
        reason = f"cannot listen on {settings.metrics_address}: {error.strerror or error}"
        raise OperatorError(f"{reason}. Check STUDIOGRAPH_METRICS_ADDRESS.") from error
    server = _MetricsServer(_config(exposition, settings))
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="metrics server")
    stack.push_async_callback(_end, server, serving)


def _config(exposition: MetricsText, settings: Settings) -> uvicorn.Config:
    """The limits of time and size are those of the server's port, and sessions' subnets are dropped here, too."""
    limits = PortLimits.of(settings.message_memory_mib, MAX_CONNECTIONS, MAX_CONNECTIONS)
    return uvicorn.Config(
        Starlette(routes=metrics.open_routes(exposition)),
        **options(settings.docker_subnets, limits),
        lifespan="off",
        log_config=None,
        access_log=settings.access_log,
        timeout_graceful_shutdown=CLOSE_SECONDS,
    )


class _MetricsServer(uvicorn.Server):
    """A server beside the process's main one, which alone handles signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _end(server: _MetricsServer, serving: "asyncio.Task[None]") -> None:
    server.should_exit = True
    await serving
