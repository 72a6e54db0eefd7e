"""Serves `/metrics` for Prometheus to those who may see the whole installation (docs/metrics.md)."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from services.connections.served_connection import authenticated
from services.domain.access import AccessFacts, Permission, Viewer, decide
from services.domain.errors import DomainError, Forbidden, Unauthenticated
from services.runtime.metrics import CONTENT_TYPE
from services.store import members
from services.store.db.database import Database, DatabaseUnavailable
from studiograph.web.exposition import MetricsText

PATH = "/metrics"
AUTH_SECONDS = 10.0
"""How long the check of a token may take, as on the other routes of the API."""
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="studiograph"'}
CREDENTIAL_NEEDED = "Metrics need the access token of an owner of every workspace: send `Authorization: Bearer <token>`."
OWNERS_ONLY = (
    "Metrics describe the whole installation: the token must have the scope READ, and its user must be OWNER of every workspace. "
    "Or let Prometheus read them at an address of their own: STUDIOGRAPH_METRICS_ADDRESS."
)
UNAVAILABLE = "The database is not available at the moment, so that the access token cannot be checked."


def routes(exposition: MetricsText, database: Database, authenticate: Callable[[str], Awaitable[Viewer]]) -> list[BaseRoute]:
    """Returns the route on the server's port, which needs the token of an owner of all workspaces."""

    async def guarded(request: Request) -> Response:
        try:
            async with asyncio.timeout(AUTH_SECONDS):
                viewer = await authenticate(_token(request))
                authenticated(request.scope)
                await _require_owner(database, viewer)
        except Unauthenticated:
            return _error(401, Unauthenticated(CREDENTIAL_NEEDED), CHALLENGE)
        except Forbidden as error:
            return _error(403, error)
        except (DatabaseUnavailable, TimeoutError):
            return _answer(503, "SERVICE_UNAVAILABLE", UNAVAILABLE, {"Retry-After": "5"})
        return await _metrics(exposition)

    return [Route(PATH, guarded, methods=["GET"])]


def open_routes(exposition: MetricsText) -> list[BaseRoute]:
    """Returns the route on the address of metrics, which whoever reaches it may read."""

    async def metrics(_request: Request) -> Response:
        return await _metrics(exposition)

    return [Route(PATH, metrics, methods=["GET"])]


async def _metrics(exposition: MetricsText) -> Response:
    return Response(await exposition.text(), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})


async def _require_owner(database: Database, viewer: Viewer) -> None:
    """Raises Forbidden for a viewer who does not own every workspace, or whose token lacks the scope."""
    async with database.read() as reader:
        role = await members.least_role(reader, viewer.user_id)
    if not decide(Permission.METRICS_READ, AccessFacts(role, viewer.scopes)).is_allowed:
        raise Forbidden(OWNERS_ONLY)


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _error(status: int, error: DomainError, headers: dict[str, str] | None = None) -> Response:
    return _answer(status, error.code, error.message, headers)


def _answer(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    """Returns an error in the form of GraphQL's, as on the other routes of the API."""
    body = {"errors": [{"message": message, "extensions": {"code": code}}]}
    return JSONResponse(body, status_code=status, headers={"Cache-Control": "no-store", **(headers or {})})
