"""Loads organizations."""

from resolvers.loaders.factories import one_each
from services.store.reads import organizations as reads

by_id = one_each(reads.organizations)
by_slug = one_each(reads.organizations_by_slug)
