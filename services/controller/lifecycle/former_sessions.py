"""Saves what a Studio's former session left unsaved, and removes its resources, before the next session starts (B8)."""

from services.checkpoints import saves
from services.checkpoints.saves import SaveKind
from services.compute.protocol import ComputeFailed, Presence, Saved
from services.controller.error_text import describe_error
from services.controller.lifecycle.claimed_studio import ClaimedStudio
from services.controller.lifecycle.session_save import find_final_save, save_session
from services.domain.statuses import StudioStatus
from services.store import checkpoints, cleanup_tasks, sessions
from services.store.cleanup_tasks import SessionCleanup
from services.store.sessions import SessionState
from services.studios.progress import Step


class PreviousSaveFailed(Exception):
    """The former session's file system could not be saved, so this start must not go on (B8)."""


class PreviousSessionLost(Exception):
    """The former session was removed from outside before it was saved: whether to start without its files is the user's decision (B38)."""

    def __init__(self, session: SessionState) -> None:
        super().__init__("The former session was removed from the compute environment from outside before it could be saved.")
        self.session = session


async def clean_up_former_sessions(claim: ClaimedStudio) -> None:
    """Saves the former session and removes the resources of all former ones.

    Raises PreviousSaveFailed, PreviousSessionLost, ComputeFailed, ComputeUnknown.
    """
    async with claim.services.database.read() as reader:
        unsaved = await sessions.unsaved_before(reader, claim.studio.id, claim.session.number)
        tasks = await cleanup_tasks.pending_of_studio(reader, claim.services.installation, claim.studio.id)
    if unsaved or tasks:
        await claim.report_step(Step.CLEAN)
    if unsaved:
        tasks.append(await _save(claim, unsaved))
    for task in tasks:
        compute = await claim.services.computes.get(task.compute_environment_id)
        await compute.remove(task.session)
        async with claim.result(StudioStatus.STARTING) as (transaction, _):
            await cleanup_tasks.complete(transaction, task)


async def _save(claim: ClaimedStudio, former: SessionState) -> SessionCleanup:
    """Records the save together with its clean-up task, so that a crash between the two cannot lose the session's resources."""
    saved = await _saved(claim, former)
    async with claim.result(StudioStatus.STARTING) as (transaction, studio):
        await saves.record(transaction, studio, former, saved, SaveKind.FINAL)
        if not claim.session.chosen_base:
            await sessions.change(transaction, claim.session.id, base_checkpoint_id=former.checkpoint_id)
            await checkpoints.change(transaction, claim.session.checkpoint_id, parent_id=former.checkpoint_id)
        name = claim.name_of(former.number)
        task = await cleanup_tasks.add_session(transaction, former.compute_environment_id, name)
    await claim.reload_session()
    return task


async def _saved(claim: ClaimedStudio, former: SessionState) -> Saved:
    """Ends the session's processes and saves it. A session that is gone may have a finished save whose record was lost."""
    compute, name = await claim.services.computes.get(former.compute_environment_id), claim.name_of(former.number)
    if (await compute.observe(name)).presence is Presence.ABSENT:
        saved = await find_final_save(claim, former)
        if saved is None:
            raise PreviousSessionLost(former)
        return saved
    try:
        await compute.stop(name, claim.policy.stop_grace)
        return await save_session(claim, former, SaveKind.FINAL, lambda message: claim.report_step(Step.CLEAN, message))
    except ComputeFailed as failed:
        raise PreviousSaveFailed(f"The former session still cannot be saved: {describe_error(failed)}") from failed
