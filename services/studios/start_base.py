"""Chooses the checkpoint that a session starts from: never an older one, or none, unless the user has accepted that (B10, B38)."""

from services.domain.errors import CheckpointDataMissing, NotFound
from services.domain.statuses import CheckpointStatus
from services.store import checkpoints, sessions
from services.store.checkpoints import CheckpointState
from services.store.db.database import Reader
from services.store.studios import StudioState
from services.studios.usable_checkpoint import require_usable

FROM_CHECKPOINT = ("from_checkpoint_id",)
ACCEPT_OLDER = ("accept_older_checkpoint",)


async def start_base(reader: Reader, studio: StudioState, *, chosen_id: str | None, accept_older: bool) -> str | None:
    """Returns `chosen_id` if a user chose a checkpoint of the Studio; else the id of the one that was saved last, or of the one that the
    Studio was made from; None to start without files.

    Raises CheckpointDataMissing if that is INVALID and the user has not accepted an older one, NotFound and InvalidInput for a chosen one
    that cannot be started from. A former session that is still to be saved takes the place of the newest as soon as it is saved.
    """
    if chosen_id is not None:
        return await _chosen(reader, studio, chosen_id)
    newest = await checkpoints.newest_with_data(reader, studio.id) or await first_base(reader, studio)
    if newest is None or newest.status != CheckpointStatus.INVALID.value:
        return newest.id if newest else studio.parent_checkpoint_id
    if await sessions.unsaved(reader, studio.id):
        return newest.id
    older_id, message = await fallback(reader, studio, newest)
    if not accept_older:
        raise CheckpointDataMissing(message, field=ACCEPT_OLDER, checkpoint_id=newest.id, older_checkpoint_id=older_id)
    return older_id


async def first_base(reader: Reader, studio: StudioState) -> CheckpointState | None:
    """Returns the checkpoint that the first session of the Studio starts from; None for the image of the template alone.

    A migration puts the one that the Studio was made from over another template: that one itself has the former template (B74).
    """
    if studio.parent_checkpoint_id is None:
        return None
    return await checkpoints.of_migration(reader, studio.id) or await checkpoints.find(reader, studio.parent_checkpoint_id)


async def _chosen(reader: Reader, studio: StudioState, checkpoint_id: str) -> str:
    chosen = await checkpoints.find(reader, checkpoint_id)
    if chosen is None or chosen.studio_id != studio.id:
        raise NotFound.absent("checkpoint of this Studio", field=FROM_CHECKPOINT)
    require_usable(chosen, FROM_CHECKPOINT)
    return chosen.id


async def fallback(reader: Reader, studio: StudioState, missing: CheckpointState) -> tuple[str | None, str]:
    """Returns the id of the checkpoint that a start can continue from in place of the missing one, and a message that names both.

    `missing` has no data, or never had: its session was lost before the first save.
    """
    older = await checkpoints.latest_saved(reader, studio.id)
    if older is None:
        first = await first_base(reader, studio)
        is_usable = first is not None and first.status != CheckpointStatus.INVALID.value and first.deleted_at is None
        older = first if is_usable and first and first.id != missing.id else None
    source = f"from the older checkpoint {older.name}" if older else "without any saved files"
    if missing.reference is None:
        loss = f"The files of the last session were lost before they were saved as {missing.name}."
        advice = "Start it with `acceptOlderCheckpoint` to accept that."
    else:
        loss = f"The data of the checkpoint {missing.name}, which is the newest, is missing."
        advice = "Start it with `acceptOlderCheckpoint` to accept that, or bring the data back and start it again."
    return (older.id if older else None), f"{loss} A start would continue {source}. {advice}"
