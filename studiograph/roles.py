"""Runs one server process in its role: all, api, controller or proxy."""

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext

from services.runtime import metrics
from services.store import migrate
from studiograph.http_server import http_server, listen, port_limits
from studiograph.metrics_server import serve_metrics
from studiograph.operator_errors import OperatorError
from studiograph.private_files import private_directory
from studiograph.serve_lock import hold_serve_lock
from studiograph.settings import Role, Settings
from studiograph.shared_services import open_shared_services
from studiograph.web.request_metrics import RequestMetrics


async def serve(settings: Settings, role: Role, *, demo: bool) -> None:
    """Serves until SIGINT or SIGTERM. Raises OperatorError, NewerDatabase or OutdatedDatabase for what the operator has to change."""
    _check_role(settings, role)
    private_directory(settings.data_dir)
    with _serve_lock(settings) as note_address:
        await (migrate.upgrade(settings.database) if demo else migrate.check_current(settings.database))
        if role is Role.CONTROLLER:
            from studiograph.controller_role import control

            await control(settings)
            return
        with listen(settings.host, settings.port) as listener:
            port = listener.getsockname()[1]
            note_address(settings.public_address(port))
            await _serve_http(settings, role, listener, port, demo=demo)


def _serve_lock(settings: Settings) -> AbstractContextManager[Callable[[str], None]]:
    """Returns the lock of the data directory with SQLite, which serves one process. With PostgreSQL several may share the directory."""
    return hold_serve_lock(settings.data_dir) if settings.is_sqlite else nullcontext(lambda _address: None)


def _check_role(settings: Settings, role: Role) -> None:
    if settings.is_sqlite and role is not Role.ALL:
        raise OperatorError(
            f"`--role {role.value}` means several processes, and SQLite serves one. Set STUDIOGRAPH_DATABASE_URL to a PostgreSQL database "
            "(postgresql://user@host/name), or serve with `--role all`."
        )


async def _serve_http(settings: Settings, role: Role, listener: socket.socket, port: int, *, demo: bool) -> None:
    async with AsyncExitStack() as stack:
        core = await open_shared_services(settings, port, stack)
        if role is Role.PROXY:
            from studiograph.proxy_role import build_proxy

            http_app = await build_proxy(core, settings, stack)
        else:
            from studiograph.api_role import build

            http_app = await build(core, settings, stack, with_controller=role is Role.ALL, demo=demo)
        await serve_metrics(core.exposition, settings, stack)
        limits, app = port_limits(settings), RequestMetrics(http_app.asgi, core.addresses)
        core.exposition.read_at_scrape(metrics.ANONYMOUS_CONNECTIONS, lambda: len(limits.anonymous))
        core.exposition.read_at_scrape(
            metrics.UNFINISHED_MESSAGE_BYTES, lambda: limits.messages.held_bytes + limits.unauthorized_messages.held_bytes
        )
        server = http_server(app, settings, limits, lambda: print("\n".join(http_app.startup_message), flush=True), http_app.stop)  # noqa: T201 - what the operator waits for
        await server.serve(sockets=[listener])
