"""Health checks for supervisors and load balancers: `/livez` (the process answers) and `/readyz` (its database answers)."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from services.store import migrate

DATABASE_TIMEOUT_S = 3.0


INSTALLATION_HEADER = "X-Studiograph-Installation"
"""Tells `studiograph doctor` whose server answers at a port. The id is no secret: it is part of the names of cookies and containers."""


def routes(database_url: str, installation: str) -> list[BaseRoute]:
    """Returns the routes. `/readyz` answers 503, with the reason, while the database is away or lacks migrations."""

    async def live(_request: Request) -> Response:
        return PlainTextResponse("ok", headers={INSTALLATION_HEADER: installation})

    async def ready(_request: Request) -> Response:
        problem = await _database_problem(database_url)
        return JSONResponse({"ready": not problem, "database": problem or "ok"}, status_code=503 if problem else 200)

    return [Route("/livez", live, methods=["GET"]), Route("/readyz", ready, methods=["GET"])]


async def _database_problem(url: str) -> str | None:
    """Returns the problem, None without one. The text holds no address and no password, because anybody may request it."""
    try:
        async with asyncio.timeout(DATABASE_TIMEOUT_S):
            await migrate.check_current(url)
    except migrate.NoDatabase:
        return "does not answer"
    except migrate.SchemaError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever a driver raises means the same here
        return f"does not answer ({type(error).__name__})"
    return None
