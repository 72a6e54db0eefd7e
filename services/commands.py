"""The one command runner: every mutation's transaction is opened here (DESIGN 2, B95)."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from services.domain.access import Operator, OperatorPermission, Viewer, require_operator
from services.domain.errors import Conflict
from services.domain.limits import MAX_IDEMPOTENCY_KEY_LENGTH
from services.domain.problems import invalid
from services.store import idempotency, outbox
from services.store.db.database import Database, Transaction


class IdempotencyKeyReused(Conflict):
    """The key was used for the same mutation with another input."""

    code = "IDEMPOTENCY_KEY_REUSED"


Body = Callable[[Transaction], Awaitable[dict[str, Any]]]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class CommandRunner:
    """Runs commands, each once per idempotency key. Errors are not recorded: a failed command may be tried again."""

    database: Database

    async def run(
        self, viewer: Viewer, mutation: str, key: str | None, given: Mapping[str, Any], workspace_id: str, body: Body
    ) -> dict[str, Any]:
        """Run `body` in a transaction that holds the workspace's stream lock; answer the ids it returns, or those of the first run.

        `given` is what was asked for, in JSON terms; `key` None runs always. Raises IdempotencyKeyReused, and what `body` raises.
        """
        check_key(key)
        use = None if key is None else idempotency.Use(viewer.user_id, mutation, key)
        async with self.database.write() as transaction:
            if use:
                await idempotency.hold(transaction, use)
            await outbox.lock_stream(transaction, workspace_id)
            if use is None:
                return await body(transaction)
            digest = input_hash(given)
            recorded = await idempotency.find(transaction, use)
            if recorded is None:
                result = await body(transaction)
                await idempotency.record(transaction, use, digest, result)
                return result
        return _checked(recorded, digest)

    async def run_for_operator(
        self, operator: Operator, permission: OperatorPermission, workspace_id: str | None, body: Callable[[Transaction], Awaitable[Result]]
    ) -> Result:
        """Runs `body` for the operator in a transaction that holds the workspace's stream lock, if it concerns one workspace.

        Raises Forbidden, and what `body` raises.
        """
        require_operator(permission, operator)
        async with self.database.write() as transaction:
            if workspace_id is not None:
                await outbox.lock_stream(transaction, workspace_id)
            return await body(transaction)

    async def recorded(self, viewer: Viewer, mutation: str, key: str | None, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """What a first run answered, where what it acted on is gone (a deleted Studio). Raises IdempotencyKeyReused."""
        if key is None:
            return None
        async with self.database.read() as reader:
            recorded = await idempotency.find(reader, idempotency.Use(viewer.user_id, mutation, key))
        return _checked(recorded, input_hash(given)) if recorded else None


def _checked(recorded: idempotency.Recorded, digest: str) -> dict[str, Any]:
    if recorded.input_hash != digest:
        raise IdempotencyKeyReused("This idempotency key was used with another input. Use a new key.", field=("idempotency_key",))
    return recorded.result


def check_key(key: str | None) -> None:
    """Raise InvalidInput for an empty or overlong key, or one that no log or database could hold."""
    if key is not None and not (1 <= len(key) <= MAX_IDEMPOTENCY_KEY_LENGTH and key.isprintable()):
        message = f"An idempotency key has 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} characters that can be shown."
        raise invalid("idempotency_key", "LENGTH", message)


def input_hash(value: Mapping[str, Any]) -> str:
    """A digest of an input, so that no secret in it is stored."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()
