"""The addresses of this server: the API's origin, and two origins for each session (docs/architecture.md#the-data-plane)."""

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from services.connections.paths import relative_path
from services.domain.ids import PUBLIC_ID_ALPHABET, PUBLIC_ID_LENGTH

PUBLIC_ID = re.compile(rf"[{PUBLIC_ID_ALPHABET}]{{{PUBLIC_ID_LENGTH}}}")
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class SessionHost:
    """The host of a session: of its tool, or of its shell, which is the server's page around the tool."""

    public_id: str
    is_shell: bool


class Addresses:
    """Forms and recognizes addresses, from the API's public URL and the domain of sessions (with its port, if any).

    Raises ValueError for a URL that is not http(s), or a domain that is not a plain lower-case host with an optional port.
    """

    def __init__(self, public_url: str, connect_domain: str) -> None:
        url = urlsplit(public_url)
        if url.scheme not in DEFAULT_PORTS or not url.netloc or url.path.strip("/") or url.query or "@" in url.netloc:
            raise ValueError(f"the public URL is http(s)://host[:port] and nothing more, not {public_url!r}")
        if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?", connect_domain):
            raise ValueError(f"the connect domain is a lower-case host with an optional port, not {connect_domain!r}")
        self.scheme = url.scheme
        self.api_host = url.netloc.lower()
        self.api_origin = f"{url.scheme}://{self.api_host}"
        self.connect_domain = connect_domain
        # Browsers take a.localhost and b.localhost for different sites, and would keep cookies from the frame: the shell is nested there.
        self._is_nested = "." not in connect_domain.partition(":")[0]
        tool_host = rf"a(?P<tool>{PUBLIC_ID.pattern})"
        shell_host = rf"s\.a(?P<shell>{PUBLIC_ID.pattern})" if self._is_nested else rf"s(?P<shell>{PUBLIC_ID.pattern})"
        self._session_host = re.compile(rf"(?:{tool_host}|{shell_host})\.{re.escape(connect_domain)}")

    @property
    def secure(self) -> bool:
        """Whether browsers use https, so that cookies can be `__Host-` and Secure."""
        return self.scheme == "https"

    @property
    def dial_address(self) -> str:
        """`host:port` that programs connect to, with the host of a session as Host header: no `*.localhost` need resolve."""
        host, _, port = self.connect_domain.partition(":")
        if host == "localhost" or host.endswith(".localhost"):
            host = "127.0.0.1"
        return f"{host}:{port or DEFAULT_PORTS[self.scheme]}"

    def tool_host(self, public_id: str) -> str:
        """Returns the Host header of requests to the tool of a session."""
        return f"a{public_id}.{self.connect_domain}"

    def tool_origin(self, public_id: str) -> str:
        return f"{self.scheme}://{self.tool_host(public_id)}"

    def shell_host(self, public_id: str) -> str:
        """Returns the Host header of requests to the shell of a session, which browsers count as the same site as the tool's."""
        return f"s.{self.tool_host(public_id)}" if self._is_nested else f"s{public_id}.{self.connect_domain}"

    def shell_origin(self, public_id: str) -> str:
        return f"{self.scheme}://{self.shell_host(public_id)}"

    def session_url(self, public_id: str) -> str:
        """Returns the address to open and to share; users who may not connect get a page that says so (B51)."""
        return f"{self.shell_origin(public_id)}/"

    def login_url(self, public_id: str, path: str) -> str:
        """Returns the address for a browser without a cookie of the session, on the API's origin, which alone asks for credentials."""
        to = relative_path(path)
        query = f"?to={quote(to, safe='/')}" if to != "/" else ""
        return f"{self.api_origin}/connect/{public_id}{query}"

    def session_of(self, host: str) -> SessionHost | None:
        """Returns what a lower-case Host header names that is exactly a session's; None for every other host, however similar."""
        match = self._session_host.fullmatch(host)
        return SessionHost(match["tool"] or match["shell"], match["tool"] is None) if match else None

    def is_session_like(self, host: str) -> bool:
        """Returns whether a host is under the connect domain, in any spelling: it is a session's or unknown, never the API's."""
        domain = self.connect_domain.partition(":")[0]
        name = re.sub(r":[0-9]*$", "", host.strip().lower()).rstrip(".")
        return name.endswith(f".{domain}") and host != self.api_host
