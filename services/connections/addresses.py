"""The addresses of this server: the API's origin, and one origin for each session (docs/architecture.md#the-data-plane)."""

import re
from urllib.parse import urlsplit

from services.domain.ids import PUBLIC_ID_ALPHABET, PUBLIC_ID_LENGTH

PUBLIC_ID = re.compile(rf"[{PUBLIC_ID_ALPHABET}]{{{PUBLIC_ID_LENGTH}}}")
DEFAULT_PORTS = {"http": 80, "https": 443}


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
        self._session_host = re.compile(rf"a({PUBLIC_ID.pattern})\.{re.escape(connect_domain)}")

    @property
    def secure(self) -> bool:
        """Whether browsers use https, so that cookies can be `__Host-` and Secure."""
        return self.scheme == "https"

    @property
    def dial_address(self) -> str:
        """`host:port` that programs connect to, with the session's host as Host header: no `*.localhost` need resolve."""
        host, _, port = self.connect_domain.partition(":")
        if host == "localhost" or host.endswith(".localhost"):
            host = "127.0.0.1"
        return f"{host}:{port or DEFAULT_PORTS[self.scheme]}"

    def session_host(self, public_id: str) -> str:
        """Returns the Host header of requests to a session."""
        return f"a{public_id}.{self.connect_domain}"

    def session_origin(self, public_id: str) -> str:
        return f"{self.scheme}://{self.session_host(public_id)}"

    def session_url(self, public_id: str) -> str:
        """Returns the address to open and to share; users who may not connect get a page that says so (B51)."""
        return f"{self.session_origin(public_id)}/"

    def public_id_of(self, host: str) -> str | None:
        """Returns the public id in a lower-case Host header that is exactly a session's; None for every other host, however similar."""
        match = self._session_host.fullmatch(host)
        return match[1] if match else None

    def is_session_like(self, host: str) -> bool:
        """Returns whether a host is under the connect domain, in any spelling: it is a session's or unknown, never the API's."""
        domain = self.connect_domain.partition(":")[0]
        name = re.sub(r":[0-9]*$", "", host.strip().lower()).rstrip(".")
        return name.endswith(f".{domain}") and host != self.api_host
