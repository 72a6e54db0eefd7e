"""Storage: the only package that uses SQLModel, SQLAlchemy and SQL. `schema`, `resolvers` and `connect` never import those."""
