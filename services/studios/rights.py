"""Finding what a command acts on, and whether its viewer may (B92: a stranger cannot tell absent from forbidden)."""

from services.domain import access
from services.domain.access import Permission, Role, Viewer
from services.domain.errors import NotFound, StaleRevision
from services.store import members, studios
from services.store.db.database import Database, Transaction
from services.store.studios import StudioState


def no_studio() -> NotFound:
    return NotFound("There is no such Studio, or you have no access to it.", field=("studio_id",))


async def workspace_of(database: Database, studio_id: str) -> str:
    """The stream to lock for a command on this Studio. Raises NotFound."""
    async with database.read() as reader:
        workspace_id = await studios.workspace_of(reader, studio_id)
    if workspace_id is None:
        raise no_studio()
    return workspace_id


async def studio_for(transaction: Transaction, viewer: Viewer, studio_id: str, permission: Permission) -> StudioState:
    """The Studio, if the viewer sees it and may. Raises NotFound, Forbidden."""
    studio = await studios.find(transaction, studio_id)
    role = await members.role_in(transaction, studio.workspace_id, viewer.user_id) if studio else None
    if studio is None or role is None:
        raise no_studio()
    access.require(permission, role, viewer.scopes)
    return studio


async def role_in(transaction: Transaction, viewer: Viewer, workspace_id: str) -> Role:
    """The viewer's role in a workspace. Raises NotFound."""
    role = await members.role_in(transaction, workspace_id, viewer.user_id)
    if role is None:
        raise NotFound("There is no such workspace, or you have no access to it.", field=("workspace_id",))
    return role


def check_revision(studio: StudioState, expected: int | None) -> None:
    """Raise StaleRevision unless the viewer edits what they saw (B95)."""
    if expected is not None and expected != studio.revision:
        message = f"It was edited meanwhile: its revision is {studio.revision}, not {expected}. Look at it again, then repeat your change."
        raise StaleRevision(message, studio_id=studio.id, revision=studio.revision)
