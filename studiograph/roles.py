"""Running one process: what each role serves."""

import socket
from contextlib import AsyncExitStack

from services.store import migrate
from studiograph.listening import http_server, listen
from studiograph.refusals import Refused
from studiograph.secrets import private_directory
from studiograph.settings import Role, Settings


async def serve(settings: Settings, role: Role, *, demo: bool) -> None:
    """Until a signal. Raises Refused, NewerDatabase or OutdatedDatabase for what the operator has to change."""
    _check(settings, role)
    private_directory(settings.data_dir)
    await (migrate.upgrade(settings.database) if demo else migrate.check_current(settings.database))
    if role is Role.CONTROLLER:
        from studiograph.controlling import control

        await control(settings)
        return
    with listen(settings.host, settings.port) as listener:
        await _serve_http(settings, role, listener, demo=demo)


def _check(settings: Settings, role: Role) -> None:
    if settings.is_sqlite and role is not Role.ALL:
        raise Refused(
            f"`--role {role.value}` means several processes, and SQLite serves one. Set STUDIOGRAPH_DATABASE_URL to a PostgreSQL database "
            "(postgresql://user@host/name), or serve with `--role all`."
        )


async def _serve_http(settings: Settings, role: Role, listener: socket.socket, *, demo: bool) -> None:
    port = listener.getsockname()[1]
    async with AsyncExitStack() as stack:
        if role is Role.PROXY:
            from studiograph.proxying import build_proxy

            app = await build_proxy(settings, port, stack)
            announce = [f"Studiograph's proxy listens on {settings.host}:{port} for the sessions of *.{settings.connect_address(port)}"]
        else:
            from studiograph.app import build

            app, announce = await build(settings, port, stack, with_controller=role is Role.ALL, demo=demo)
        server = http_server(app, settings, lambda: print("\n".join(announce), flush=True))  # noqa: T201 - what the operator waits for
        await server.serve(sockets=[listener])
