"""Serves `/metrics`: the runs, failures and durations of this process's background loops, for Prometheus."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.runtime import metrics


def routes() -> list[BaseRoute]:
    """The route needs no token, as health does not: the names and counts of loops tell nothing about people or Studios."""
    return [Route("/metrics", _metrics, methods=["GET"])]


async def _metrics(_request: Request) -> Response:
    return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)
