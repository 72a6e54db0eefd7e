"""Writes the initial migration anew from the tables: `python -m services.store.migrations`. For use until the first release only."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from services.store.migrations import HEAD
from services.store.tables import metadata
from services.store.types import Json, UtcTime

FILE = Path(__file__).parent / "versions" / f"{HEAD}_initial.py"
HEADER = f'''"""All tables, as of the first release. Written by `python -m services.store.migrations`."""

import sqlalchemy as sa
from alembic import op

from services.store.types import Json, UtcTime

revision = "{HEAD}"
down_revision = None
branch_labels = None
depends_on = None
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


def main() -> None:
    with create_engine("sqlite://").connect() as connection:
        context = MigrationContext.configure(connection, opts={"render_item": render_item, "target_metadata": metadata})
        migrations = produce_migrations(context, metadata)
    assert migrations.upgrade_ops
    body = render_python_code(migrations.upgrade_ops, render_item=render_item, migration_context=context)
    upgrade = "\n".join(line for line in body.replace("], )", "])").splitlines() if not line.strip().startswith("#"))
    downgrade = "\n".join(f'    op.drop_table("{table.name}")' for table in reversed(metadata.sorted_tables))
    FILE.write_text(f"{HEADER}\n\ndef upgrade() -> None:\n{upgrade}\n\n\ndef downgrade() -> None:\n{downgrade}\n")
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", FILE], check=True)  # noqa: S603 - our own file


main()
