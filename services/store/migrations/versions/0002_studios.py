"""The tables of the first release, part 2. Written by `python -m services.store.migrations`."""

import sqlalchemy as sa
from alembic import op

from services.store.db.types import Json, UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "login",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("token_id", sa.String(32), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["token.id"], name=op.f("fk_login_token_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login")),
        sa.UniqueConstraint("hash", name=op.f("uq_login_hash")),
    )
    op.create_index(op.f("ix_login_expires_at"), "login", ["expires_at"], unique=False)
    op.create_index(op.f("ix_login_token_id"), "login", ["token_id"], unique=False)
    op.create_table(
        "membership",
        sa.Column("workspace_id", sa.String(32), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("role", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("role IN (1, 2, 3, 4, 5, 6)", name=op.f("ck_membership_role")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_membership_user_id")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_membership_workspace_id")),
        sa.PrimaryKeyConstraint("workspace_id", "user_id", name=op.f("pk_membership")),
    )
    op.create_index(op.f("ix_membership_user_id"), "membership", ["user_id"], unique=False)
    op.create_table(
        "operation",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("workspace_id", sa.String(32), nullable=False),
        sa.Column("studio_id", sa.String(32), nullable=False),
        sa.Column("studio_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("actor", Json, nullable=False),
        sa.Column("steps", Json, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("deadline", UtcTime(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')", name=op.f("ck_operation_state")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_operation_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operation")),
    )
    op.create_index(op.f("ix_operation_studio_id"), "operation", ["studio_id"], unique=False)
    op.create_index(op.f("ix_operation_workspace_id"), "operation", ["workspace_id"], unique=False)
    op.create_table(
        "template",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("workspace_id", sa.String(32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("tool", sa.String(32), nullable=False),
        sa.Column("image", sa.Text(), nullable=False),
        sa.Column("tool_version", sa.String(64), nullable=False),
        sa.Column("connect_version", sa.String(32), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("icon_url", sa.Text(), nullable=True),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("ready_path", sa.Text(), nullable=False),
        sa.Column("single_user", sa.Boolean(), nullable=False),
        sa.Column("embeddable", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("status IN ('RECOMMENDED', 'DEPRECATED', 'EXPERIMENTAL', 'UNSUPPORTED')", name=op.f("ck_template_status")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_template_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_template")),
        sa.UniqueConstraint("workspace_id", "name_key", name=op.f("uq_template_workspace_id_name_key")),
    )
    op.create_index(op.f("ix_template_workspace_id"), "template", ["workspace_id"], unique=False)
    op.create_table(
        "garbage",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("compute_environment_id", sa.String(32), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["compute_environment_id"], ["computeenvironment.id"], name=op.f("fk_garbage_compute_environment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_garbage")),
    )
    op.create_index(op.f("ix_garbage_compute_environment_id"), "garbage", ["compute_environment_id"], unique=False)
    op.create_index(op.f("ix_garbage_due_at"), "garbage", ["due_at"], unique=False)
    op.create_table(
        "leftover",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("compute_environment_id", sa.String(32), nullable=False),
        sa.Column("studio_id", sa.String(32), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("session_number", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["compute_environment_id"], ["computeenvironment.id"], name=op.f("fk_leftover_compute_environment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leftover")),
    )
    op.create_index(op.f("ix_leftover_compute_environment_id"), "leftover", ["compute_environment_id"], unique=False)
    op.create_index(op.f("ix_leftover_due_at"), "leftover", ["due_at"], unique=False)
    op.create_index(op.f("ix_leftover_studio_id"), "leftover", ["studio_id"], unique=False)
    op.create_table(
        "studio",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("workspace_id", sa.String(32), nullable=False),
        sa.Column("owner_id", sa.String(32), nullable=False),
        sa.Column("template_id", sa.String(32), nullable=False),
        sa.Column("compute_environment_id", sa.String(32), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("cpu", sa.Float(), nullable=False),
        sa.Column("memory_mib", sa.Integer(), nullable=False),
        sa.Column("gpu", sa.Integer(), nullable=False),
        sa.Column("lifespan_hours", sa.Integer(), nullable=False),
        sa.Column("environment", Json, nullable=False),
        sa.Column("conda_environment", sa.Text(), nullable=True),
        sa.Column("desired", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("status_message", sa.Text(), nullable=True),
        sa.Column("status_since", UtcTime(), nullable=False),
        sa.Column("stop_reason", sa.String(32), nullable=True),
        sa.Column("session_number", sa.Integer(), nullable=False),
        sa.Column("operation_id", sa.String(32), nullable=True),
        sa.Column("parent_checkpoint_id", sa.String(32), nullable=True),
        sa.Column("deadline", UtcTime(), nullable=True),
        sa.Column("due_at", UtcTime(), nullable=True),
        sa.Column("lease_owner", sa.String(64), nullable=True),
        sa.Column("lease_until", UtcTime(), nullable=True),
        sa.Column("lease_epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("last_started_at", UtcTime(), nullable=True),
        sa.CheckConstraint(
            "status IN ('BUILDING', 'BUILD_FAILED', 'STARTING', 'RUNNING', 'STOPPING', 'STOPPED', 'ERRORED')", name=op.f("ck_studio_status")
        ),
        sa.ForeignKeyConstraint(["compute_environment_id"], ["computeenvironment.id"], name=op.f("fk_studio_compute_environment_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name=op.f("fk_studio_owner_id")),
        sa.ForeignKeyConstraint(["template_id"], ["template.id"], name=op.f("fk_studio_template_id")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_studio_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studio")),
        sa.UniqueConstraint("public_id", name=op.f("uq_studio_public_id")),
        sa.UniqueConstraint("workspace_id", "name_key", name=op.f("uq_studio_workspace_id_name_key")),
    )
    op.create_index(op.f("ix_studio_compute_environment_id"), "studio", ["compute_environment_id"], unique=False)
    op.create_index("ix_studio_created", "studio", ["workspace_id", "created_at", "id"], unique=False)
    op.create_index(op.f("ix_studio_due_at"), "studio", ["due_at"], unique=False)
    op.create_index(op.f("ix_studio_owner_id"), "studio", ["owner_id"], unique=False)
    op.create_index("ix_studio_status", "studio", ["workspace_id", "status"], unique=False)
    op.create_index(op.f("ix_studio_template_id"), "studio", ["template_id"], unique=False)
    op.create_index(op.f("ix_studio_workspace_id"), "studio", ["workspace_id"], unique=False)
    op.create_table(
        "session",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("studio_id", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("compute_environment_id", sa.String(32), nullable=False),
        sa.Column("template_id", sa.String(32), nullable=False),
        sa.Column("started_by", sa.String(32), nullable=False),
        sa.Column("configuration", Json, nullable=False),
        sa.Column("checkpoint_id", sa.String(32), nullable=False),
        sa.Column("base_checkpoint_id", sa.String(32), nullable=True),
        sa.Column("upstream", Json, nullable=True),
        sa.Column("stop_reason", sa.String(32), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("out_of_memory", sa.Boolean(), nullable=False),
        sa.Column("saved", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("running_at", UtcTime(), nullable=True),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.Column("idle_stops_at", UtcTime(), nullable=True),
        sa.Column("next_save_at", UtcTime(), nullable=True),
        sa.Column("last_active_at", UtcTime(), nullable=True),
        sa.Column("stop_at", UtcTime(), nullable=True),
        sa.Column("stop_actor", Json, nullable=True),
        sa.Column("warned_at", UtcTime(), nullable=True),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["compute_environment_id"], ["computeenvironment.id"], name=op.f("fk_session_compute_environment_id")),
        sa.ForeignKeyConstraint(["started_by"], ["user.id"], name=op.f("fk_session_started_by")),
        sa.ForeignKeyConstraint(["studio_id"], ["studio.id"], name=op.f("fk_session_studio_id")),
        sa.ForeignKeyConstraint(["template_id"], ["template.id"], name=op.f("fk_session_template_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.UniqueConstraint("studio_id", "number", name=op.f("uq_session_studio_id_number")),
    )
    op.create_index(op.f("ix_session_compute_environment_id"), "session", ["compute_environment_id"], unique=False)
    op.create_index(op.f("ix_session_started_by"), "session", ["started_by"], unique=False)
    op.create_index(op.f("ix_session_studio_id"), "session", ["studio_id"], unique=False)
    op.create_index(op.f("ix_session_template_id"), "session", ["template_id"], unique=False)
    op.create_table(
        "star",
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("studio_id", sa.String(32), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["studio_id"], ["studio.id"], name=op.f("fk_star_studio_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_star_user_id")),
        sa.PrimaryKeyConstraint("user_id", "studio_id", name=op.f("pk_star")),
    )
    op.create_index(op.f("ix_star_studio_id"), "star", ["studio_id"], unique=False)


def downgrade() -> None:
    op.drop_table("star")
    op.drop_table("session")
    op.drop_table("studio")
    op.drop_table("leftover")
    op.drop_table("garbage")
    op.drop_table("template")
    op.drop_table("operation")
    op.drop_table("membership")
    op.drop_table("login")
