"""The template that the files of a checkpoint were made with, and the checkpoints that a Studio made from another one inherits."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TEMPLATE_OF_SESSION = """
UPDATE checkpoint SET template_id = (
    SELECT session.template_id FROM session
    WHERE session.studio_id = checkpoint.studio_id AND session.number = checkpoint.session_number)
"""


def upgrade() -> None:
    op.add_column("checkpoint", sa.Column("template_id", sa.String(length=32), nullable=True))
    op.execute(TEMPLATE_OF_SESSION)
    op.create_index("ix_checkpoint_template_id", "checkpoint", ["template_id"])
    op.create_table(
        "inheritedcheckpoint",
        sa.Column("studio_id", sa.String(length=32), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("checkpoint_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["studio_id"], ["studio.id"], name="fk_inheritedcheckpoint_studio_id"),
        sa.ForeignKeyConstraint(["checkpoint_id"], ["checkpoint.id"], name="fk_inheritedcheckpoint_checkpoint_id"),
        sa.PrimaryKeyConstraint("studio_id", "depth", name="pk_inheritedcheckpoint"),
    )
    op.create_index("ix_inheritedcheckpoint_checkpoint_id", "inheritedcheckpoint", ["checkpoint_id"])


def downgrade() -> None:
    op.drop_table("inheritedcheckpoint")
    op.drop_index("ix_checkpoint_template_id", "checkpoint")
    op.drop_column("checkpoint", "template_id")
