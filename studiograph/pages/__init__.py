"""The pages `/` and `/explore`: plain files, no build step. Everything they do, they do through the API."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

HERE = Path(__file__).parent
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# GraphiQL writes style elements and brings its fonts and icons as data.
EXPLORER_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def routes(*, page: bool, explorer: bool) -> list[BaseRoute]:
    """The routes of what is switched on."""
    found: list[BaseRoute] = []
    if page:
        found.append(Route("/", _home, methods=["GET"]))
    if explorer:
        found.append(Route("/explore", _explore, methods=["GET"]))
        found.append(Mount("/assets/vendor", StaticFiles(directory=HERE / "vendor")))
    if page or explorer:
        found.append(Mount("/assets", StaticFiles(directory=HERE / "assets")))
    return found


async def _home(_request: Request) -> Response:
    return _document("index.html", PAGE_POLICY)


async def _explore(_request: Request) -> Response:
    return _document("explore.html", EXPLORER_POLICY)


def _document(name: str, policy: str) -> Response:
    return FileResponse(HERE / name, headers={"Content-Security-Policy": policy, "Cache-Control": "no-cache"})
