"""Loads attempts to migrate Studios."""

from resolvers.loaders.factories import list_each, one_each
from services.store.reads import migration_attempts as reads

by_id = one_each(reads.by_ids)
of_studios = list_each(reads.of_studios)
