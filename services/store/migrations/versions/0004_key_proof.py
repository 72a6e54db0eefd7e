"""What tells whether a server has the installation's key."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("installation", sa.Column("key_proof", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("installation", "key_proof")
