"""The schema's history (Alembic). `services.store.migrate` runs it; nothing else imports it.

Until the first release there is one migration, made from the tables: after a change of `services/store/tables` run
`python -m services.store.migrations` and commit the file it writes (a test compares the two on both databases). From the first
release on, a change of the tables is a new file in `versions/`, and HEAD names it.
"""

HEAD = "0001"
"""The newest revision: what this code needs. Kept here, so that a start need not read every migration (a test compares)."""
