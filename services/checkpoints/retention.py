"""Deletes checkpoints beyond the number that a workspace keeps (B35)."""

from services.domain.actor import Actor
from services.store import checkpoint_uses, compute_environments
from services.store.db.database import Transaction
from services.store.studios import StudioState
from services.studios.checkpoint_rows import remove_checkpoints


async def apply_retention(transaction: Transaction, studio: StudioState) -> None:
    """Removes checkpoints of the Studio beyond the number that its workspace keeps; named and needed ones stay."""
    kept = (await compute_environments.settings(transaction, studio.workspace_id)).kept_checkpoints
    if not kept:
        return
    unneeded = await checkpoint_uses.beyond_retention(transaction, studio.id, kept)
    if unneeded:
        await remove_checkpoints(transaction, studio, unneeded, Actor.system("retention"))
