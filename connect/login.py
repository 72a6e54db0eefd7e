"""Answers `/connect/<public id>`, `/login` and `/logout` on the API's origin.

Only these routes read the cookie of a browser's login (docs/architecture.md#the-data-plane).
"""

from datetime import datetime
from http import HTTPStatus
from urllib.parse import parse_qs, quote

from connect import access_errors, cookies, pages
from connect.access_errors import AccessError
from connect.authorization import NO_STUDIO, AccessSnapshot, right_refusal, status_refusal
from connect.authorization_cache import AuthorizationCache
from connect.cookies import CookieNames
from connect.requests import Receive, Request, Send
from connect.responses import Response, redirect
from services.connections.addresses import PUBLIC_ID, Addresses
from services.connections.connect_codes import ConnectCodes
from services.connections.paths import relative_path
from services.domain.access import Viewer
from services.domain.errors import DomainError, Unauthenticated
from services.identity.logins import LOGIN_LIFETIME, Logins

MAX_FORM_BYTES = 8192
MAX_FORM_FIELDS = 20
CONNECT_PREFIX = b"/connect/"


class LoginRoutes:
    """Answers the three paths. A GET changes nothing: it redirects or shows a page; only a form's POST signs in or out."""

    def __init__(
        self, addresses: Addresses, authorization_cache: AuthorizationCache, codes: ConnectCodes, logins: Logins, names: CookieNames
    ) -> None:
        self._addresses = addresses
        self._authorization_cache = authorization_cache
        self._codes = codes
        self._logins = logins
        self._names = names

    @staticmethod
    def handles(raw_path: bytes) -> bool:
        return raw_path in {b"/login", b"/logout"} or raw_path.startswith(CONNECT_PREFIX)

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        response = await self._answer(request, receive)
        await response.send(send, head=request.method == "HEAD")

    async def _answer(self, request: Request, receive: Receive) -> Response:
        problem = request.problem() or _embedded(request)
        if problem:
            return self._refused(problem)
        if request.method == "POST" and request.raw_path in {b"/login", b"/logout"}:
            return await self._post(request, receive)
        if request.method not in {"GET", "HEAD"}:
            return Response(HTTPStatus.METHOD_NOT_ALLOWED, b"", [(b"allow", b"GET, HEAD, POST")])
        if request.host != self._addresses.api_host:
            query = f"?{request.query.decode()}" if request.query else ""
            return redirect(f"{self._addresses.api_origin}{request.raw_path.decode()}{query}")
        if request.raw_path.startswith(CONNECT_PREFIX):
            return await self._connect(request)
        return await self._login(request)

    async def _connect(self, request: Request) -> Response:
        public_id = request.raw_path[len(CONNECT_PREFIX) :].decode()
        if not PUBLIC_ID.fullmatch(public_id):
            return self._refused(NO_STUDIO)
        path = relative_path(request.parameter("to"))
        login = await self._signed_in(request)
        if login is None:
            return redirect(_login_address(public_id, path))
        login_id, viewer = login
        snapshot = await self._authorization_cache.read_uncached(public_id, viewer.user_id, viewer.token_id, login_id)
        refusal = _refusal(snapshot, viewer, self._authorization_cache.now())
        if refusal:
            return self._refused(refusal, public_id, path)
        assert snapshot.facts is not None
        try:
            url, _ = await self._codes.issue(viewer, snapshot.facts.studio_id, path, login_id)
        except DomainError:
            return self._refused(AccessError(access_errors.STARTING, ""), public_id, path)
        return redirect(url)

    async def _login(self, request: Request) -> Response:
        """Returns the form; for a user who is signed in and names no Studio, a page that says who they are."""
        public_id, path = _target(request.parameter("studio"), request.parameter("to"))
        login = None if public_id else await self._signed_in(request)
        if login:
            return pages.signed_in_page(login[1].user_name)
        return pages.login_page(public_id, path, self._form_targets(public_id))

    async def _post(self, request: Request, receive: Receive) -> Response:
        if not self._is_own_form(request):
            return self._refused(
                AccessError(access_errors.CROSS_ORIGIN, "The form was not sent by the sign-in page. Open /login and sign in there.")
            )
        form = await _form(receive)
        if form is None:
            return self._refused(AccessError(access_errors.BAD_REQUEST, "The form is too long. Open /login and sign in there."))
        previous = cookies.values(request.header(b"cookie"), self._names.login)
        if request.raw_path == b"/logout":
            await self._sign_out(previous)
            return pages.signed_out_page([self._names.clear(self._names.login)])
        return await self._sign_in(form, previous)

    async def _sign_out(self, login_cookies: list[str]) -> None:
        for cookie in login_cookies:
            login_id = await self._logins.sign_out(cookie)
            if login_id:
                self._authorization_cache.forget_login(login_id)

    async def _sign_in(self, form: dict[str, list[str]], previous: list[str]) -> Response:
        """Signs in with the form's token, and ends the previous login of the browser. An invalid token changes nothing."""
        token, studio, to = ((form.get(name) or [""])[0] for name in ("token", "studio", "to"))
        public_id, path = _target(studio, to)
        try:
            cookie = await self._logins.sign_in(token.strip(), previous[0] if len(previous) == 1 else None)
        except Unauthenticated:
            error = "This token is unknown, expired or revoked. Sign in with another one."
            return pages.login_page(public_id, path, self._form_targets(public_id), error)
        await self._sign_out(previous)
        headers = [self._names.set(self._names.login, cookie, LOGIN_LIFETIME.total_seconds())]
        return redirect(_connect_address(public_id, path) if public_id else "/login", headers)

    async def _signed_in(self, request: Request) -> tuple[str, Viewer] | None:
        values = cookies.values(request.header(b"cookie"), self._names.login)
        return await self._logins.find(values[0]) if len(values) == 1 else None

    def _is_own_form(self, request: Request) -> bool:
        origin = request.header(b"origin")
        if origin is None:
            return request.header(b"sec-fetch-site") == b"same-origin"
        return origin == self._addresses.api_origin.encode()

    def _form_targets(self, public_id: str) -> str:
        """Returns the form-action sources of the page's policy, with the shell's origin: browsers apply the policy to redirects too."""
        return f"'self' {self._addresses.shell_origin(public_id)}" if public_id else "'self'"

    def _refused(self, refusal: AccessError, public_id: str = "", path: str = "/") -> Response:
        links = [("/", "All Studios")]
        if public_id and refusal.code in {access_errors.FORBIDDEN, access_errors.NOT_FOUND}:
            links.append((_login_address(public_id, path), "Use another token"))
        return pages.refusal_page(refusal, links, retry=refusal.waits)


