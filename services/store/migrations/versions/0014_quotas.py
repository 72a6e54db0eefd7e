"""Limits of workspaces, organizations and compute environments, and what each session holds as columns of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

LIMITED = ("organisation", "workspace", "computeenvironment")
LIMITS = {"max_sessions": sa.Integer, "max_cpu": sa.Float, "max_memory_mib": sa.Integer, "max_gpu": sa.Integer}
HELD = {"cpu": sa.Float, "memory_mib": sa.Integer, "gpu": sa.Integer}


def upgrade() -> None:
    for table in LIMITED:
        for name, kind in LIMITS.items():
            op.add_column(table, sa.Column(name, kind(), nullable=True))
    for name, kind in HELD.items():
        op.add_column("session", sa.Column(name, kind(), nullable=False, server_default=sa.text("0")))
    if op.get_bind().dialect.name == "postgresql":
        values = ", ".join(f"{name} = CAST(configuration ->> '{name}' AS {kind().compile()})" for name, kind in HELD.items())
    else:
        values = ", ".join(f"{name} = json_extract(configuration, '$.{name}')" for name in HELD)
    op.execute(f"UPDATE session SET {values}")  # noqa: S608 - the names are those above


def downgrade() -> None:
    for name in HELD:
        op.drop_column("session", name)
    for table in LIMITED:
        for name in LIMITS:
            op.drop_column(table, name)
