"""The commands that users run on checkpoints."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from services.commands import CommandRunner, MutationCall
from services.domain.access import MATRIX, Permission, Resource, Viewer
from services.domain.errors import Conflict, NotAllowedNow, StillNeeded
from services.domain.event_payloads import CheckpointChange, CheckpointChanged
from services.domain.lifecycle import Action
from services.domain.names import name_key
from services.domain.problems import check_name
from services.domain.statuses import CheckpointStatus, CheckpointUseKind
from services.domain.time_policy import TimePolicy
from services.rows.studio import CheckpointUseRow
from services.store import checkpoint_uses, checkpoints, outbox, sessions
from services.store.checkpoints import CheckpointState
from services.store.db.database import Transaction
from services.store.studios import StudioState
from services.studios import rights
from services.studios.checkpoint_rows import remove_checkpoints
from services.studios.requested_checkpoint import request_checkpoint
from services.studios.requests import CheckpointNowRequest, CheckpointOutcome, DeleteCheckpointRequest, RenameCheckpointRequest
from services.studios.status_rules import require_status

USES = {CheckpointUseKind.NEXT_START: "the next start of Studio", CheckpointUseKind.SESSION: "a session of Studio"}
"""How the kinds of uses are named in the message of an error."""


class CheckpointNameTaken(Conflict):
    """Another checkpoint of the Studio has this name (B32)."""

    code = "NAME_TAKEN"

    def __init__(self, name: str) -> None:
        super().__init__(f"Another checkpoint of this Studio is called {name!r}. Choose another name.", field=("name",))


class CheckpointNeeded(StillNeeded):
    """The data of the checkpoint cannot be deleted, since something needs it (B35)."""

    def __init__(self, checkpoint: CheckpointState, uses: list[CheckpointUseRow]) -> None:
        super().__init__(f"The checkpoint {checkpoint.name}", [f"{USES[use.kind]} {use.studio_name}" for use in uses])
        self.uses = uses


Body = Callable[[Transaction, CheckpointState], Awaitable[None]]


class Checkpoints:
    """Each method is one command. Every method raises NotFound, Forbidden and IdempotencyKeyReused, besides what it says."""

    def __init__(self, runner: CommandRunner, policy: TimePolicy) -> None:
        self._runner = runner
        self._policy = policy

    async def save_now(self, viewer: Viewer, request: CheckpointNowRequest) -> CheckpointOutcome:
        """Has a running session saved as a further checkpoint (B34). Raises NotAllowedNow, InvalidInput, CheckpointNameTaken.

        While one is being saved, a call without another name returns that one.
        """
        call = _call(viewer, "checkpointNow", request)
        workspace_id = await rights.workspace_of(self._runner.database, request.studio_id)

        async def body(transaction: Transaction) -> dict[str, Any]:
            studio = await rights.studio_for(transaction, viewer, request.studio_id, Permission.CHECKPOINT_EDIT)
            require_status(studio, Action.CHECKPOINT_NOW)
            return asdict(await self._save_now(transaction, viewer, studio, request.name))

        return CheckpointOutcome(**await self._runner.run(call, workspace_id, body))

    async def _save_now(self, transaction: Transaction, viewer: Viewer, studio: StudioState, text: str | None) -> CheckpointOutcome:
        session = await sessions.find(transaction, studio.id, studio.session_number)
        assert session is not None
        name = None if text is None else _checked_name(text)
        if session.requested_checkpoint_id:
            pending = await checkpoints.find(transaction, session.requested_checkpoint_id)
            assert pending is not None
            if name not in (None, pending.name):
                message = f"The checkpoint {pending.name} is being saved. Save another one when that is done."
                raise NotAllowedNow(message, status=studio.status.value)
            return CheckpointOutcome(pending.id, session.requested_operation_id)
        if name is not None:
            await _require_free(transaction, studio.id, name)
        return CheckpointOutcome(*await request_checkpoint(transaction, viewer, studio, session, name, self._policy))

    async def rename(self, viewer: Viewer, request: RenameCheckpointRequest) -> CheckpointOutcome:
        """Renames a checkpoint; blanks become underscores (B32). Raises InvalidInput, CheckpointNameTaken."""

        async def rename(transaction: Transaction, checkpoint: CheckpointState) -> None:
            await _rename(transaction, viewer, checkpoint, request.name)

        return await self._on_checkpoint(viewer, "renameCheckpoint", request, rename)

    async def delete(self, viewer: Viewer, request: DeleteCheckpointRequest) -> CheckpointOutcome:
        """Deletes the data of a checkpoint that nothing needs; the row stays (B35). Deleted again, it is a success that changes nothing.

        Raises CheckpointNeeded.
        """

        async def delete(transaction: Transaction, checkpoint: CheckpointState) -> None:
            await _delete(transaction, viewer, checkpoint)

        return await self._on_checkpoint(viewer, "deleteCheckpoint", request, delete)

    async def _on_checkpoint(
        self, viewer: Viewer, mutation: str, request: RenameCheckpointRequest | DeleteCheckpointRequest, body: Body
    ) -> CheckpointOutcome:
        call = _call(viewer, mutation, request)
        async with self._runner.database.read() as reader:
            known = await checkpoints.find(reader, request.checkpoint_id)
        if known is None:
            raise Resource.CHECKPOINT.not_found()

        async def run(transaction: Transaction) -> dict[str, Any]:
            checkpoint = await checkpoints.find(transaction, known.id)
            assert checkpoint is not None
            await body(transaction, checkpoint)
            return asdict(CheckpointOutcome(checkpoint.id))

        return CheckpointOutcome(**await self._runner.run(call, known.workspace_id, run))


def _call(viewer: Viewer, mutation: str, request: CheckpointNowRequest | RenameCheckpointRequest | DeleteCheckpointRequest) -> MutationCall:
    recorded_input = {name: value for name, value in asdict(request).items() if name != "idempotency_key"}
    return MutationCall(viewer, mutation, MATRIX[Permission.CHECKPOINT_EDIT].scope, request.idempotency_key, recorded_input)


def _checked_name(text: str) -> str:
    """Returns the name with underscores for blanks. Raises InvalidInput."""
    check_name(text)
    return "_".join(text.split())


async def _require_free(transaction: Transaction, studio_id: str, name: str, except_id: str | None = None) -> None:
    if await checkpoints.name_taken(transaction, studio_id, name_key(name), except_id=except_id):
        raise CheckpointNameTaken(name)


async def _studio_of(transaction: Transaction, viewer: Viewer, checkpoint: CheckpointState) -> StudioState:
    """Returns the checkpoint's Studio. Raises NotFound and Forbidden."""
    return await rights.studio_for(transaction, viewer, checkpoint.studio_id, Permission.CHECKPOINT_EDIT, Resource.CHECKPOINT)


async def _rename(transaction: Transaction, viewer: Viewer, checkpoint: CheckpointState, text: str) -> None:
    studio = await _studio_of(transaction, viewer, checkpoint)
    if checkpoint.deleted_at is not None:
        raise Conflict(f"The checkpoint {checkpoint.name} was deleted, so that it cannot be renamed.")
    name = _checked_name(text)
    await _require_free(transaction, studio.id, name, except_id=checkpoint.id)
    await checkpoints.change(transaction, checkpoint.id, name=name, name_key=name_key(name), named=True)
    payload = CheckpointChanged(checkpoint.id, name, CheckpointStatus(checkpoint.status), CheckpointChange.RENAMED)
    await outbox.append(transaction, studio.workspace_id, [payload.event(viewer.actor, studio.id, studio.name)])


async def _delete(transaction: Transaction, viewer: Viewer, checkpoint: CheckpointState) -> None:
    studio = await _studio_of(transaction, viewer, checkpoint)
    if checkpoint.deleted_at is not None:
        return
    uses = await checkpoint_uses.uses(transaction, checkpoint.id)
    if uses:
        raise CheckpointNeeded(checkpoint, uses)
    await remove_checkpoints(transaction, studio, [checkpoint], viewer.actor)
