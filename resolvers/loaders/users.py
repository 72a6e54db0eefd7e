"""Loads users."""

from resolvers.loaders.factories import one_each
from services.store.reads import people as reads

by_id = one_each(reads.users)
visible = one_each(reads.visible_users)
