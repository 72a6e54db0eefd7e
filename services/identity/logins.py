"""Signs a browser in on the API's origin with an access token. Only the routes `/connect/*`, `/login` and `/logout` use it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.domain.access import Viewer
from services.domain.ids import new_id, new_secret, secret_hash
from services.store import logins as store
from services.store.db.database import Database

PREFIX = "sgl"
"""The first characters of the value of each login's cookie."""

LOGIN_LIFETIME = timedelta(hours=12)
"""How long a login is valid at most. A login never outlives its token."""

MAX_COOKIE_LENGTH = 128
"""Characters. A longer cookie is refused without a read of the database; those that are issued here are shorter."""

Authenticate = Callable[[str], Awaitable[Viewer]]


@dataclass(frozen=True, slots=True)
class Logins:
    """Creates, finds and ends logins. A login ends after `LOGIN_LIFETIME`, or with its token. `authenticate` is `Tokens.authenticate`."""

    database: Database
    authenticate: Authenticate

    async def sign_in(self, secret: str, former_cookie: str | None = None) -> str:
        """Signs in with the access token `secret`. Returns the value of the login's cookie. Raises Unauthenticated.

        If the browser sends `former_cookie` of a login with the same token, that login continues under the new cookie, so that the
        sessions which were opened with it stay open.
        """
        viewer = await self.authenticate(secret)
        cookie = new_secret(PREFIX)
        async with self.database.write() as transaction:
            expires_at = min(transaction.now + LOGIN_LIFETIME, viewer.expires_at or datetime.max.replace(tzinfo=UTC))
            renewed = former_cookie and await store.renew(
                transaction, secret_hash(former_cookie), secret_hash(cookie), viewer.token_id, expires_at
            )
            if not renewed:
                await store.add(transaction, new_id(), secret_hash(cookie), viewer.token_id, expires_at)
        return cookie

    async def find(self, cookie: str) -> tuple[str, Viewer] | None:
        """Returns the login's id and its viewer; None if the cookie is unknown, or its login or token has ended."""
        if not cookie.isascii() or len(cookie) > MAX_COOKIE_LENGTH:
            return None
        async with self.database.read() as reader:
            return await store.find(reader, secret_hash(cookie), self.database.now())

    async def sign_out(self, cookie: str) -> str | None:
        """Ends the login, and with it the session cookies that came from it. Returns its id, or None if there was none."""
        async with self.database.write() as transaction:
            return await store.remove(transaction, secret_hash(cookie))
