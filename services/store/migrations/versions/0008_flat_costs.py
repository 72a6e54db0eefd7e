"""Indexes of what is open, and of events by kind: what runs every few seconds costs the same after years."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SESSION_END = "kind = 'connection.error' AND user_id IS NULL"


def partial(name: str, table: str, columns: list[str], where: str, sqlite_where: str | None = None) -> None:
    op.create_index(name, table, columns, postgresql_where=sa.text(where), sqlite_where=sa.text(sqlite_where or where))


def upgrade() -> None:
    partial("ix_session_open", "session", ["compute_environment_id", "studio_id"], "ended_at IS NULL")
    partial("ix_connection_open", "connection", ["studio_id", "user_id"], "ended_at IS NULL")
    partial("ix_connection_open_of_proxy", "connection", ["proxy_id"], "ended_at IS NULL")
    partial("ix_output_open", "output", ["id"], "closed IS false", "closed IS 0")
    partial("ix_event_session_end", "event", ["stream_id", "studio_id", "seq"], SESSION_END)
    op.create_index("ix_event_kind", "event", ["stream_id", "kind", "seq"])
    op.create_index("ix_operation_ended_at", "operation", ["ended_at"])


def downgrade() -> None:
    op.drop_index("ix_operation_ended_at", "operation")
    op.drop_index("ix_event_kind", "event")
    op.drop_index("ix_event_session_end", "event")
    op.drop_index("ix_output_open", "output")
    op.drop_index("ix_connection_open_of_proxy", "connection")
    op.drop_index("ix_connection_open", "connection")
    op.drop_index("ix_session_open", "session")
