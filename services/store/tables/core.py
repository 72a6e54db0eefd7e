"""The tables as SQLAlchemy Core sees them: `core.studio.c.name`. Statements use these; the SQLModel classes only define them."""

from typing import Any, cast

from sqlalchemy import Table

from services.store import tables


def _table(model: Any) -> Table:
    return cast("Table", model.__table__)


installation = _table(tables.Installation)
organization = _table(tables.Organization)
workspace = _table(tables.Workspace)
user = _table(tables.User)
membership = _table(tables.Membership)
token = _table(tables.Token)
login = _table(tables.Login)
template = _table(tables.Template)
compute_environment = _table(tables.ComputeEnvironment)
studio = _table(tables.Studio)
session = _table(tables.Session)
checkpoint = _table(tables.Checkpoint)
inherited_checkpoint = _table(tables.InheritedCheckpoint)
migration_attempt = _table(tables.MigrationAttempt)
studio_label = _table(tables.StudioLabel)
star = _table(tables.Star)
stream = _table(tables.Stream)
event = _table(tables.Event)
operation = _table(tables.Operation)
idempotency_key = _table(tables.IdempotencyKey)
proxy_instance = _table(tables.ProxyInstance)
connection = _table(tables.Connection)
connect_code = _table(tables.ConnectCode)
session_cleanup = _table(tables.SessionCleanup)
checkpoint_cleanup = _table(tables.CheckpointCleanup)
output = _table(tables.Output)
output_piece = _table(tables.OutputPiece)
session_stats = _table(tables.SessionStats)
build = _table(tables.Build)
