"""Decides how a browser shows a page of a tool: in the shell's frame, or in the whole tab if the tool refuses frames (B51, B53)."""

from dataclasses import dataclass
from urllib.parse import quote

from connect import pages
from connect.frame_ancestors import allow_shell, refuses_frame
from connect.requests import Headers, Request
from connect.responses import Response, redirect
from services.connections.paths import relative_path

HTML_TYPES = (b"text/html", b"application/xhtml+xml")


@dataclass(frozen=True, slots=True)
class ToolPage:
    """The request of a browser for a page of a tool.

    `is_framed` says whether this browser shows the tool in the shell's frame; `unframed_cookie` is the header by which it remembers that
    it does not.
    """

    request: Request
    tool_origin: str
    shell_origin: str
    is_framed: bool
    unframed_cookie: tuple[bytes, bytes]

    @property
    def is_whole_tab(self) -> bool:
        """Whether the request loads the page of a framed tool in a whole tab, outside of the shell.

        Where browsers send no Sec-Fetch (plain http on a domain other than localhost), what the shell's or the tool's page requests is in
        the frame.
        """
        if not (self.is_framed and self.request.is_navigation and self.request.method == "GET"):
            return False
        if self.request.header(b"sec-fetch-dest") is not None:
            return True
        return not (self.request.is_from(self.shell_origin) or self.request.is_from(self.tool_origin))

    @property
    def shell_url(self) -> str | None:
        """The address that shows this page in the shell; None for a path that the shell refuses."""
        target = self.request.target.decode("ascii")
        path = relative_path(target)
        return f"{self.shell_origin}{path}" if path != "/" or target == "/" else None

    def replacement(self, status: int, headers: Headers) -> Response | None:
        """Returns what the browser gets instead of the tool's response with this status and these headers; None if it gets the response.

        A page in a whole tab is opened in the shell, and a page that refuses the shell's frame in a whole tab. Downloads, images and
        redirects are shown as they are.
        """
        if self.is_framed and self.request.is_framed(self.shell_origin) and refuses_frame(headers, self.tool_origin):
            to = quote(relative_path(self.request.target.decode("ascii")), safe="/")
            return pages.unframed_page(f"{self.shell_origin}/_sg/unframed?to={to}", self.shell_origin, _own_cookies(headers))
        if self.is_whole_tab and self.shell_url and _is_page(status, headers) and not refuses_frame(headers, self.tool_origin):
            return redirect(self.shell_url, _own_cookies(headers))
        return None

    def adapted(self, status: int, headers: Headers) -> Headers:
        """Returns the headers of the tool's response for the browser: the shell may frame what the tool's own pages may."""
        if refuses_frame(headers, self.tool_origin):
            return [*headers, self.unframed_cookie] if self.is_whole_tab and _is_page(status, headers) else headers
        varies = [(b"vary", b"Sec-Fetch-Dest")] if _is_page(status, headers) else []
        return [*allow_shell(headers, self.tool_origin, self.shell_origin), *varies]


def _is_page(status: int, headers: Headers) -> bool:
    """Returns whether the response is an HTML page that a browser shows."""
    named = dict(reversed(headers))
    is_attachment = named.get(b"content-disposition", b"").strip().lower().startswith(b"attachment")
    return 200 <= status < 300 and named.get(b"content-type", b"").strip().lower().startswith(HTML_TYPES) and not is_attachment


def _own_cookies(headers: Headers) -> Headers:
    return [header for header in headers if header[0] == b"set-cookie"]
