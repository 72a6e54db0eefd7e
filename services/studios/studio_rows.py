"""Adds the row of a new Studio, which has not run yet (B11, B15)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.domain.access import Viewer
from services.domain.errors import Conflict
from services.domain.event_payloads import StudioCreated
from services.domain.ids import new_id, new_public_id
from services.domain.names import name_key
from services.domain.statuses import StudioStatus
from services.store import outbox, studios
from services.store.db.database import Reader, Transaction
from services.store.studios import StudioState


class NameTaken(Conflict):
    """Another Studio of the workspace has this name (B15)."""

    code = "NAME_TAKEN"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is already a Studio called {name!r} in this workspace. Choose another name.", field=("name",))


@dataclass(frozen=True, slots=True)
class NewStudio:
    """A Studio to be added. `configuration` has the columns of that name, with sealed secrets.

    `parent_checkpoint_id` is the checkpoint that its first session starts from; None for the image of the template alone.
    """

    workspace_id: str
    name: str
    description: str | None
    template_id: str
    compute_environment_id: str
    configuration: Mapping[str, Any]
    parent_checkpoint_id: str | None = None


async def require_free_name(reader: Reader, workspace_id: str, name: str) -> None:
    """Raises NameTaken if a Studio of the workspace has the name."""
    if await studios.name_taken(reader, workspace_id, name_key(name)):
        raise NameTaken(name.strip())


async def add_studio(transaction: Transaction, viewer: Viewer, new: NewStudio) -> StudioState:
    """Adds the row and its event. The caller has checked everything."""
    name, studio_id = new.name.strip(), new_id()
    values = {
        **new.configuration,
        "id": studio_id,
        "public_id": new_public_id(),
        "workspace_id": new.workspace_id,
        "owner_id": viewer.user_id,
        "template_id": new.template_id,
        "compute_environment_id": new.compute_environment_id,
        "name": name,
        "name_key": name_key(name),
        "description": new.description,
        "desired": StudioStatus.STOPPED.value,
        "status": StudioStatus.STOPPED.value,
        "parent_checkpoint_id": new.parent_checkpoint_id,
    }
    await studios.add(transaction, values)
    created = StudioCreated(StudioStatus.STOPPED).event(viewer.actor, studio_id, name)
    await outbox.append(transaction, new.workspace_id, [created])
    studio = await studios.find(transaction, studio_id)
    assert studio is not None
    return studio
