"""Records attempts to migrate a Studio and what became of them, each with events of both Studios (B75)."""

from collections.abc import Sequence

from services.domain.actor import Actor
from services.domain.event_payloads import MigrationChanged
from services.domain.migration_issues import MigrationIssue, bounded
from services.domain.statuses import MigrationState
from services.store import migration_attempts, outbox, studios
from services.store.db.database import Transaction
from services.store.migration_attempts import AttemptState, NewAttempt
from services.store.studios import StudioState


async def begin(transaction: Transaction, actor: Actor, new: NewAttempt) -> None:
    """Records an attempt that is MIGRATING, with the Studio that it has just added."""
    await migration_attempts.add(transaction, new)
    attempt = await migration_attempts.of_studio(transaction, new.studio_id)
    assert attempt is not None
    await _append_events(transaction, attempt, MigrationState.MIGRATING, actor)


async def begin_again(transaction: Transaction, studio: StudioState) -> None:
    """Makes a failed attempt MIGRATING again, if one made the Studio: its tool answers now, and its session is to be checked."""
    if studio.parent_checkpoint_id is None:
        return
    attempt = await migration_attempts.begin_again(transaction, studio.id)
    if attempt is not None:
        await _append_events(transaction, attempt, MigrationState.MIGRATING, Actor.system("migration"))


async def end(transaction: Transaction, attempt: AttemptState, state: MigrationState, issues: Sequence[MigrationIssue]) -> None:
    """Records the outcome of an attempt with the issues that were found."""
    await migration_attempts.end(transaction, attempt.id, state, bounded(issues))
    await _append_events(transaction, attempt, state, Actor.system("migration"))


async def discard(transaction: Transaction, actor: Actor, attempt: AttemptState) -> None:
    """Records that a user discarded the attempt. Its issues stay, to be mended in the original."""
    await migration_attempts.end(transaction, attempt.id, MigrationState.DISCARDED)
    await _append_events(transaction, attempt, MigrationState.DISCARDED, actor)


async def _append_events(transaction: Transaction, attempt: AttemptState, state: MigrationState, actor: Actor) -> None:
    """Appends an event of the new Studio and one of the original, since clients follow either."""
    payload = MigrationChanged(attempt.id, state)
    events = [payload.event(actor, attempt.studio_id, attempt.studio_name)]
    original = await studios.find(transaction, attempt.original_id)
    if original is not None:
        events.append(payload.event(actor, original.id, original.name))
    await outbox.append(transaction, attempt.workspace_id, events)
