"""Loads operations and their steps."""

from resolvers.loaders.factories import list_each, one_each
from services.store.reads import operations as reads

by_id = one_each(reads.by_ids)
steps = list_each(reads.steps)
