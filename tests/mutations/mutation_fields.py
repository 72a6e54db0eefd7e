"""The mutations of the schema, as graphql-core sees them."""

from schema.build import build_schema, core_schema

CORE = core_schema(build_schema())
assert CORE.mutation_type
MUTATIONS = CORE.mutation_type.fields
