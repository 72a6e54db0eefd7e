"""Answers browsers at addresses without a page of their own, with links to the pages that there are."""

from collections.abc import Sequence
from html import escape

from starlette.types import ASGIApp, Receive, Scope, Send

from connect import pages
from connect.requests import Request
from connect.responses import COMMON_HEADERS, Response, redirect

HOME_PATH = "/"
EXPLORER_PATH = "/explore"
Links = Sequence[tuple[str, str]]
"""(path, text) of each page that is enabled."""


def links(*, page: bool, explorer: bool) -> Links:
    """Returns the links to the pages that are enabled."""
    home, explore = (HOME_PATH, "All Studios"), (EXPLORER_PATH, "Explore the API")
    return [*([home] if page else []), *([explore] if explorer else [])]


class NotFound:
    """An ASGI application that answers what no route answers: browsers with a page, programs with one line of text."""

    def __init__(self, links: Links) -> None:
        self._links = links

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await _text(404, "There is no WebSocket at this path. That of the API is at /graphql.").deny(send)
            return
        request = Request(scope)
        await self._answer(request).send(send, head=request.method == "HEAD")

    def _answer(self, request: Request) -> Response:
        if not request.is_page_load:
            return _text(404, "There is nothing at this path. The API is at /graphql.")
        return _page(404, "There is no page at this address", "Check the address, or go on from here.", self._links)


class BrowserEntry:
    """An ASGI application that leads a browser which opens the address of the API to the explorer; `api` answers all other requests."""

    def __init__(self, api: ASGIApp, links: Links) -> None:
        self._api = api
        self._links = links

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        if request.is_navigation:
            await self._answer().send(send, head=request.method == "HEAD")
        else:
            await self._api(scope, receive, send)

    def _answer(self) -> Response:
        if any(path == EXPLORER_PATH for path, _ in self._links):
            return redirect(EXPLORER_PATH)
        advice = "Programs send it POST requests with an access token (Authorization: Bearer). There is no explorer on this server."
        return _page(200, "This is the address of the GraphQL API", advice, self._links)


def _page(status: int, title: str, advice: str, links: Links) -> Response:
    shown = "".join(f'<a class="button" href="{escape(path)}">{escape(text)}</a>' for path, text in links)
    content = f"<h1>{escape(title)}</h1><p>{escape(advice)}</p>" + (f'<div class="actions">{shown}</div>' if shown else "")
    return pages.page(status, f"{title} · Studiograph", content)


def _text(status: int, message: str) -> Response:
    return Response(status, f"{message}\n".encode(), COMMON_HEADERS)
