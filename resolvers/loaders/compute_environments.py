"""Compute environments."""

from collections.abc import Sequence

from resolvers.batches import Reading
from resolvers.loaders.factories import list_each, one_each
from services.domain.statuses import ComputeKind
from services.store.reads import compute as reads

by_id = one_each(reads.environments)
of_workspaces = list_each(reads.environments_of)
usage = one_each(reads.usage)


async def kinds(reading: Reading, asked: Sequence[None], _arguments: None) -> list[list[ComputeKind]]:
    """What the server as a whole has enabled."""
    found = await reads.kinds(reading.reader)
    return [found for _ in asked]
