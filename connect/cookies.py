"""Our cookies: their names, and keeping them apart from a tool's."""

import base64
import binascii
from dataclasses import dataclass

from services.connections.addresses import Addresses

OURS = ("sg_session", "sg_login", "__Host-sg_")
"""No tool sees, sets or changes a cookie whose name begins so."""
TOKEN_PREFIX = b"sgt_"


@dataclass(frozen=True, slots=True)
class CookieNames:
    """`__Host-` on https, where browsers enforce it. On plain http the installation's id keeps servers on one host apart."""

    session: str
    login: str
    secure: bool

    @classmethod
    def of(cls, addresses: Addresses, installation_id: str) -> "CookieNames":
        if addresses.secure:
            return cls("__Host-sg_session", "__Host-sg_login", secure=True)
        return cls(f"sg_session_{installation_id[:8]}", f"sg_login_{installation_id[:8]}", secure=False)

    def set(self, name: str, value: str, max_age: float) -> tuple[bytes, bytes]:
        """A Set-Cookie header: host-only, not for scripts, not for other sites."""
        secure = "; Secure" if self.secure else ""
        return b"set-cookie", f"{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={int(max_age)}{secure}".encode()

    def clear(self, name: str) -> tuple[bytes, bytes]:
        return self.set(name, "", 0)


def values(header: bytes | None, name: str) -> list[str]:
    """The different values under a name in a Cookie header. More than one: somebody planted a second."""
    found: dict[str, None] = {}
    for pair in (header or b"").split(b";"):
        key, mark, value = pair.strip().partition(b"=")
        if mark and key == name.encode():
            found[value.decode("latin-1")] = None
    return list(found)


def is_ours(name: bytes) -> bool:
    return name.decode("latin-1").strip().startswith(OURS)


def without_ours(header: bytes) -> bytes:
    """A Cookie header as it may go to a tool; empty if nothing is left."""
    return b"; ".join(pair.strip() for pair in header.split(b";") if pair.strip() and not is_ours(pair.partition(b"=")[0]))


def may_be_set(header: bytes) -> bool:
    """Whether a tool's Set-Cookie may reach the browser: not for a whole domain, not nameless, not under our names."""
    first, *attributes = header.split(b";")
    name, mark, _ = first.partition(b"=")
    if not mark or not name.strip() or is_ours(name):
        return False
    return all(attribute.partition(b"=")[0].strip().lower() != b"domain" for attribute in attributes)


def carries_our_token(authorization: bytes) -> bool:
    """Whether an Authorization header holds an access token of ours, plainly or as a Basic user or password."""
    scheme, _, rest = authorization.strip().partition(b" ")
    if TOKEN_PREFIX in authorization:
        return True
    if scheme.lower() != b"basic":
        return False
    try:
        return TOKEN_PREFIX in base64.b64decode(rest.strip() + b"==")
    except binascii.Error:
        return False
