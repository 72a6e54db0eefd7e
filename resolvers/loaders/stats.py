"""Loads the newest measurement of running sessions."""

from resolvers.loaders.factories import one_each
from services.store.reads import stats as reads

of_studios = one_each(reads.of_studios)
