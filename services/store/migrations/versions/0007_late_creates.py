"""Until when resources of a session that was given up may still come into being."""

import sqlalchemy as sa
from alembic import op

from services.store.db.types import UtcTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("leftover", sa.Column("late_until", UtcTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("leftover", "late_until")
