"""Routes of the pages `/` and `/explore`: static files without a build step, which use only the public API."""

from pathlib import Path
from string import Template

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from connect.reload_script import SCRIPT, SOURCE
from studiograph.pages.fallbacks import EXPLORER_PATH, HOME_PATH

HERE = Path(__file__).parent
PAGE_POLICY = (
    f"default-src 'none'; script-src 'self' {SOURCE}; style-src 'self'; img-src 'self' https: data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# GraphiQL writes style elements and brings its fonts and icons as data.
EXPLORER_POLICY = (
    f"default-src 'none'; script-src 'self' {SOURCE}; style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def routes(*, page: bool, explorer: bool) -> list[BaseRoute]:
    """Returns the routes of the pages that are enabled, and of what they load."""
    enabled: list[BaseRoute] = []
    if page:
        enabled.append(Route(HOME_PATH, _home, methods=["GET"]))
    if explorer:
        enabled.append(Route(EXPLORER_PATH, _explore, methods=["GET"]))
    if page or explorer:
        enabled.append(Mount("/assets/vendor", StaticFiles(directory=HERE / "vendor")))
        enabled.append(Mount("/assets", StaticFiles(directory=HERE / "assets")))
    return enabled


async def _home(_request: Request) -> Response:
    return _document("index.html", PAGE_POLICY)


async def _explore(_request: Request) -> Response:
    return _document("explore.html", EXPLORER_POLICY)


def _document(name: str, policy: str) -> Response:
    text = Template((HERE / name).read_text("utf-8")).substitute(reload=SCRIPT)
    return HTMLResponse(text, headers={"Content-Security-Policy": policy, "Cache-Control": "no-cache"})