def _refusal(snapshot: AccessSnapshot, viewer: Viewer, now: datetime) -> AccessError | None:
    if snapshot.facts is None or snapshot.facts.user_id != viewer.user_id:
        return NO_STUDIO
    return right_refusal(snapshot.facts, now) or status_refusal(snapshot.facts, snapshot.ending)


def _embedded(request: Request) -> AccessError | None:
    """Returns the error for a request that is not a navigation of a whole tab; the page `/` may sign in and out by its script."""
    destination, mode = request.header(b"sec-fetch-dest"), request.header(b"sec-fetch-mode")
    if request.method == "POST" and destination == b"empty" and request.header(b"sec-fetch-site") == b"same-origin":
        return None
    if destination in {None, b"document"} and mode in {None, b"navigate"}:
        return None
    return AccessError(access_errors.CROSS_ORIGIN, "Open it in a tab of its own.")


def _target(studio: str | None, to: str | None) -> tuple[str, str]:
    """Returns the public id and path of the Studio to open after the login; an empty id for none."""
    return (studio, relative_path(to)) if studio and PUBLIC_ID.fullmatch(studio) else ("", "/")


def _connect_address(public_id: str, path: str) -> str:
    return f"/connect/{public_id}" + (f"?to={quote(path, safe='/')}" if path != "/" else "")


def _login_address(public_id: str, path: str) -> str:
    return f"/login?studio={public_id}" + (f"&to={quote(path, safe='/')}" if path != "/" else "")


async def _form(receive: Receive) -> dict[str, list[str]] | None:
    """Returns the form's fields, or None if it exceeds a limit."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_FORM_BYTES:
            return None
        if not message.get("more_body", False):
            break
    try:
        return parse_qs(body.decode("latin-1"), max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        return None
