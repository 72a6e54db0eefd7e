"""Finds the Studio that a command acts on, and checks that its viewer may run the command and edits the current revision."""

from services.authorization import require_on_studio
from services.domain.access import Permission, Resource, Viewer
from services.domain.errors import StaleRevision
from services.store import studios
from services.store.db.database import Database, Transaction
from services.store.studios import StudioState


async def workspace_of(database: Database, studio_id: str) -> str:
    """Returns the id of the Studio's workspace, whose event stream a command on the Studio locks. Raises NotFound."""
    async with database.read() as reader:
        workspace_id = await studios.workspace_of(reader, studio_id)
    if workspace_id is None:
        raise Resource.STUDIO.not_found()
    return workspace_id


async def studio_for(
    transaction: Transaction, viewer: Viewer, studio_id: str, permission: Permission, resource: Resource = Resource.STUDIO
) -> StudioState:
    """Returns the Studio if the viewer has the permission on it. Raises NotFound about `resource`, and Forbidden."""
    await require_on_studio(transaction, viewer, studio_id, permission, resource)
    studio = await studios.find(transaction, studio_id)
    assert studio is not None
    return studio


def check_revision(studio: StudioState, expected: int | None) -> None:
    """Raises StaleRevision if the Studio was edited since the viewer read the revision `expected` (B95)."""
    if expected is not None and expected != studio.revision:
        message = f"The Studio was edited: its revision is {studio.revision}, not {expected}. Read it again, then repeat the change."
        raise StaleRevision(message, studio_id=studio.id, revision=studio.revision)
