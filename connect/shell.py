"""Builds the page around a tool (the shell), its assets, and its state for its script (docs/architecture.md#the-data-plane)."""

import hashlib
import secrets
from html import escape
from string import Template

import orjson

from connect import reload_script
from connect.authorization import Decision
from connect.pages import ASSETS
from connect.requests import Headers, Request
from connect.responses import CODE_HEADER, COMMON_HEADERS, SECURITY_HEADERS, Response, for_program
from connect.tool_framing import ToolFraming
from services.connections.addresses import Addresses
from services.connections.paths import relative_path
from services.store.access_facts import Facts

PAGE = Template((ASSETS / "shell.html").read_text("utf-8").replace("$reload", reload_script.SCRIPT))
SCRIPT = (ASSETS / "shell.js").read_bytes()
STYLE = (ASSETS / "shell.css").read_bytes()
VERSION = hashlib.sha256(SCRIPT + STYLE).hexdigest()[:12]
FEATURES = (
    "accelerometer; autoplay; camera; clipboard-read; clipboard-write; display-capture; encrypted-media; fullscreen; gamepad; geolocation; "
    "gyroscope; hid; keyboard-map; local-fonts; magnetometer; microphone; midi; picture-in-picture; publickey-credentials-get; "
    "screen-wake-lock; serial; usb; window-management; xr-spatial-tracking"
)
"""What a tool may use, with the user's consent, as if its page had no frame: browsers keep it from frames of another origin by default."""
IMMUTABLE = (b"cache-control", b"private, max-age=31536000, immutable")


class Shell:
    """Builds the responses of a shell's origin that show a session."""

    def __init__(self, addresses: Addresses, framing: ToolFraming) -> None:
        self._addresses = addresses
        self._framing = framing

    def asset(self, request: Request) -> Response | None:
        """Returns the script or style sheet, which need no cookie; None for other paths."""
        assets = {b"/_sg/shell.js": (SCRIPT, b"text/javascript"), b"/_sg/shell.css": (STYLE, b"text/css")}
        asset = assets.get(request.raw_path)
        if asset is None:
            return None
        body, media_type = asset
        return Response(200, body, [IMMUTABLE, *SECURITY_HEADERS], media_type)

    def state(self, decision: Decision, headers: Headers) -> Response:
        """Returns for the shell's script whether access is allowed; `headers` renew the cookie."""
        if decision.refusal and not decision.refusal.waits:
            return for_program(decision.refusal)
        body = {"in": decision.refusal is None, "refusal": decision.refusal.as_json() if decision.refusal else None}
        code = [(CODE_HEADER, str(decision.refusal.code).encode())] if decision.refusal else []
        return Response(200, orjson.dumps(body), [*code, *COMMON_HEADERS, *headers], b"application/json")

    def page(self, request: Request, facts: Facts, headers: Headers) -> Response:
        """Returns the page that shows the path of the request of the tool. Without a frame its script opens the tool in the whole tab."""
        prefix = str((facts.upstream or {}).get("path_prefix") or "").rstrip("/")
        path = relative_path(request.target.decode("ascii"))
        nonce = secrets.token_urlsafe(16)
        values = {
            "name": facts.studio_name,
            "owner": facts.owner_name,
            "you": facts.display_name,
            "api": self._addresses.api_origin,
            "tool": self._addresses.tool_origin(facts.public_id),
            "path": f"{prefix}/" if path == "/" else path,
            "framed": "yes" if self._framing.is_framed(request, facts) else "no",
            "features": FEATURES,
            "version": VERSION,
            "nonce": nonce,
        }
        html = PAGE.substitute({name: escape(value) for name, value in values.items()})
        return Response(200, html.encode(), [*self._policy(nonce, facts.public_id), *COMMON_HEADERS, *headers], b"text/html")

    def _policy(self, nonce: str, public_id: str) -> Headers:
        socket = self._addresses.shell_origin(public_id).replace("http", "ws", 1)
        tool = self._addresses.tool_origin(public_id)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src data:; "
            f"connect-src 'self' {socket} {tool}/_sg/grant; "
            f"frame-src {tool}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return [(b"content-security-policy", policy.encode()), (b"referrer-policy", b"strict-origin")]
