"""What an access token may look like (B94)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.domain.access import TokenScope
from services.domain.problems import Problems


@dataclass(frozen=True, slots=True)
class TokenLimits:
    """How long a token lives when its maker does not say, how long at most, and how many a user may hold."""

    default_lifetime: timedelta = timedelta(days=90)
    max_lifetime: timedelta = timedelta(days=366)
    per_user: int = 100


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that somebody asks for; `expires_at` None leaves the default."""

    name: str
    scopes: Collection[TokenScope]
    expires_at: datetime | None = None

    def check(self, now: datetime, max_lifetime: timedelta | None) -> None:
        """Raise InvalidInput with all that is wrong; `max_lifetime` None sets no upper limit."""
        problems = Problems()
        problems.check_name(self.name)
        if not self.scopes:
            problems.add("scopes", "REQUIRED", "Name at least one scope: a token without any is good for nothing.")
        self._check_expiry(problems, now, max_lifetime)
        problems.raise_any()

    def _check_expiry(self, problems: Problems, now: datetime, max_lifetime: timedelta | None) -> None:
        if self.expires_at is None:
            return
        if self.expires_at <= now:
            problems.add("expires_at", "PAST", "The expiry must be in the future.")
        elif max_lifetime is not None and self.expires_at > now + max_lifetime:
            problems.add("expires_at", "TOO_LATE", f"A token lives for {max_lifetime.days} days at most. Choose an earlier expiry.")
