"""What sessions and builds print, what sessions use, and images that are built where they run."""

import sqlalchemy as sa
from alembic import op

from services.store.db.types import Json, UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "output",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_output")),
    )
    op.create_index(op.f("ix_output_created_at"), "output", ["created_at"], unique=False)
    op.create_table(
        "outputpiece",
        sa.Column("output_id", sa.String(32), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["output_id"], ["output.id"], name=op.f("fk_outputpiece_output_id")),
        sa.PrimaryKeyConstraint("output_id", "position", name=op.f("pk_outputpiece")),
    )
    op.create_table(
        "build",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("workspace_id", sa.String(32), nullable=False),
        sa.Column("compute_environment_id", sa.String(32), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("recipe", Json, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("actor", Json, nullable=False),
        sa.Column("deadline", UtcTime(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=True),
        sa.Column("lease_owner", sa.String(64), nullable=True),
        sa.Column("lease_until", UtcTime(), nullable=True),
        sa.Column("lease_epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=True),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.CheckConstraint("state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')", name=op.f("ck_build_state")),
        sa.ForeignKeyConstraint(["compute_environment_id"], ["computeenvironment.id"], name=op.f("fk_build_compute_environment_id")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_build_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_build")),
    )
    op.create_index(op.f("ix_build_due_at"), "build", ["due_at"], unique=False)
    op.create_index("ix_build_reference", "build", ["compute_environment_id", "reference", "created_at"], unique=False)
    op.create_index(op.f("ix_build_workspace_id"), "build", ["workspace_id"], unique=False)
    op.create_table(
        "sessionstats",
        sa.Column("session_id", sa.String(32), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("cpu", sa.Float(), nullable=False),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=False),
        sa.Column("memory_limit_bytes", sa.BigInteger(), nullable=True),
        sa.Column("network_received_bytes", sa.BigInteger(), nullable=True),
        sa.Column("network_sent_bytes", sa.BigInteger(), nullable=True),
        sa.Column("processes", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name=op.f("fk_sessionstats_session_id")),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_sessionstats")),
    )
    op.add_column("studio", sa.Column("build_id", sa.String(32), nullable=True))
    op.create_index(op.f("ix_studio_build_id"), "studio", ["build_id"], unique=False)
    op.add_column("template", sa.Column("recipe", sa.String(64), nullable=True))
    op.execute(
        "UPDATE template SET image = 'studiograph/jupyterlab:' || tool_version, recipe = 'jupyter' "
        "WHERE tool = 'JUPYTERLAB' AND image = 'jupyterlab'"
    )


def downgrade() -> None:
    op.execute("UPDATE template SET image = 'jupyterlab' WHERE tool = 'JUPYTERLAB' AND recipe = 'jupyter'")
    op.drop_column("template", "recipe")
    op.drop_index(op.f("ix_studio_build_id"), table_name="studio")
    op.drop_column("studio", "build_id")
    op.drop_table("sessionstats")
    op.drop_index(op.f("ix_build_workspace_id"), table_name="build")
    op.drop_index("ix_build_reference", table_name="build")
    op.drop_index(op.f("ix_build_due_at"), table_name="build")
    op.drop_table("build")
    op.drop_table("outputpiece")
    op.drop_index(op.f("ix_output_created_at"), table_name="output")
    op.drop_table("output")
