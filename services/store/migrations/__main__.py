"""Writes the next migration from what the tables have and the newest migration lacks: `python -m services.store.migrations WORDS`.

What it writes is a draft: read it, and raise HEAD. A test compares the two on both databases.
"""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations.ops import DowngradeOps, UpgradeOps
from sqlalchemy import create_engine

from services.store import migrate
from services.store.db.types import Json, UtcTime
from services.store.migrations import HEAD
from services.store.tables import metadata

VERSIONS = Path(__file__).parent / "versions"
FILE = '''"""{words}."""

import sqlalchemy as sa
from alembic import op

from services.store.db.types import Json, UtcTime

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
{upgrade}


def downgrade() -> None:
{downgrade}
'''


def render_item(kind: str, item: Any, _context: Any) -> Any:
    """Our own types by their names; SQLModel's string type as what it is."""
    if kind == "type" and item is Json:
        return "Json"
    if kind == "type" and isinstance(item, UtcTime):
        return "UtcTime()"
    if kind == "type" and type(item).__name__ == "AutoString":
        return f"sa.String({item.length})"
    return False


def main(words: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/migrated.db"
        asyncio.run(migrate.upgrade(f"sqlite:///{path}"))
        with create_engine(f"sqlite:///{path}").connect() as connection:
            options = {"render_item": render_item, "target_metadata": metadata, "render_as_batch": True}
            context = MigrationContext.configure(connection, opts=options)
            migration = produce_migrations(context, metadata)
    assert migration.upgrade_ops
    assert migration.downgrade_ops
    revision = f"{int(HEAD) + 1:04}"
    bodies = {"upgrade": _body(migration.upgrade_ops, context), "downgrade": _body(migration.downgrade_ops, context)}
    file = VERSIONS / f"{revision}_{'_'.join(words.lower().split())}.py"
    file.write_text(FILE.format(words=words, revision=revision, before=HEAD, **bodies))
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", file], check=True)  # noqa: S603 - our own file


def _body(operations: UpgradeOps | DowngradeOps, context: MigrationContext) -> str:
    body = render_python_code(operations, render_item=render_item, migration_context=context)
    return "\n".join(line for line in body.splitlines() if not line.strip().startswith("#"))


main(" ".join(sys.argv[1:]))
