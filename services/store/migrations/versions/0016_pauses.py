"""For how long a session's processes stood still for a save."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("checkpoint", sa.Column("pause_seconds", sa.Float(), nullable=True))


def downgrade() -> None:
    op.drop_column("checkpoint", "pause_seconds")
