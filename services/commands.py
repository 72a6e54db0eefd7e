"""Runs commands: opens the transaction of every mutation, and runs each once per idempotency key (B95)."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import orjson

from services.domain.access import Operator, OperatorPermission, TokenScope, Viewer, require_operator, require_scope
from services.domain.errors import Conflict
from services.domain.limits import MAX_IDEMPOTENCY_KEY_LENGTH
from services.domain.problems import invalid
from services.domain.unset import UNSET
from services.store import idempotency, outbox
from services.store.db.database import Database, Transaction

INPUT_KEY = "idempotency inputs"
"""The purpose of `CommandRunner.input_key`, which is derived from the installation's key."""


class IdempotencyKeyReused(Conflict):
    """The key was used for the same mutation with another input."""

    code = "IDEMPOTENCY_KEY_REUSED"


Body = Callable[[Transaction], Awaitable[dict[str, Any]]]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class MutationCall:
    """One call of a mutation, of which nothing was read yet: whose it is, its input in JSON terms, and its idempotency key.

    A call whose token lacks `scope` cannot be made, so that it learns neither what exists nor which keys were used. `scope` is None
    for what every token may do.
    """

    viewer: Viewer
    mutation: str
    scope: TokenScope | None
    key: str | None
    request: Mapping[str, Any] = field(repr=False)

    def __post_init__(self) -> None:
        """Raises Forbidden, and InvalidInput for a key that is not one."""
        if self.scope is not None:
            require_scope(self.scope, self.viewer.scopes)
        _check_key(self.key)

    @property
    def scoped_key(self) -> idempotency.ScopedKey | None:
        return None if self.key is None else idempotency.ScopedKey(self.viewer.user_id, self.mutation, self.key)


@dataclass(frozen=True, slots=True)
class CommandRunner:
    """Runs commands, each once per idempotency key. Errors are not recorded: a failed command may be tried again.

    `input_key` keys the digests of inputs, which may hold secrets that could be guessed; without it no idempotency key is taken.
    """

    database: Database
    input_key: bytes | None = field(default=None, repr=False)

    async def run(self, call: MutationCall, workspace_id: str, body: Body) -> dict[str, Any]:
        """Runs `body` in a transaction that holds the lock of the workspace's stream; returns its ids, or those of the first run.

        A call without a key always runs. Raises IdempotencyKeyReused, and what `body` raises.
        """
        scoped_key = call.scoped_key
        async with outbox.stream_transaction(self.database, workspace_id, key=scoped_key) as transaction:
            if scoped_key is None:
                return await body(transaction)
            digest = self._input_hash(call.request)
            recorded = await idempotency.find(transaction, scoped_key)
            if recorded is None:
                result = await body(transaction)
                await idempotency.record(transaction, scoped_key, digest, result)
                return result
        return _result_of(recorded, digest)

    async def run_for_operator(
        self, operator: Operator, permission: OperatorPermission, workspace_id: str | None, body: Callable[[Transaction], Awaitable[Result]]
    ) -> Result:
        """Runs `body` for the operator in a transaction that holds the workspace's stream lock, if it concerns one workspace.

        Raises Forbidden, and what `body` raises.
        """
        require_operator(permission, operator)
        database = self.database
        async with database.write() if workspace_id is None else outbox.stream_transaction(database, workspace_id) as transaction:
            return await body(transaction)

    async def recorded(self, call: MutationCall) -> dict[str, Any] | None:
        """Returns the ids that the first run returned, for a command whose Studio is deleted. Raises IdempotencyKeyReused."""
        scoped_key = call.scoped_key
        if scoped_key is None:
            return None
        async with self.database.read() as reader:
            recorded = await idempotency.find(reader, scoped_key)
        return _result_of(recorded, self._input_hash(call.request)) if recorded else None

    def _input_hash(self, request: Mapping[str, Any]) -> str:
        """The digest of an input: the input itself may hold secrets, and is not stored."""
        if self.input_key is None:
            raise RuntimeError("this runner takes no idempotency keys")
        return hmac.digest(self.input_key, orjson.dumps(request, option=orjson.OPT_SORT_KEYS, default=str), "sha256").hex()


def idempotency_input(request: Any) -> dict[str, Any]:
    """Returns the part of a request that must be the same for a repetition under one idempotency key, without fields that are absent."""
    values: dict[str, Any] = asdict(request, dict_factory=lambda items: {name: value for name, value in items if value is not UNSET})
    return {name: value for name, value in values.items() if name != "idempotency_key"}


def _result_of(recorded: idempotency.RecordedResult, digest: str) -> dict[str, Any]:
    if recorded.input_hash != digest:
        raise IdempotencyKeyReused("This idempotency key was used with another input. Use a new key.", field=("idempotency_key",))
    return recorded.result


def _check_key(key: str | None) -> None:
    """Raises InvalidInput for a key that is empty, too long, or has characters that cannot be shown."""
    if key is not None and not (1 <= len(key) <= MAX_IDEMPOTENCY_KEY_LENGTH and key.isprintable()):
        message = f"An idempotency key has 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} printable characters."
        raise invalid("idempotency_key", "LENGTH", message)
