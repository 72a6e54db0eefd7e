"""Where the event log came from when its streams got their present epochs."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("installation", sa.Column("log_origin", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("installation", "log_origin")
