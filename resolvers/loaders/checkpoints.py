"""Loads checkpoints."""

from collections.abc import Sequence
from dataclasses import dataclass

from resolvers.batches import LoadContext
from resolvers.loaders.factories import list_each, one_each, unique, window_of
from resolvers.pagination import KeysetCursor, PageArguments, make_page
from services.rows.page import Page
from services.rows.studio import CheckpointRow
from services.store.checkpoint_uses import visible_uses
from services.store.reads import checkpoints as reads
from services.store.reads import lineage

ORDER = "checkpoints"


@dataclass(frozen=True, slots=True)
class CheckpointArguments:
    """The arguments of a connection of checkpoints."""

    page: PageArguments
    search: str | None


@dataclass(frozen=True, slots=True)
class CheckpointScope:
    """The list that a page belongs to: the checkpoints of a Studio whose names contain a text."""

    studio_id: str
    search: str | None


async def pages(context: LoadContext, studio_ids: Sequence[str], arguments: CheckpointArguments) -> list[Page[CheckpointRow]]:
    """Returns a page of the checkpoints of each Studio."""
    window = window_of(arguments.page, ORDER, int)
    rows = await reads.pages(context.reader, context.viewer.user_id, unique(studio_ids), window, arguments.search)
    return [make_page(rows[id_], _cursor, arguments.page, CheckpointScope(id_, arguments.search)) for id_ in studio_ids]


def _cursor(row: CheckpointRow) -> KeysetCursor:
    return KeysetCursor(ORDER, row.position, row.id)


async def total(context: LoadContext, scopes: Sequence[CheckpointScope], _arguments: None) -> list[int]:
    """Returns the length of each list that pages were taken from."""
    numbers: dict[CheckpointScope, int] = {}
    for search in {scope.search for scope in scopes}:
        ids = unique([scope.studio_id for scope in scopes if scope.search == search])
        counts = await reads.count(context.reader, context.viewer.user_id, ids, search)
        numbers |= {CheckpointScope(id_, search): counts.get(id_, 0) for id_ in ids}
    return [numbers[scope] for scope in scopes]


by_id = one_each(reads.by_ids)
newest = one_each(reads.newest)
uses = list_each(visible_uses)
ancestors = list_each(lineage.ancestors)
derived_studios = list_each(lineage.derived_studios)
