"""Loads compute environments and what sessions use of them."""

from collections.abc import Sequence

from resolvers.batches import LoadContext
from resolvers.loaders.factories import list_each, one_each
from services.domain.statuses import ComputeKind
from services.store.reads import compute as reads

by_id = one_each(reads.environments)
of_workspaces = list_each(reads.environments_of)
usage = one_each(reads.usage)


async def kinds(context: LoadContext, keys: Sequence[None], _arguments: None) -> list[list[ComputeKind]]:
    """Loads the kinds of the enabled compute environments of all workspaces, the same for each key."""
    enabled = await reads.kinds(context.reader)
    return [enabled for _ in keys]
