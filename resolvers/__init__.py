"""The work of one request: context, permissions, pagination. Takes a Context, returns domain objects; knows no GraphQL."""
