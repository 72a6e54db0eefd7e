"""Validates a request for a new access token: its name, scopes and expiry (B94)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.domain.access import TokenScope
from services.domain.problems import Problems


@dataclass(frozen=True, slots=True)
class TokenLimits:
    """Limits of access tokens: the lifetime without an expiry in the request, the longest lifetime, and how many a user may hold."""

    default_lifetime: timedelta = timedelta(days=90)
    max_lifetime: timedelta = timedelta(days=366)
    per_user: int = 100


@dataclass(frozen=True, slots=True)
class NewToken:
    """A request for a token. With `expires_at` None, the default lifetime applies."""

    name: str
    scopes: Collection[TokenScope]
    expires_at: datetime | None = None

    def check(self, now: datetime, max_lifetime: timedelta | None) -> None:
        """Raises InvalidInput with all problems of the request. With `max_lifetime` None there is no upper limit."""
        problems = Problems()
        problems.check_name(self.name)
        if not self.scopes:
            problems.add("scopes", "REQUIRED", "Give at least one scope: a token without scopes cannot be used for anything.")
        self._check_expiry(problems, now, max_lifetime)
        problems.raise_any()

    def _check_expiry(self, problems: Problems, now: datetime, max_lifetime: timedelta | None) -> None:
        if self.expires_at is None:
            return
        if self.expires_at <= now:
            problems.add("expires_at", "PAST", "The expiry must be in the future. Choose a later one.")
        elif max_lifetime is not None and self.expires_at > now + max_lifetime:
            problems.add("expires_at", "TOO_LATE", f"A token is valid for {max_lifetime.days} days at most. Choose an earlier expiry.")
