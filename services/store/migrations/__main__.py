"""Writes the initial migrations anew from the tables: `python -m services.store.migrations`. For use until the first release only."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations.ops import CreateTableOp, UpgradeOps
from sqlalchemy import create_engine

from services.store.tables import metadata
from services.store.types import Json, UtcTime

VERSIONS = Path(__file__).parent / "versions"
PARTS = {"0001": "people_and_places", "0002": "studios"}
"""Revision -> what its tables are about: in the order of references, the first half and the second."""
HEADER = '''"""The tables of the first release, part {number}. Written by `python -m services.store.migrations`."""

import sqlalchemy as sa
from alembic import op

from services.store.types import Json, UtcTime

revision = "{revision}"
down_revision = {before}
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
    operations: list[Any] = list(migrations.upgrade_ops.ops)
    tables = [operation.table_name for operation in operations if isinstance(operation, CreateTableOp)]
    half = len(tables) // 2 + 2
    before = None
    for number, (revision, words), mine in zip((1, 2), PARTS.items(), (tables[:half], tables[half:]), strict=True):
        body = _upgrade([operation for operation in operations if operation.table_name in mine], context)
        header = HEADER.format(number=number, revision=revision, before=f'"{before}"' if before else None)
        downgrade = "\n".join(f'    op.drop_table("{table}")' for table in reversed(mine))
        file = VERSIONS / f"{revision}_{words}.py"
        file.write_text(f"{header}\n\ndef upgrade() -> None:\n{body}\n\n\ndef downgrade() -> None:\n{downgrade}\n")
        subprocess.run([sys.executable, "-m", "ruff", "format", "-q", file], check=True)  # noqa: S603 - our own file
        before = revision


def _upgrade(operations: list[Any], context: MigrationContext) -> str:
    body = render_python_code(UpgradeOps(operations), render_item=render_item, migration_context=context)
    return "\n".join(line for line in body.replace("], )", "])").splitlines() if not line.strip().startswith("#"))


main()
