"""Encrypts and decrypts session grants: the cookies that let a browser use the tool, or the shell, of one session.

It names user, access token, Studio and session number, and is valid for minutes (docs/architecture.md#the-data-plane).
"""

import base64
import hashlib
import hmac
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from time import time

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

GRANT_LIFETIME_SECONDS = 600
RENEW_SECONDS = 120
MAX_CACHED_GRANTS = 4096


@dataclass(frozen=True, slots=True)
class Grant:
    """The right of a user to use one session, with the token (and the browser login, if there was one) that it came from."""

    user_id: str
    token_id: str
    login_id: str | None
    public_id: str
    session_number: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """A grant that was read from a cookie. `sealed_at` is in seconds since 1970."""

    grant: Grant
    sealed_at: float

    @property
    def needs_renewal(self) -> bool:
        """Whether the cookie is old enough to be sealed anew while it is in use."""
        return time() - self.sealed_at > RENEW_SECONDS


class Grants:
    """Seals grants with the first key and opens them with any, so that keys can be rotated.

    `keys` are secrets of the installation (any text); what is sealed for one `purpose` opens for no other; `lifetime` is in seconds.
    """

    def __init__(self, keys: Sequence[str], purpose: str, lifetime: float = GRANT_LIFETIME_SECONDS) -> None:
        self.lifetime = lifetime
        self._fernet = MultiFernet([Fernet(_derived(key, purpose)) for key in keys])
        self._opened: OrderedDict[str, Sealed] = OrderedDict()

    def seal(self, grant: Grant) -> str:
        fields = [grant.user_id, grant.token_id, grant.login_id, grant.public_id, grant.session_number]
        return self._fernet.encrypt(json.dumps(fields).encode()).decode().rstrip("=")

    def open(self, value: str, public_id: str) -> Sealed | None:
        """Returns the grant if it was sealed here, for this Studio, and has not expired; else None."""
        sealed = self._opened.get(value) or self._unsealed(value)
        if sealed is None or sealed.grant.public_id != public_id or time() - sealed.sealed_at > self.lifetime:
            return None
        return sealed

    def _unsealed(self, value: str) -> Sealed | None:
        if len(value) > 1024 or not value.isascii():
            return None
        token = (value + "=" * (-len(value) % 4)).encode()
        try:
            user_id, token_id, login_id, public_id, number = json.loads(self._fernet.decrypt(token))
            sealed = Sealed(Grant(user_id, token_id, login_id, public_id, number), self._fernet.extract_timestamp(token))
        except InvalidToken:
            return None
        self._opened[value] = sealed
        while len(self._opened) > MAX_CACHED_GRANTS:
            self._opened.popitem(last=False)
        return sealed


def _derived(key: str, purpose: str) -> bytes:
    """Returns a key that is derived for session cookies of this purpose alone, so that it opens nothing else."""
    return base64.urlsafe_b64encode(hmac.digest(key.encode(), f"studiograph {purpose} cookie".encode(), hashlib.sha256))
