"""Seals and opens the cookie of a session's origin.

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
    """Who was let into which session, by which token (and which browser's login, if one)."""

    user_id: str
    token_id: str
    login_id: str | None
    public_id: str
    session_number: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """A grant as it came back in a cookie."""

    grant: Grant
    sealed_at: float

    @property
    def is_due(self) -> bool:
        """Old enough to be renewed while in use."""
        return time() - self.sealed_at > RENEW_SECONDS


class Grants:
    """Seals with the first key and opens with any, so that keys can be rotated. Keys are the installation's secrets (any text)."""

    def __init__(self, keys: Sequence[str], lives: float = GRANT_LIFETIME_SECONDS) -> None:
        self.lives = lives
        self._fernet = MultiFernet([Fernet(_derived(key)) for key in keys])
        self._opened: OrderedDict[str, Sealed] = OrderedDict()

    def seal(self, grant: Grant) -> str:
        fields = [grant.user_id, grant.token_id, grant.login_id, grant.public_id, grant.session_number]
        return self._fernet.encrypt(json.dumps(fields).encode()).decode().rstrip("=")

    def open(self, value: str, public_id: str) -> Sealed | None:
        """The grant, if we sealed it for this Studio and its minutes are not over."""
        sealed = self._opened.get(value) or self._unsealed(value)
        if sealed is None or sealed.grant.public_id != public_id or time() - sealed.sealed_at > self.lives:
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


def _derived(key: str) -> bytes:
    """A key for this purpose alone: what seals cookies opens nothing else."""
    return base64.urlsafe_b64encode(hmac.digest(key.encode(), b"studiograph session cookie", hashlib.sha256))
