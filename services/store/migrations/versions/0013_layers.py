"""How many layers a checkpoint has above those of its template."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

MANY = "layers > 20"


def upgrade() -> None:
    op.add_column("checkpoint", sa.Column("layers", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.create_index("ix_checkpoint_layers", "checkpoint", ["layers"], postgresql_where=sa.text(MANY), sqlite_where=sa.text(MANY))


def downgrade() -> None:
    op.drop_index("ix_checkpoint_layers", "checkpoint")
    op.drop_column("checkpoint", "layers")
