"""Loads sessions."""

from resolvers.loaders.factories import one_each, page_each, total_each
from services.store.reads import sessions as reads

by_id = one_each(reads.by_ids)
configurations = one_each(reads.configurations)
pages = page_each(reads.pages, "sessions", int, lambda row: row.number, lambda row: row.id)
total = total_each(reads.count)
