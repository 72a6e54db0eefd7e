"""Finds what a new Studio is made from: a Studio's latest finished checkpoint, or a chosen one (B40)."""

from dataclasses import dataclass

from services.authorization import require_on_studio
from services.domain.access import Permission, Resource, Viewer
from services.domain.errors import NotAllowedNow
from services.domain.lifecycle import ENDED
from services.domain.problems import invalid
from services.domain.statuses import StudioStatus
from services.store import checkpoints, compute_environments, sessions, studios
from services.store.checkpoints import CheckpointState
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Reader
from services.store.studios import StudioState
from services.studios.start_base import first_base
from services.studios.usable_checkpoint import require_usable

FROM_STUDIO = ("studio_id",)
FROM_CHECKPOINT = ("checkpoint_id",)


@dataclass(frozen=True, slots=True)
class CloneSource:
    """The checkpoint that a new Studio starts from, and the Studio whose configuration it gets; None if that was deleted."""

    checkpoint: CheckpointState
    studio: StudioState | None


async def source_studio(reader: Reader, viewer: Viewer, studio_id: str) -> CloneSource:
    """Returns the Studio with its latest checkpoint that nothing is being saved to. Raises NotFound, Forbidden, NotAllowedNow,
    CheckpointDataMissing."""
    await require_on_studio(reader, viewer, studio_id, Permission.STUDIO_CLONE)
    studio = await studios.find(reader, studio_id)
    assert studio is not None
    await _require_saved(reader, studio)
    written = await _written_checkpoint(reader, studio)
    latest = await checkpoints.newest_with_data(reader, studio.id, except_id=written)
    if latest is None:
        latest = await first_base(reader, studio)
    if latest is None:
        raise _nothing_saved(studio)
    require_usable(latest, FROM_STUDIO)
    return CloneSource(latest, studio)


async def source_checkpoint(reader: Reader, viewer: Viewer, found: CheckpointState) -> CloneSource:
    """Returns a chosen checkpoint with its Studio, if that exists. Raises InvalidInput, NotAllowedNow, CheckpointDataMissing.

    The caller has checked that the viewer may create Studios in the checkpoint's workspace.
    """
    studio = await studios.find(reader, found.studio_id)
    if studio is not None:
        await require_on_studio(reader, viewer, studio.id, Permission.STUDIO_CLONE, Resource.CHECKPOINT)
    if studio is not None and found.id == await _written_checkpoint(reader, studio):
        message = (
            f"The running session of {studio.name} is being saved to {found.name}. Save it as a further checkpoint with `checkpointNow`, "
            "and choose that one; or choose an older checkpoint; or stop the Studio first."
        )
        raise NotAllowedNow(message, status=studio.status.value)
    require_usable(found, FROM_CHECKPOINT)
    return CloneSource(found, studio)


async def source_environment(reader: Reader, source: CloneSource, field: str) -> EnvironmentState:
    """Returns the compute environment that has the checkpoint, in which the new Studio runs. Raises InvalidInput at `field`."""
    environment_id = source.checkpoint.compute_environment_id
    environment = await compute_environments.find(reader, environment_id) if environment_id else None
    if environment is None:
        raise invalid(field, "ENVIRONMENT_REMOVED", "The compute environment that has the checkpoint was removed.")
    if not environment.enabled:
        message = f"The compute environment {environment.name}, which has the checkpoint, is disabled. Ask an administrator to enable it."
        raise invalid(field, "DISABLED", message)
    return environment


async def _written_checkpoint(reader: Reader, studio: StudioState) -> str | None:
    """Returns the id of the checkpoint that the present session is saved to; None if there is no session."""
    if studio.status in ENDED:
        return None
    session = await sessions.find(reader, studio.id, studio.session_number)
    return session.checkpoint_id if session else None


async def _require_saved(reader: Reader, studio: StudioState) -> None:
    """Raises NotAllowedNow while the last files of the Studio are not saved: a clone would silently be made from older ones."""
    if studio.status is StudioStatus.STOPPING:
        message = "The Studio is stopping, and its files are being saved. Clone it once it has stopped, or choose a checkpoint."
        raise NotAllowedNow(message, status=studio.status.value, until=studio.deadline)
    if studio.status in ENDED and await sessions.unsaved(reader, studio.id):
        message = "The files of the last session are not saved yet. Start the Studio, which saves them first, or choose a checkpoint."
        raise NotAllowedNow(message, status=studio.status.value)


def _nothing_saved(studio: StudioState) -> NotAllowedNow:
    advice = "Start it, or create a new Studio from its template."
    if studio.status is StudioStatus.RUNNING:
        advice = "Save its running session with `checkpointNow`, then clone it."
    return NotAllowedNow(f"Nothing of {studio.name} is saved yet that a new Studio could start from. {advice}", status=studio.status.value)
