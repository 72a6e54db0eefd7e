"""A server as three processes: `--role api`, `controller` and `proxy` over one database."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.server import Server, end_sessions, seed


@asynccontextmanager
async def three_roles(
    directory: Path, database_url: str, controller_settings: dict[str, str] | None = None
) -> AsyncIterator[tuple[Server, Server, Server]]:
    """api, controller, proxy; the proxy first, since the others must know its port."""
    world = await seed(database_url)
    (directory / "proxy").mkdir()
    (directory / "controller").mkdir()
    shared = {"data_dir": str(directory / "shared"), "secret_key": "3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}
    async with AsyncExitStack() as stack:
        proxy = Server(directory / "proxy", database_url, world, dict(shared), role="proxy")
        stack.push_async_callback(_end, proxy)
        await proxy.start()
        shared["connect_domain"] = f"localhost:{proxy.port}"
        api = Server(directory, database_url, world, shared, role="api")
        controller = Server(directory / "controller", database_url, world, {**shared, **(controller_settings or {})}, role="controller")
        for server in (api, controller):
            stack.push_async_callback(_end, server)
            await server.start()
        yield api, controller, proxy
    end_sessions(directory)


async def _end(server: Server) -> None:
    await server.stop()
    await server.http.aclose()
