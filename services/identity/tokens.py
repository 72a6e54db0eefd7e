"""Access tokens: who is calling, new ones, and their end (B94)."""

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.commands import CommandRunner
from services.connections import disruption_events
from services.domain.access import TokenScope, Viewer, require_grantable, require_scope
from services.domain.actor import Actor
from services.domain.errors import NotFound, QuotaExceeded, Unauthenticated
from services.domain.events import INSTALLATION_STREAM, Kind, NewEvent
from services.domain.ids import new_id, new_secret, secret_hash
from services.identity.token_rules import NewToken, TokenLimits
from services.store import disruptions as connection_store
from services.store import outbox
from services.store import tokens as store
from services.store.db.database import Database, Transaction

logger = logging.getLogger(__name__)

PREFIX = "sgt"
HINT_LENGTH = 12
MAX_SECRET_LENGTH = 128
SEEN_EVERY = timedelta(minutes=1)


class Tokens:
    """Only hashes are stored: a secret is shown once, by the call that makes it."""

    def __init__(self, database: Database, runner: CommandRunner, limits: TokenLimits | None = None) -> None:
        self._database = database
        self._runner = runner
        self._limits = limits or TokenLimits()
        self._noting: dict[str, asyncio.Task[None]] = {}

    async def authenticate(self, bearer: str) -> Viewer:
        """Whom the secret stands for, by one statement. Raises Unauthenticated, the same for unknown, expired and revoked."""
        now = datetime.now(UTC)
        found = None
        if bearer.isascii() and len(bearer) <= MAX_SECRET_LENGTH:
            async with self._database.read() as reader:
                found = await store.viewer_of(reader, secret_hash(bearer), now)
        if found is None:
            raise Unauthenticated("This needs a valid access token: send `Authorization: Bearer <token>`.")
        viewer, last_used_at = found
        if last_used_at is None or now - last_used_at >= SEEN_EVERY:
            self._note_use_later(viewer.token_id)
        return viewer

    async def create(self, viewer: Viewer, new: NewToken) -> tuple[str, str]:
        """A new token of the viewer's own: its id and, this once, its secret.

        Raises Forbidden without the scope MANAGE, or for a scope that the viewer's own token lacks; InvalidInput; QuotaExceeded.
        """
        require_scope(TokenScope.MANAGE, viewer.scopes)
        require_grantable(new.scopes, viewer.scopes)
        async with self._database.write() as transaction:
            new.check(transaction.now, self._limits.max_lifetime)
            expires_at = new.expires_at or transaction.now + self._limits.default_lifetime
            return await self._insert(transaction, viewer.user_id, replace(new, expires_at=expires_at))

    async def issue(self, user_id: str, new: NewToken) -> tuple[str, str]:
        """The operator's way (command line, demo): a token for any user, without expiry if none is given.

        Raises NotFound, InvalidInput, QuotaExceeded.
        """
        async with self._database.write() as transaction:
            new.check(transaction.now, max_lifetime=None)
            return await self._insert(transaction, user_id, new)

    async def revoke(self, viewer: Viewer, token_id: str, key: str | None = None) -> str:
        """End a token of the viewer's own at once, open streams and sessions included (B94). A repeated call changes nothing.

        A token may always revoke itself; another one needs the scope MANAGE. Raises NotFound, Forbidden.
        """
        if token_id != viewer.token_id:
            require_scope(TokenScope.MANAGE, viewer.scopes)
        streams = await self._streams_of(token_id)

        async def body(transaction: Transaction) -> dict[str, Any]:
            if await store.owner_of(transaction, token_id) != viewer.user_id:
                raise NotFound("You have no such access token.", field=("token_id",))
            await _end(transaction, token_id, viewer.user_id, viewer.actor, streams)
            return {"token_id": token_id}

        done = await self._runner.run(viewer, "revokeToken", key, {"token_id": token_id}, streams[0], body)
        return str(done["token_id"])

    async def withdraw(self, token_id: str) -> None:
        """The operator's way: end anybody's token at once. Raises NotFound."""
        streams = await self._streams_of(token_id)
        async with self._database.write() as transaction:
            user_id = await store.owner_of(transaction, token_id)
            if user_id is None:
                raise NotFound("There is no such access token.")
            await _end(transaction, token_id, user_id, Actor.system("operator"), streams)

    async def of_user(self, user_id: str) -> list[store.ListedToken]:
        """The operator's way: anybody's tokens, without their secrets."""
        async with self._database.read() as reader:
            return await store.of_user(reader, user_id)

    async def close(self) -> None:
        """Wait until what is being noted is noted."""
        await asyncio.gather(*self._noting.values())

    async def _streams_of(self, token_id: str) -> list[str]:
        """The streams a revocation writes to, in the order in which every writer locks them: workspaces by id, the installation last."""
        async with self._database.read() as reader:
            return [*connection_store.workspaces(await connection_store.of_token(reader, token_id)), INSTALLATION_STREAM]

    async def _insert(self, transaction: Transaction, user_id: str, new: NewToken) -> tuple[str, str]:
        if not await store.lock_owner(transaction, user_id):
            raise NotFound("There is no such user.")
        if await store.count_active(transaction, user_id) >= self._limits.per_user:
            raise QuotaExceeded(f"A user holds at most {self._limits.per_user} access tokens. Revoke one that is not needed.")
        token_id, secret = new_id(), new_secret(PREFIX)
        row = store.NewRow(token_id, user_id, new.name.strip(), new.scopes, secret_hash(secret), secret[:HINT_LENGTH], new.expires_at)
        await store.insert_token(transaction, row)
        return token_id, secret

    def _note_use_later(self, token_id: str) -> None:
        """Beside the request, never in its way, and one write a token at a time."""
        if token_id not in self._noting:
            task = asyncio.create_task(self._note_use(token_id), name=f"token-used-{token_id}")
            self._noting[token_id] = task
            task.add_done_callback(lambda _: self._noting.pop(token_id, None))

    async def _note_use(self, token_id: str) -> None:
        try:
            async with self._database.write() as transaction:
                await store.touch(transaction, token_id, transaction.now - SEEN_EVERY)
        except Exception:
            logger.warning("could not note the use of a token; its next use is noted again", exc_info=True)


async def _end(transaction: Transaction, token_id: str, user_id: str, actor: Actor, streams: list[str]) -> None:
    """Revoke, and tell whoever uses the token now. What was opened in a workspace since `streams` was read ends by the last event."""
    for stream_id in streams:
        await outbox.lock_stream(transaction, stream_id)
    if not await store.revoke(transaction, token_id):
        return
    connections = await connection_store.of_token(transaction, token_id)
    for workspace_id in streams[:-1]:
        here = [connection for connection in connections if connection.workspace_id == workspace_id]
        if here:
            events = disruption_events.access_revoked(here, actor, "The access token was revoked.", token_id)
            await outbox.append(transaction, workspace_id, events)
    revoked = NewEvent(Kind.TOKEN_REVOKED, actor, {"token_id": token_id}, user_id=user_id)
    await outbox.append(transaction, INSTALLATION_STREAM, [revoked])
