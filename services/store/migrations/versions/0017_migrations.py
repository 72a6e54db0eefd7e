"""Attempts to migrate Studios to newer templates (B73 to B75)."""

import sqlalchemy as sa
from alembic import op

from services.store.db.types import Json, UtcTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "migrationattempt",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("workspace_id", sa.String(32), nullable=False),
        sa.Column("original_id", sa.String(32), nullable=False),
        sa.Column("original_name", sa.Text(), nullable=False),
        sa.Column("studio_id", sa.String(32), nullable=False),
        sa.Column("studio_name", sa.Text(), nullable=False),
        sa.Column("source_checkpoint_id", sa.String(32), nullable=False),
        sa.Column("checkpoint_id", sa.String(32), nullable=False),
        sa.Column("from_template_id", sa.String(32), nullable=False),
        sa.Column("to_template_id", sa.String(32), nullable=False),
        sa.Column("actor", Json, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("issues", Json, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('MIGRATING', 'SUCCEEDED', 'WITH_ISSUES', 'FAILED', 'DISCARDED')", name=op.f("ck_migrationattempt_state")
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_migrationattempt_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_migrationattempt")),
    )
    op.create_index(op.f("ix_migrationattempt_original_id"), "migrationattempt", ["original_id"])
    op.create_index(op.f("ix_migrationattempt_studio_id"), "migrationattempt", ["studio_id"])
    unchecked = sa.text("state = 'MIGRATING'")
    op.create_index("ix_migrationattempt_unchecked", "migrationattempt", ["studio_id"], postgresql_where=unchecked, sqlite_where=unchecked)
    op.create_index(op.f("ix_migrationattempt_workspace_id"), "migrationattempt", ["workspace_id"])


def downgrade() -> None:
    op.drop_table("migrationattempt")
