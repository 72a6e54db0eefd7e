"""The commands that users run on checkpoints."""

from typing import Any

from services.commands import CommandRunner, MutationCall
from services.domain.access import MATRIX, Permission, Resource, Viewer
from services.domain.errors import Conflict
from services.domain.event_payloads import CheckpointChange, CheckpointChanged
from services.domain.names import name_key
from services.domain.problems import check_name
from services.domain.statuses import CheckpointStatus
from services.store import checkpoints, outbox
from services.store.checkpoints import CheckpointState
from services.store.db.database import Transaction
from services.studios import rights
from services.studios.requests import RenameCheckpointRequest


class CheckpointNameTaken(Conflict):
    """Another checkpoint of the Studio has this name (B32)."""

    code = "NAME_TAKEN"


class Checkpoints:
    """Each method is one command."""

    def __init__(self, runner: CommandRunner) -> None:
        self._runner = runner

    async def rename(self, viewer: Viewer, request: RenameCheckpointRequest) -> str:
        """Renames a checkpoint; blanks become underscores (B32). Returns its id. Raises NotFound, Forbidden, InvalidInput, Conflict."""
        recorded_input = {"checkpoint_id": request.checkpoint_id, "name": request.name}
        scope = MATRIX[Permission.CHECKPOINT_EDIT].scope
        call = MutationCall(viewer, "renameCheckpoint", scope, request.idempotency_key, recorded_input)
        checkpoint = await self._find(request.checkpoint_id)

        async def body(transaction: Transaction) -> dict[str, Any]:
            await _rename(transaction, viewer, checkpoint, request.name)
            return {"checkpoint_id": checkpoint.id}

        result = await self._runner.run(call, checkpoint.workspace_id, body)
        return str(result["checkpoint_id"])

    async def _find(self, checkpoint_id: str) -> CheckpointState:
        async with self._runner.database.read() as reader:
            checkpoint = await checkpoints.find(reader, checkpoint_id)
        if checkpoint is None:
            raise Resource.CHECKPOINT.not_found()
        return checkpoint


async def _rename(transaction: Transaction, viewer: Viewer, checkpoint: CheckpointState, text: str) -> None:
    studio = await rights.studio_for(transaction, viewer, checkpoint.studio_id, Permission.CHECKPOINT_EDIT, Resource.CHECKPOINT)
    check_name(text)
    name = "_".join(text.split())
    if await checkpoints.name_taken(transaction, studio.id, name_key(name), except_id=checkpoint.id):
        raise CheckpointNameTaken(f"Another checkpoint of this Studio is called {name!r}. Choose another name.", field=("name",))
    await checkpoints.change(transaction, checkpoint.id, name=name, name_key=name_key(name))
    payload = CheckpointChanged(checkpoint.id, name, CheckpointStatus(checkpoint.status), CheckpointChange.RENAMED)
    await outbox.append(transaction, studio.workspace_id, [payload.event(viewer.actor, studio.id, studio.name)])
