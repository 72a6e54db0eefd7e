"""Answers the paths under `/_sg/` of a session's origin: the exchange of codes, the page around the tool (the shell), its assets.

No request under this prefix goes to a tool.
"""

import hashlib
import secrets
from html import escape
from string import Template
from urllib.parse import quote

import orjson

from connect.authorization import Decision
from connect.cookies import CookieNames, values
from connect.pages import ASSETS, bad_code_page
from connect.requests import Headers, Request
from connect.responses import CODE_HEADER, COMMON_HEADERS, SECURITY_HEADERS, Response, for_program, redirect
from connect.session_grants import Grant, Grants
from services.connections.addresses import Addresses
from services.connections.connect_codes import BadCode, ConnectCodes
from services.connections.paths import relative_path
from services.store.access_facts import Facts

SHELL = Template((ASSETS / "shell.html").read_text("utf-8"))
SCRIPT = (ASSETS / "shell.js").read_bytes()
STYLE = (ASSETS / "shell.css").read_bytes()
VERSION = hashlib.sha256(SCRIPT + STYLE).hexdigest()[:12]
UNFRAMED_SECONDS = 12 * 3600
"""How long a browser remembers that the tool of a session refuses frames; afterwards it finds out again."""
IMMUTABLE = (b"cache-control", b"private, max-age=31536000, immutable")


def unframed_address(target: bytes) -> str:
    """Returns the address that shows `target` of the tool without the frame from now on."""
    return f"/_sg/unframed?to={quote(target.decode('ascii'), safe='/')}"


class Shell:
    """Builds the responses of the paths under `/_sg/`."""

    def __init__(self, addresses: Addresses, codes: ConnectCodes, grants: Grants, names: CookieNames) -> None:
        self._addresses = addresses
        self._codes = codes
        self._grants = grants
        self._names = names

    def login_url(self, public_id: str, path: str) -> str:
        """Returns the address for a browser without a valid cookie, on the API's origin, which alone asks for credentials."""
        to = relative_path(path)
        query = f"?to={quote(to, safe='/')}" if to != "/" else ""
        return f"{self._addresses.api_origin}/connect/{public_id}{query}"

    def asset(self, request: Request) -> Response | None:
        """Returns the script or style sheet, which need no cookie; None for other paths."""
        assets = {b"/_sg/shell.js": (SCRIPT, b"text/javascript"), b"/_sg/shell.css": (STYLE, b"text/css")}
        asset = assets.get(request.raw_path)
        if asset is None:
            return None
        body, media_type = asset
        return Response(200, body, [IMMUTABLE, *SECURITY_HEADERS], media_type)

    async def enter(self, request: Request, public_id: str, has_cookie: bool) -> Response:
        """Exchanges a one-time code for the session's cookie, and redirects to the shell (docs/architecture.md#the-data-plane)."""
        try:
            entry = await self._codes.redeem(request.parameter("code") or "", self._addresses.session_origin(public_id))
        except BadCode as error:
            return redirect("/_sg/") if has_cookie else bad_code_page(error.message, self.login_url(public_id, "/"))
        grant = Grant(entry.user_id, entry.token_id, entry.login_id, public_id, entry.session_number)
        return redirect(self.address(entry.path), [self.cookie(grant)])

    def cookie(self, grant: Grant) -> tuple[bytes, bytes]:
        return self._names.set(self._names.session, self._grants.seal(grant), self._grants.lifetime)

    def unframed(self, request: Request, facts: Facts) -> Response:
        """Redirects to the tool, and remembers in a cookie that the tool of this session refuses frames."""
        remembered = self._names.set(self._names.unframed, str(facts.session_number), UNFRAMED_SECONDS)
        return redirect(relative_path(request.parameter("to") or "/"), [remembered])

    def is_framed(self, request: Request, facts: Facts) -> bool:
        """Returns whether this browser shows the tool in the session page's frame."""
        return facts.embeddable and values(request.header(b"cookie"), self._names.unframed) != [str(facts.session_number)]

    def again(self, request: Request, public_id: str) -> Response:
        return redirect(self.login_url(public_id, request.parameter("to") or "/"))

    @staticmethod
    def address(path: str) -> str:
        """Returns the address of the shell that shows `path` of the tool."""
        to = relative_path(path)
        return "/_sg/" if to == "/" else f"/_sg/?to={quote(to, safe='/')}"

    def state(self, decision: Decision, headers: Headers) -> Response:
        """Returns for the shell's script whether access is allowed; `headers` renew the cookie."""
        if decision.refusal and not decision.refusal.waits:
            return for_program(decision.refusal)
        body = {"in": decision.refusal is None, "refusal": decision.refusal.as_json() if decision.refusal else None}
        code = [(CODE_HEADER, str(decision.refusal.code).encode())] if decision.refusal else []
        return Response(200, orjson.dumps(body), [*code, *COMMON_HEADERS, *headers], b"application/json")

    def page(self, request: Request, facts: Facts, headers: Headers) -> Response:
        """Returns the page around the tool; for a tool that cannot be framed, a redirect to the tool itself."""
        prefix = str((facts.upstream or {}).get("path_prefix") or "").rstrip("/")
        path = relative_path(request.parameter("to") or f"{prefix}/")
        if not self.is_framed(request, facts):
            return redirect(path, headers)
        nonce = secrets.token_urlsafe(16)
        values = {
            "name": facts.studio_name,
            "owner": facts.owner_name,
            "you": facts.display_name,
            "api": self._addresses.api_origin,
            "src": path,
            "version": VERSION,
            "nonce": nonce,
        }
        html = SHELL.substitute({name: escape(value) for name, value in values.items()})
        return Response(200, html.encode(), [*self._policy(nonce, facts.public_id), *COMMON_HEADERS, *headers], b"text/html")

    def _policy(self, nonce: str, public_id: str) -> Headers:
        socket = self._addresses.session_origin(public_id).replace("http", "ws", 1)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src data:; connect-src 'self' {socket}; "
            "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return [(b"content-security-policy", policy.encode()), (b"referrer-policy", b"same-origin")]
