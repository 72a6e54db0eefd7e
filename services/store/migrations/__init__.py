"""The schema's history (Alembic). `services.store.migrate` runs it; nothing else imports it.

Until the first release the migrations are made from the tables, half of them in each of two files: after a change of
`services/store/tables` run `python -m services.store.migrations` and commit what it writes (a test compares the two on both
databases). From the first release on, a change of the tables is a new file in `versions/`, and HEAD names it.
"""

HEAD = "0002"
"""The newest revision: what this code needs. Kept here, so that a start need not read every migration (a test compares)."""
