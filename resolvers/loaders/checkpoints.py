"""Loads checkpoints."""

from resolvers.loaders.factories import one_each, page_each, total_each
from services.store.reads import checkpoints as reads

by_id = one_each(reads.by_ids)
newest = one_each(reads.newest)
pages = page_each(reads.pages, "checkpoints", int, lambda row: row.number, lambda row: row.id)
total = total_each(reads.count)
