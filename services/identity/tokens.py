"""Authenticates requests by access tokens, and creates and revokes tokens (B94)."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

from services.commands import CommandRunner, MutationCall
from services.connections import disruption_events
from services.domain.access import Operator, OperatorPermission, TokenScope, Viewer, require_grantable, require_scope
from services.domain.actor import Actor
from services.domain.errors import NotFound, QuotaExceeded, Unauthenticated
from services.domain.event_payloads import TokenRevoked
from services.domain.events import INSTALLATION_STREAM
from services.domain.ids import new_id, new_secret, secret_hash
from services.identity.requests import RevokeTokenRequest
from services.identity.token_rules import NewToken, TokenLimits
from services.store import disruptions as connection_store
from services.store import outbox
from services.store import tokens as store
from services.store.db.database import Database, Transaction

logger = logging.getLogger(__name__)

PREFIX = "sgt"
"""The first characters of each secret: they tell an access token from the other secrets of Studiograph."""

HINT_LENGTH = 12
"""Characters of the secret that lists show, so that users can tell their tokens apart."""

MAX_SECRET_LENGTH = 128
"""Characters. A longer bearer is refused without a read of the database; those that are issued here are shorter."""

USE_RECORDING_INTERVAL = timedelta(minutes=1)
"""The use of a token is recorded once in this interval at most, so that frequent requests do not write each time."""


class Tokens:
    """Access tokens. Only their hashes are stored: the call that creates a token returns its secret, and nothing shows it again."""

    def __init__(self, database: Database, runner: CommandRunner, limits: TokenLimits | None = None) -> None:
        self._database = database
        self._runner = runner
        self._limits = limits or TokenLimits()
        self._recordings: dict[str, asyncio.Task[None]] = {}

    async def authenticate(self, bearer: str) -> Viewer:
        """Returns the viewer of a valid token, by one statement. Raises the same Unauthenticated for unknown, expired and revoked ones."""
        record, now = None, self._database.now()
        if bearer.isascii() and len(bearer) <= MAX_SECRET_LENGTH:
            async with self._database.read() as reader:
                record = await store.viewer_of(reader, secret_hash(bearer), now)
        if record is None:
            raise Unauthenticated("This needs a valid access token: send `Authorization: Bearer <token>`.")
        viewer, last_used_at = record
        if last_used_at is None or now - last_used_at >= USE_RECORDING_INTERVAL:
            self._record_use_later(viewer.token_id)
        return viewer

    async def create(self, viewer: Viewer, new: NewToken) -> tuple[str, str]:
        """Creates a token for the viewer. Returns its id and its secret.

        Raises Forbidden without the scope MANAGE, or for a scope that the viewer's own token lacks; InvalidInput; QuotaExceeded.
        """
        require_scope(TokenScope.MANAGE, viewer.scopes)
        require_grantable(new.scopes, viewer.scopes)
        async with self._database.write() as transaction:
            new.check(transaction.now, self._limits.max_lifetime)
            expires_at = new.expires_at or transaction.now + self._limits.default_lifetime
            return await self._insert(transaction, viewer.user_id, replace(new, expires_at=expires_at))

    async def issue(self, operator: Operator, user_id: str, new: NewToken) -> tuple[str, str]:
        """Creates a token for any user (command line, demo). Returns its id and its secret.

        Without an expiry in the request, the token never expires. Raises Forbidden, NotFound, InvalidInput, QuotaExceeded.
        """

        async def body(transaction: Transaction) -> tuple[str, str]:
            new.check(transaction.now, max_lifetime=None)
            return await self._insert(transaction, user_id, new)

        return await self._runner.run_for_operator(operator, OperatorPermission.TOKEN_MANAGE, None, body)

    async def revoke(self, viewer: Viewer, request: RevokeTokenRequest) -> str:
        """Revokes a token of the viewer; open streams and sessions end at once (B94). A repeated call changes nothing.

        A token may always revoke itself; another one needs the scope MANAGE. Raises NotFound, Forbidden.
        """
        token_id = request.token_id
        scope = None if token_id == viewer.token_id else TokenScope.MANAGE
        call = MutationCall(viewer, "revokeToken", scope, request.idempotency_key, {"token_id": token_id})
        streams = await self._streams_of(token_id)

        async def body(transaction: Transaction) -> dict[str, Any]:
            if await store.owner_of(transaction, token_id) != viewer.user_id:
                raise NotFound("You have no access token with this id.", field=("token_id",))
            await _revoke(transaction, token_id, viewer.user_id, viewer.actor, streams)
            return {"token_id": token_id}

        result = await self._runner.run(call, streams[0], body)
        return str(result["token_id"])

    async def revoke_any(self, operator: Operator, token_id: str) -> None:
        """Revokes the token of any user. Raises Forbidden, NotFound."""
        streams = await self._streams_of(token_id)

        async def body(transaction: Transaction) -> None:
            user_id = await store.owner_of(transaction, token_id)
            if user_id is None:
                raise NotFound.absent("access token")
            await _revoke(transaction, token_id, user_id, operator.actor, streams)

        await self._runner.run_for_operator(operator, OperatorPermission.TOKEN_MANAGE, None, body)

    async def of_user(self, user_id: str) -> list[store.ListedToken]:
        """Returns the tokens of any user, without their secrets. It is for the command line, and checks no right."""
        async with self._database.read() as reader:
            return await store.of_user(reader, user_id)

    async def close(self) -> None:
        """Waits until each use that is being recorded is recorded."""
        await asyncio.gather(*self._recordings.values())

    async def _streams_of(self, token_id: str) -> list[str]:
        """Returns the ids of the streams that a revocation writes to, in the order in which every writer locks them.

        The workspaces come first, by id, and the installation last.
        """
        async with self._database.read() as reader:
            return [*connection_store.workspaces(await connection_store.of_token(reader, token_id)), INSTALLATION_STREAM]

    async def _insert(self, transaction: Transaction, user_id: str, new: NewToken) -> tuple[str, str]:
        if not await store.lock_owner(transaction, user_id):
            raise NotFound.absent("user")
        if await store.count_active(transaction, user_id) >= self._limits.per_user:
            raise QuotaExceeded(f"A user may have at most {self._limits.per_user} access tokens. Revoke one that is not needed.")
        token_id, secret = new_id(), new_secret(PREFIX)
        row = store.NewRow(token_id, user_id, new.name.strip(), new.scopes, secret_hash(secret), secret[:HINT_LENGTH], new.expires_at)
        await store.insert_token(transaction, row)
        return token_id, secret

    def _record_use_later(self, token_id: str) -> None:
        """Starts a task that records the use, so that the request does not wait for it. There is one task for each token at a time."""
        if token_id not in self._recordings:
            task = asyncio.create_task(self._record_use(token_id), name=f"token-used-{token_id}")
            self._recordings[token_id] = task
            task.add_done_callback(lambda _: self._recordings.pop(token_id, None))

    async def _record_use(self, token_id: str) -> None:
        try:
            async with self._database.write() as transaction:
                await store.record_use(transaction, token_id, transaction.now - USE_RECORDING_INTERVAL)
        except Exception:
            logger.warning("could not record the use of a token; the next use is recorded again", exc_info=True)


async def _revoke(transaction: Transaction, token_id: str, user_id: str, actor: Actor, streams: list[str]) -> None:
    """Revokes the token, and writes a connection error for each session that is open with it.

    A session that was opened in another workspace since `streams` was read ends by the event on the installation's stream.
    """
    for stream_id in streams:
        await outbox.lock_stream(transaction, stream_id)
    if not await store.revoke(transaction, token_id):
        return
    connections = await connection_store.of_token(transaction, token_id)
    for workspace_id in streams[:-1]:
        in_workspace = [connection for connection in connections if connection.workspace_id == workspace_id]
        if in_workspace:
            events = disruption_events.access_revoked(in_workspace, actor, "The access token was revoked.", token_id)
            await outbox.append(transaction, workspace_id, events)
    revoked = TokenRevoked(token_id).event(actor, user_id=user_id)
    await outbox.append(transaction, INSTALLATION_STREAM, [revoked])
