"""Names the cookies of the server, and keeps them apart from the cookies of tools."""

import base64
import binascii
from dataclasses import dataclass

from services.connections.addresses import Addresses

RESERVED_PREFIXES = ("sg_session", "sg_shell", "sg_login", "sg_unframed", "__Host-sg_")
"""The prefixes of the server's cookies. No tool sees, sets or changes a cookie whose name begins with one of them."""
TOKEN_PREFIX = b"sgt_"


@dataclass(frozen=True, slots=True)
class CookieNames:
    """The names of the cookies of a session's tool and of its shell, of a login, and of a session whose tool refuses frames.

    They have `__Host-` on https, where browsers enforce it; on plain http they have the installation's id, so that several servers on one
    host do not share cookies.
    """

    tool: str
    shell: str
    login: str
    unframed: str
    secure: bool

    @classmethod
    def of(cls, addresses: Addresses, installation_id: str) -> "CookieNames":
        if addresses.secure:
            return cls("__Host-sg_session", "__Host-sg_shell", "__Host-sg_login", "__Host-sg_unframed", secure=True)
        suffix = installation_id[:8]
        return cls(f"sg_session_{suffix}", f"sg_shell_{suffix}", f"sg_login_{suffix}", f"sg_unframed_{suffix}", secure=False)

    def set(self, name: str, value: str, max_age: float) -> tuple[bytes, bytes]:
        """Returns a Set-Cookie header: host-only, HttpOnly, SameSite=Lax. `max_age` is in seconds."""
        secure = "; Secure" if self.secure else ""
        return b"set-cookie", f"{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={int(max_age)}{secure}".encode()

    def clear(self, name: str) -> tuple[bytes, bytes]:
        return self.set(name, "", 0)


def values(header: bytes | None, name: str) -> list[str]:
    """Returns the different values of a cookie in a Cookie header. More than one means that another site of the domain set a second."""
    distinct: dict[str, None] = {}
    for pair in (header or b"").split(b";"):
        key, mark, value = pair.strip().partition(b"=")
        if mark and key == name.encode():
            distinct[value.decode("latin-1")] = None
    return list(distinct)


def is_ours(name: bytes) -> bool:
    return name.decode("latin-1").strip().startswith(RESERVED_PREFIXES)


def without_ours(header: bytes) -> bytes:
    """Returns the Cookie header without the server's cookies, for the tool; empty if nothing is left."""
    return b"; ".join(pair.strip() for pair in header.split(b";") if pair.strip() and not is_ours(pair.partition(b"=")[0]))


def may_be_set(header: bytes) -> bool:
    """Returns whether a tool's Set-Cookie may reach the browser: it must have a name, not a reserved one, and no Domain attribute."""
    first, *attributes = header.split(b";")
    name, mark, _ = first.partition(b"=")
    if not mark or not name.strip() or is_ours(name):
        return False
    return all(attribute.partition(b"=")[0].strip().lower() != b"domain" for attribute in attributes)


def carries_our_token(authorization: bytes) -> bool:
    """Returns whether an Authorization header has an access token of this server, as a bearer or as a Basic user name or password."""
    scheme, _, rest = authorization.strip().partition(b" ")
    if TOKEN_PREFIX in authorization:
        return True
    if scheme.lower() != b"basic":
        return False
    try:
        return TOKEN_PREFIX in base64.b64decode(rest.strip() + b"==")
    except binascii.Error:
        return False
