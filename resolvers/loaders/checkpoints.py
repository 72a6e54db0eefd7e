"""Loads checkpoints."""

from resolvers.loaders.factories import list_each, one_each, page_each, total_each
from services.store.checkpoint_uses import visible_uses
from services.store.reads import checkpoints as reads

by_id = one_each(reads.by_ids)
newest = one_each(reads.newest)
pages = page_each(reads.pages, "checkpoints", int, lambda row: row.number, lambda row: row.id)
total = total_each(reads.count)
uses = list_each(visible_uses)
