"""Builds the services and the API application of a server from its settings, once and in order."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from resolvers.context import make_context
from schema.build import build_schema, core_schema
from schema.execution import Executor
from schema.transport.http import GraphQLHTTP
from schema.transport.stream_slots import StreamSlots
from schema.transport.streams import Streams
from schema.transport.websocket import GraphQLWebSocket
from services.checkpoints.commands import Checkpoints
from services.commands import INPUT_KEY, CommandRunner
from services.connections.connect_codes import ConnectCodes
from services.identity.members import Members
from services.identity.people import People
from services.identity.tokens import Tokens
from services.runtime import metrics
from services.services import Services
from services.studios.studios import Studios
from services.templates.management import TemplateManagement
from services.workspaces.commands import WorkspaceCommands
from studiograph import pages
from studiograph.compute_factories import conda_images, recipe_book
from studiograph.pages import fallbacks
from studiograph.pages.fallbacks import BrowserEntry, NotFound
from studiograph.settings import Settings
from studiograph.shared_services import SharedServices
from studiograph.web import health
from studiograph.web import metrics as web_metrics
from studiograph.web.security_headers import SecurityHeaders


def build_services(core: SharedServices, settings: Settings, stack: AsyncExitStack) -> Services:
    """Builds the services that resolvers and the data plane call."""
    runner = CommandRunner(core.database, core.box.derived_key(INPUT_KEY))
    tokens = Tokens(core.database, runner)
    stack.push_async_callback(tokens.close)
    return Services(
        database=core.database,
        wakeups=core.wakeups,
        runner=runner,
        tokens=tokens,
        members=Members(core.database, runner, one_user=settings.process_compute),
        people=People(runner),
        studios=Studios(runner, core.policy, core.box, core.installation, core.wakeups, conda_images(settings)),
        checkpoints=Checkpoints(runner, core.policy),
        templates=TemplateManagement(runner, recipe_book(settings)),
        workspaces=WorkspaceCommands(runner, core.policy),
        broker=core.broker,
        revocation_watcher=core.revocation_watcher,
        stats_feed=core.stats_feed,
        output_signals=core.output_signals,
        connect_codes=ConnectCodes(core.database, core.addresses),
        presence=core.presence,
        addresses=core.addresses,
        policy=core.policy,
    )


@dataclass(frozen=True, slots=True)
class Application:
    """The API's ASGI application; `stop` ends its open streams before the server closes."""

    asgi: ASGIApp
    stop: Callable[[], Awaitable[None]]


def build_api(core: SharedServices, services: Services, settings: Settings, stack: AsyncExitStack) -> Application:
    """Builds the GraphQL, page, health and metrics routes: everything on the API's origin except the routes of `connect`."""
    executor = Executor(core_schema(build_schema()), partial(make_context, services), suggestions=True)
    stack.push_async_callback(executor.close, settings.shutdown_seconds)
    slots = StreamSlots(services.tokens.authenticate, core.revocation_watcher.token_ended)
    streams = Streams(executor, slots)
    http = GraphQLHTTP(executor, services.tokens.authenticate, streams)
    origins = [core.addresses.api_origin]  # behind a proxy that ends TLS, the connection's own scheme is not the page's
    socket = GraphQLWebSocket(executor, slots, origins=origins)
    core.exposition.read_at_scrape(metrics.SEND_QUEUE_BYTES, lambda: socket.queued_bytes + streams.queued_bytes)
    links = fallbacks.links(page=settings.page, explorer=settings.explorer)
    routes: list[BaseRoute] = [
        Route("/graphql", BrowserEntry(http, links), methods=None),
        WebSocketRoute("/graphql", socket),
        *health.routes(settings.database, core.installation),
        *web_metrics.routes(core.exposition, core.database, services.tokens.authenticate),
        *pages.routes(page=settings.page, explorer=settings.explorer),
    ]

    async def stop() -> None:
        await asyncio.gather(socket.close(), streams.close())

    api = Starlette(routes=routes)
    api.router.default = NotFound(links)
    return Application(SecurityHeaders(api, https=core.addresses.secure), stop)
