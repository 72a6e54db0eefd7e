"""Labels of Studios (B86)."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "studiolabel",
        sa.Column("studio_id", sa.String(32), nullable=False),
        sa.Column("key", sa.String(39), nullable=False),
        sa.Column("value", sa.String(39), nullable=False),
        sa.ForeignKeyConstraint(["studio_id"], ["studio.id"], name=op.f("fk_studiolabel_studio_id")),
        sa.PrimaryKeyConstraint("studio_id", "key", name=op.f("pk_studiolabel")),
    )
    op.create_index("ix_studiolabel_pair", "studiolabel", ["key", "value", "studio_id"])


def downgrade() -> None:
    op.drop_table("studiolabel")
