"""Builds the data plane of a server, alone (role `proxy`) or beside the API. Imports neither schema nor resolvers."""

from contextlib import AsyncExitStack

from starlette.applications import Starlette
from starlette.types import ASGIApp

from connect.app import ConnectApp, Dispatcher
from services.commands import CommandRunner
from services.connections.connect_codes import ConnectCodes
from services.identity.tokens import Tokens
from services.runtime.metrics import PROXY_EXCHANGES
from studiograph.http_app import HttpApp
from studiograph.settings import Settings
from studiograph.shared_services import SharedServices
from studiograph.web import health, metrics
from studiograph.web.security_headers import SecurityHeaders


async def build_data_plane(core: SharedServices, tokens: Tokens, codes: ConnectCodes, api: ASGIApp, stack: AsyncExitStack) -> Dispatcher:
    """Builds and starts the dispatcher of all origins: sessions, logins, and `api` for the rest. Closed with the stack."""
    connect = ConnectApp(
        database=core.database,
        broker=core.broker,
        presence=core.presence,
        addresses=core.addresses,
        codes=codes,
        authenticate=tokens.authenticate,
        installation_id=core.installation,
        keys=[core.key],
    )
    await core.presence.start()
    stack.push_async_callback(core.presence.close)
    await connect.start()
    stack.push_async_callback(connect.close)
    core.exposition.read_at_scrape(PROXY_EXCHANGES, lambda: connect.upstreams.exchanges)
    return Dispatcher(connect, api)


async def build_proxy(core: SharedServices, settings: Settings, stack: AsyncExitStack) -> HttpApp:
    """Builds the application of the role `proxy`, without GraphQL."""
    tokens = Tokens(core.database, CommandRunner(core.database))
    stack.push_async_callback(tokens.close)
    routes = [*health.routes(settings.database, core.installation), *metrics.routes(core.exposition, core.database, tokens.authenticate)]
    rest = SecurityHeaders(Starlette(routes=routes), https=core.addresses.secure)
    plane = await build_data_plane(core, tokens, ConnectCodes(core.database, core.addresses), rest, stack)
    return HttpApp(plane, plane.end_streams, [f"Studiograph's proxy serves the sessions at {core.addresses.shell_origin('<id>')}"])
