"""Builds the pages of the data plane: HTML, without scripts but for one, that says what happened and what to do (B51, B58).

Only the login page, which the API's origin alone serves, asks for a credential.
"""

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template

from connect.access_errors import ERROR_TEXTS, AccessError
from connect.responses import CODE_HEADER, COMMON_HEADERS, Response

ASSETS = Path(__file__).parent / "assets"
PAGE = Template((ASSETS / "page.html").read_text("utf-8"))
LOGIN = Template((ASSETS / "login.html").read_text("utf-8"))
STYLE = (ASSETS / "page.css").read_text("utf-8")
UNFRAME = (ASSETS / "unframed.js").read_text("utf-8")
UNFRAME_HASH = base64.b64encode(hashlib.sha256(UNFRAME.encode()).digest()).decode()
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
RETRY_SECONDS = 4
"""The time after which a waiting page loads again."""


def page(
    status: int,
    title: str,
    content: str,
    headers: Iterable[tuple[bytes, bytes]] = (),
    *,
    form_to: str = "'none'",
    framed_by: str | None = None,
    referrer: str = "no-referrer",
    script_source: str = "'none'",
) -> Response:
    """Returns a page. `content` is HTML, escaped by the caller; `form_to` are the sources of form-action in the policy, `script_source` is
    that of its scripts; `framed_by` is the origin of a shell, which may have the page in its frame, in place of a tool."""
    html = PAGE.substitute(title=escape(title), style=STYLE, content=content)
    ancestors = framed_by or "'none'"
    policy = (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; script-src {script_source}; img-src data:; "
        f"form-action {form_to}; "
        f"base-uri 'none'; frame-ancestors {ancestors}"
    )
    own = [(b"content-security-policy", policy.encode()), (b"referrer-policy", referrer.encode())]
    common = [header for header in COMMON_HEADERS if not (framed_by and header[0] == b"x-frame-options")]
    return Response(status, html.encode(), [*own, *common, *headers], b"text/html")


def refusal_page(
    refusal: AccessError,
    links: Iterable[tuple[str, str]],
    headers: Iterable[tuple[bytes, bytes]] = (),
    *,
    retry: bool,
    framed_by: str | None = None,
) -> Response:
    """Returns the page of an access error. `links` are (address, text); with `retry` the page loads again by itself."""
    text = refusal.text
    lines = [refusal.reason, refusal.when_and_by_whom, text.advice]
    content = "".join(
        [
            f"<h1>{escape(text.title)}</h1>",
            *(f"<p>{escape(line)}</p>" for line in lines if line),
            f'<p class="muted small">Code: <code>{escape(str(refusal.code))}</code></p>',
            _links(links),
        ]
    )
    refresh = [(b"refresh", str(RETRY_SECONDS).encode()), (b"retry-after", b"5")] if retry else []
    code = (CODE_HEADER, str(refusal.code).encode())
    return page(text.status, text.title, content, [code, *refresh, *headers], framed_by=framed_by)


def login_page(public_id: str, path: str, form_to: str, error: str = "") -> Response:
    """Returns the page that asks for an access token. `public_id` is empty if no Studio is to be opened afterwards."""
    content = LOGIN.substitute(
        heading=ERROR_TEXTS["UNAUTHENTICATED"].title if public_id else "Sign in",
        error=f'<p id="error" class="error" role="alert">{escape(error)}</p>' if error else "",
        describedby=" error" if error else "",
        studio=escape(public_id),
        to=escape(path),
    )
    return page(401 if error else 200, "Sign in · Studiograph", content, form_to=form_to, referrer="same-origin")


def signed_in_page(user_name: str) -> Response:
    content = (
        f"<h1>You are signed in</h1><p>As <b>{escape(user_name)}</b>. Open a Studio by its address.</p>"
        '<form method="post" action="/logout"><div class="actions"><button>Sign out</button></div></form>'
    )
    return page(200, "Signed in · Studiograph", content, form_to="'self'", referrer="same-origin")


def signed_out_page(headers: Iterable[tuple[bytes, bytes]]) -> Response:
    content = "<h1>You are signed out</h1><p>Sessions that this browser had open end too.</p>" + _links([("/login", "Sign in")])
    return page(200, "Signed out · Studiograph", content, headers)


def unframed_page(address: str, shell_origin: str, headers: Iterable[tuple[bytes, bytes]]) -> Response:
    """Returns the page in the shell's frame for a tool that refuses frames: it asks the shell to open its path in the whole tab.

    `address` does the same where a user follows it.
    """
    title = "This tool opens without a frame"
    content = f"<h1>{title}</h1>{_links([(address, 'Open the tool')])}<script>{UNFRAME}</script>"
    return page(200, title, content, headers, framed_by=shell_origin, script_source=f"'sha256-{UNFRAME_HASH}'")


def bad_code_page(message: str, again: str) -> Response:
    content = f"<h1>This link no longer works</h1><p>{escape(message)}</p>" + _links([(again, "Open the Studio")])
    return page(403, "Link used · Studiograph", content, [(CODE_HEADER, b"BAD_CODE")])


def _links(links: Iterable[tuple[str, str]]) -> str:
    shown = "".join(f'<a class="button" target="_top" href="{escape(address)}">{escape(text)}</a>' for address, text in links)
    return f'<div class="actions">{shown}</div>' if shown else ""
