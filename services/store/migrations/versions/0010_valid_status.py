"""The status that an INVALID checkpoint has again once its data is back."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

IS_INVALID = "status = 'INVALID'"


def upgrade() -> None:
    op.add_column("checkpoint", sa.Column("valid_status", sa.String(length=16), nullable=True))
    op.create_index("ix_checkpoint_invalid", "checkpoint", ["id"], postgresql_where=sa.text(IS_INVALID), sqlite_where=sa.text(IS_INVALID))


def downgrade() -> None:
    op.drop_index("ix_checkpoint_invalid", "checkpoint")
    op.drop_column("checkpoint", "valid_status")
