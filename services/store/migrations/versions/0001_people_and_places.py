"""The tables of the first release, part 1. Written by `python -m services.store.migrations`."""

import sqlalchemy as sa
from alembic import op

from services.store.db.types import Json, UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event",
        sa.Column("stream_id", sa.String(32), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("studio_id", sa.String(32), nullable=True),
        sa.Column("studio_name", sa.Text(), nullable=True),
        sa.Column("user_id", sa.String(32), nullable=True),
        sa.Column("actor", Json, nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.PrimaryKeyConstraint("stream_id", "seq", name=op.f("pk_event")),
    )
    op.create_index("ix_event_at", "event", ["at"], unique=False)
    op.create_index("ix_event_studio", "event", ["stream_id", "studio_id", "seq"], unique=False)
    op.create_table(
        "idempotencykey",
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("mutation", sa.String(64), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("input_hash", sa.String(64), nullable=False),
        sa.Column("result", Json, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "mutation", "key", name=op.f("pk_idempotencykey")),
    )
    op.create_index(op.f("ix_idempotencykey_created_at"), "idempotencykey", ["created_at"], unique=False)
    op.create_table(
        "installation",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "organisation",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("slug", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
        sa.UniqueConstraint("slug", name=op.f("uq_organisation_slug")),
    )
    op.create_table(
        "proxyinstance",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("heartbeat_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proxyinstance")),
    )
    op.create_index(op.f("ix_proxyinstance_heartbeat_at"), "proxyinstance", ["heartbeat_at"], unique=False)
    op.create_table(
        "stream",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("epoch", sa.String(16), nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.Column("horizon", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream")),
    )
    op.create_table(
        "user",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("user_name", sa.String(64), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("avatar_url", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("user_name", name=op.f("uq_user_user_name")),
    )
    op.create_table(
        "connection",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("proxy_id", sa.String(32), nullable=False),
        sa.Column("studio_id", sa.String(32), nullable=False),
        sa.Column("session_number", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("token_id", sa.String(32), nullable=True),
        sa.Column("connected_at", UtcTime(), nullable=False),
        sa.Column("last_active_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["proxy_id"], ["proxyinstance.id"], name=op.f("fk_connection_proxy_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_connection_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection")),
    )
    op.create_index(op.f("ix_connection_ended_at"), "connection", ["ended_at"], unique=False)
    op.create_index(op.f("ix_connection_proxy_id"), "connection", ["proxy_id"], unique=False)
    op.create_index(op.f("ix_connection_studio_id"), "connection", ["studio_id"], unique=False)
    op.create_index(op.f("ix_connection_user_id"), "connection", ["user_id"], unique=False)
    op.create_table(
        "token",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("hint", sa.String(16), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.Column("last_used_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_token_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("hash", name=op.f("uq_token_hash")),
    )
    op.create_index(op.f("ix_token_user_id"), "token", ["user_id"], unique=False)
    op.create_table(
        "workspace",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("organisation_id", sa.String(32), nullable=False),
        sa.Column("slug", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("lifespan_hours", sa.Integer(), nullable=True),
        sa.Column("idle_minutes", sa.Integer(), nullable=True),
        sa.Column("checkpoint_interval_seconds", sa.Integer(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_workspace_organisation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspace")),
        sa.UniqueConstraint("organisation_id", "name_key", name=op.f("uq_workspace_organisation_id_name_key")),
        sa.UniqueConstraint("slug", name=op.f("uq_workspace_slug")),
    )
    op.create_index(op.f("ix_workspace_organisation_id"), "workspace", ["organisation_id"], unique=False)
    op.create_table(
        "checkpoint",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("studio_id", sa.String(32), nullable=False),
        sa.Column("workspace_id", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("session_number", sa.Integer(), nullable=False),
        sa.Column("compute_environment_id", sa.String(32), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("author_id", sa.String(32), nullable=False),
        sa.Column("parent_id", sa.String(32), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("saved_at", UtcTime(), nullable=True),
        sa.Column("deleted_at", UtcTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("status IN ('EMPTY', 'INTERIM', 'FINALIZED', 'INVALID')", name=op.f("ck_checkpoint_status")),
        sa.ForeignKeyConstraint(["author_id"], ["user.id"], name=op.f("fk_checkpoint_author_id")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_checkpoint_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkpoint")),
        sa.UniqueConstraint("studio_id", "name_key", name=op.f("uq_checkpoint_studio_id_name_key")),
    )
    op.create_index(op.f("ix_checkpoint_author_id"), "checkpoint", ["author_id"], unique=False)
    op.create_index(op.f("ix_checkpoint_parent_id"), "checkpoint", ["parent_id"], unique=False)
    op.create_index("ix_checkpoint_saved", "checkpoint", ["studio_id", "number"], unique=False)
    op.create_index(op.f("ix_checkpoint_studio_id"), "checkpoint", ["studio_id"], unique=False)
    op.create_index(op.f("ix_checkpoint_workspace_id"), "checkpoint", ["workspace_id"], unique=False)
    op.create_table(
        "computeenvironment",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("workspace_id", sa.String(32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("settings", Json, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("reachable", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("cpu", sa.Float(), nullable=False),
        sa.Column("memory_mib", sa.Integer(), nullable=False),
        sa.Column("gpu", sa.Integer(), nullable=False),
        sa.Column("environment", Json, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_computeenvironment_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_computeenvironment")),
        sa.UniqueConstraint("workspace_id", "name_key", name=op.f("uq_computeenvironment_workspace_id_name_key")),
    )
    op.create_index(op.f("ix_computeenvironment_workspace_id"), "computeenvironment", ["workspace_id"], unique=False)
    op.create_table(
        "connectcode",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(32), nullable=False),
        sa.Column("token_id", sa.String(32), nullable=False),
        sa.Column("login_id", sa.String(32), nullable=True),
        sa.Column("studio_id", sa.String(32), nullable=False),
        sa.Column("session_number", sa.Integer(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("used_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["token_id"], ["token.id"], name=op.f("fk_connectcode_token_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_connectcode_user_id")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_connectcode")),
    )
    op.create_index(op.f("ix_connectcode_expires_at"), "connectcode", ["expires_at"], unique=False)
    op.create_index(op.f("ix_connectcode_token_id"), "connectcode", ["token_id"], unique=False)
    op.create_index(op.f("ix_connectcode_user_id"), "connectcode", ["user_id"], unique=False)


def downgrade() -> None:
    op.drop_table("connectcode")
    op.drop_table("computeenvironment")
    op.drop_table("checkpoint")
    op.drop_table("workspace")
    op.drop_table("token")
    op.drop_table("connection")
    op.drop_table("user")
    op.drop_table("stream")
    op.drop_table("proxyinstance")
    op.drop_table("organisation")
    op.drop_table("installation")
    op.drop_table("idempotencykey")
    op.drop_table("event")
