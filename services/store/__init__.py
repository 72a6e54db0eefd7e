"""The only place that knows SQLModel, SQLAlchemy and SQL. `schema`, `resolvers` and `connect` never import those."""
