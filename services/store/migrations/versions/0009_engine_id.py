"""The engine or data directory that the sessions and checkpoints of a compute environment are on."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("computeenvironment", sa.Column("engine_id", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("computeenvironment", "engine_id")
