"""Running one process: what each role serves."""

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext

from services.store import migrate
from studiograph.http_server import http_server, listen
from studiograph.operator_errors import OperatorError
from studiograph.private_files import private_directory
from studiograph.serve_lock import only_server
from studiograph.settings import Role, Settings
from studiograph.shared_services import open_shared_services


async def serve(settings: Settings, role: Role, *, demo: bool) -> None:
    """Until a signal. Raises Refused, NewerDatabase or OutdatedDatabase for what the operator has to change."""
    _check(settings, role)
    private_directory(settings.data_dir)
    with _alone(settings) as note_address:
        await (migrate.upgrade(settings.database) if demo else migrate.check_current(settings.database))
        if role is Role.CONTROLLER:
            from studiograph.controller_role import control

            await control(settings)
            return
        with listen(settings.host, settings.port) as listener:
            port = listener.getsockname()[1]
            note_address(settings.public_address(port))
            await _serve_http(settings, role, listener, port, demo=demo)


def _alone(settings: Settings) -> AbstractContextManager[Callable[[str], None]]:
    """SQLite serves one process; with PostgreSQL several may share the directory."""
    return only_server(settings.data_dir) if settings.is_sqlite else nullcontext(lambda _address: None)


def _check(settings: Settings, role: Role) -> None:
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

            served = await build_proxy(core, settings, stack)
        else:
            from studiograph.api_role import build

            served = await build(core, settings, stack, with_controller=role is Role.ALL, demo=demo)
        server = http_server(served.asgi, settings, lambda: print("\n".join(served.announcement), flush=True), served.stop)  # noqa: T201
        await server.serve(sockets=[listener])
