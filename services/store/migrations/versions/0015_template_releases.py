"""The mark of experimental templates in place of a stored status, their revision, and whether a tool honours a path prefix.

A template that was withdrawn by hand (UNSUPPORTED) becomes experimental, so that no new Studio uses it without opting in.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

STATUS = sa.Column("status", sa.String(length=16), nullable=False, server_default=sa.text("'RECOMMENDED'"))
WORDS = "status IN ('RECOMMENDED', 'DEPRECATED', 'EXPERIMENTAL', 'UNSUPPORTED')"


def upgrade() -> None:
    op.add_column("template", sa.Column("experimental", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("template", sa.Column("prefix_capable", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("template", sa.Column("revision", sa.Integer(), nullable=False, server_default=sa.text("1")))
    op.execute("UPDATE template SET experimental = true WHERE status IN ('EXPERIMENTAL', 'UNSUPPORTED')")
    op.execute("UPDATE template SET prefix_capable = true WHERE recipe = 'jupyter'")
    with op.batch_alter_table("template") as batch:
        batch.drop_constraint(op.f("ck_template_status"), type_="check")
        batch.drop_column("status")


def downgrade() -> None:
    with op.batch_alter_table("template") as batch:
        batch.add_column(STATUS)
        batch.create_check_constraint(op.f("ck_template_status"), WORDS)
    op.execute("UPDATE template SET status = 'EXPERIMENTAL' WHERE experimental = true")
    for column in ("revision", "prefix_capable", "experimental"):
        op.drop_column("template", column)
