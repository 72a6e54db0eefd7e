"""Signing a browser in on the API's origin by an access token (DESIGN 5). Only `/connect/*` and `/login` ever ask this."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.domain.access import Viewer
from services.domain.ids import new_id, new_secret, secret_hash
from services.store import logins as store
from services.store.db.database import Database

PREFIX = "sgl"
LIVES = timedelta(hours=12)
MAX_COOKIE_LENGTH = 128

Authenticate = Callable[[str], Awaitable[Viewer]]


@dataclass(frozen=True, slots=True)
class Logins:
    """A login lives 12 h at most and dies with its token. `authenticate` is `Tokens.authenticate`."""

    database: Database
    authenticate: Authenticate

    async def sign_in(self, secret: str, former: str | None = None) -> str:
        """The value of the login's cookie, for the token typed in. Raises Unauthenticated.

        The login of the cookie `former` goes on under the new one if it is the same token's, and with it what was opened.
        """
        viewer = await self.authenticate(secret)
        cookie = new_secret(PREFIX)
        async with self.database.write() as transaction:
            expires_at = min(transaction.now + LIVES, viewer.expires_at or datetime.max.replace(tzinfo=UTC))
            known = former and await store.renew(transaction, secret_hash(former), secret_hash(cookie), viewer.token_id, expires_at)
            if not known:
                await store.add(transaction, new_id(), secret_hash(cookie), viewer.token_id, expires_at)
        return cookie

    async def find(self, cookie: str) -> tuple[str, Viewer] | None:
        """The login's id and who is signed in, or None."""
        if not cookie.isascii() or len(cookie) > MAX_COOKIE_LENGTH:
            return None
        async with self.database.read() as reader:
            return await store.find(reader, secret_hash(cookie), datetime.now(UTC))

    async def sign_out(self, cookie: str) -> str | None:
        """End the login, and with it the sessions' cookies that came from it; returns its id if there was one."""
        async with self.database.write() as transaction:
            return await store.remove(transaction, secret_hash(cookie))
