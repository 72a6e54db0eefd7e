"""Stores which checkpoints a Studio that was made from another one has inherited (B41)."""

from sqlalchemy import Integer, exists, insert, literal, select

from services.store.db.database import Reader, Transaction
from services.store.tables import core

C = core.checkpoint.c
MAX_DEPTH = 500
"""The number of generations that a Studio inherits; the ones before are not listed."""


async def inherit(transaction: Transaction, studio_id: str, checkpoint_id: str) -> None:
    """Gives the Studio the history of the checkpoint that it is made from, in one statement."""
    chain = select(C.id, C.parent_id, literal(0, Integer).label("depth")).where(C.id == checkpoint_id).cte("chain", recursive=True)
    parents = select(C.id, C.parent_id, chain.c.depth + 1).join(chain, C.id == chain.c.parent_id).where(chain.c.depth < MAX_DEPTH - 1)
    chain = chain.union_all(parents)
    rows = select(literal(studio_id), chain.c.depth, chain.c.id)
    await transaction.execute(insert(core.inherited_checkpoint).from_select(["studio_id", "depth", "checkpoint_id"], rows))


async def has(reader: Reader, studio_id: str, checkpoint_id: str) -> bool:
    """Returns whether the Studio has inherited the checkpoint."""
    inherited = core.inherited_checkpoint.c
    found = select(inherited.depth).where(inherited.studio_id == studio_id, inherited.checkpoint_id == checkpoint_id)
    return bool((await reader.execute(select(exists(found)))).scalar_one())
