"""The mutations of the schema, as graphql-core sees them."""

from schema.build import build_schema

CORE = build_schema()._schema
assert CORE.mutation_type
MUTATIONS = CORE.mutation_type.fields
