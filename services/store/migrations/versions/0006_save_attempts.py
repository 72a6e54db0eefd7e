"""Attempts to save: their names are written before they are made."""

import sqlalchemy as sa
from alembic import op

from services.store.db.types import UtcTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("garbage", sa.Column("checkpoint_id", sa.String(32), nullable=True))
    op.add_column("garbage", sa.Column("begun_at", UtcTime(), nullable=True))
    op.create_index("ix_garbage_checkpoint_id", "garbage", ["checkpoint_id"])


def downgrade() -> None:
    op.execute("DELETE FROM garbage WHERE checkpoint_id IS NOT NULL")
    op.drop_index("ix_garbage_checkpoint_id", "garbage")
    op.drop_column("garbage", "begun_at")
    op.drop_column("garbage", "checkpoint_id")
