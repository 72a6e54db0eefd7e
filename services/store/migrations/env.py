"""What Alembic runs: always on the connection that `services.store.migrate` gives, in its transaction."""

from alembic import context

from services.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by making a new one
    transactional_ddl=True,  # SQLite can, since we say BEGIN ourselves
)
context.run_migrations()
