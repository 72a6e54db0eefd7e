"""The schema's history (Alembic). `services.store.migrate` runs it; nothing else imports it.

A change of `services/store/tables` is a new file in `versions/`, and HEAD names it: `python -m services.store.migrations WORDS`
drafts it from the difference (a test compares tables and migrations on both databases).
"""

HEAD = "0019"
"""The newest revision: what this code needs. Kept here, so that a start need not read every migration (a test compares)."""
