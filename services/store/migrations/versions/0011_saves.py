"""The order of saves, checkpoints that users name or ask for, and the checkpoint that a user chose for a start."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("checkpoint", sa.Column("save_order", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("checkpoint", sa.Column("named", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("UPDATE checkpoint SET save_order = number WHERE reference IS NOT NULL")
    op.create_index("ix_checkpoint_save_order", "checkpoint", ["studio_id", "save_order"])
    op.add_column("session", sa.Column("chosen_base", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("session", sa.Column("requested_checkpoint_id", sa.String(length=32), nullable=True))
    op.add_column("session", sa.Column("requested_operation_id", sa.String(length=32), nullable=True))
    op.create_index(
        "ix_session_unsaved",
        "session",
        ["studio_id", "number"],
        postgresql_where=sa.text("saved IS false"),
        sqlite_where=sa.text("saved IS 0"),
    )
    op.create_index("ix_studio_parent_checkpoint_id", "studio", ["parent_checkpoint_id"])
    op.add_column("workspace", sa.Column("kept_checkpoints", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("workspace", "kept_checkpoints")
    op.drop_index("ix_studio_parent_checkpoint_id", "studio")
    op.drop_index("ix_session_unsaved", "session")
    op.drop_column("session", "requested_operation_id")
    op.drop_column("session", "requested_checkpoint_id")
    op.drop_column("session", "chosen_base")
    op.drop_index("ix_checkpoint_save_order", "checkpoint")
    op.drop_column("checkpoint", "named")
    op.drop_column("checkpoint", "save_order")
