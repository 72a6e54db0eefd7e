"""Leases on the rows of a table: claims that expire and are fenced by an epoch. Studios and builds are worked on under them.

Such a table has `due_at` (when its row must next be looked at; null = nothing to do), `lease_owner`, `lease_until` and `lease_epoch`.
Nobody else sees these columns: writing them is no event and raises no `version`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, case, func, or_, select, true, update

from services.store.db.database import Reader, Transaction


@dataclass(frozen=True, slots=True)
class LeasedRows:
    """The leases of one table. `active` is the condition without which a row is worked on by nobody, whatever its epoch."""

    table: Table
    active: ColumnElement[bool] = true()  # noqa: RUF009 - immutable

    async def claim(
        self,
        transaction: Transaction,
        owner: str,
        length: timedelta,
        limit: int,
        *,
        where: Sequence[ColumnElement[bool]] = (),
        columns: Sequence[ColumnElement[Any]],
        **values: Any,
    ) -> list[Any]:
        """At most `limit` rows that are due and that nobody works on, longest due first, as `columns`; `values` are written to them.

        `due_at` becomes the end of the lease, so that a row is due again after a crash of its owner.
        """
        c, now, until = self.table.c, transaction.now, transaction.now + length
        free = or_(c.lease_until.is_(None), c.lease_until <= now)
        due = select(c.id).where(c.due_at <= now, free, *where).order_by(c.due_at).limit(limit).with_for_update(skip_locked=True)
        ids = (await transaction.execute(due)).scalars().all()
        if not ids:
            return []
        values |= {"lease_owner": owner, "lease_until": until, "lease_epoch": c.lease_epoch + 1, "due_at": until}
        return list(await transaction.execute(update(self.table).where(c.id.in_(ids)).values(**values).returning(*columns)))

    def held(self, row_id: str, epoch: int) -> ColumnElement[bool]:
        """The condition that the row is still under the lease of this epoch."""
        return and_(self.table.c.id == row_id, self.table.c.lease_epoch == epoch, self.active)

    async def renew(self, transaction: Transaction, row_id: str, epoch: int, length: timedelta) -> bool:
        """Prolong the lease; False if it is lost."""
        result = await transaction.execute(update(self.table).where(self.held(row_id, epoch)).values(lease_until=transaction.now + length))
        return result.rowcount == 1

    async def release(self, transaction: Transaction, row_id: str, epoch: int, until: datetime, due_at: datetime | None) -> None:
        """End the lease that was claimed to last `until`; the row is due at `due_at`, unless somebody wrote another time meanwhile."""
        held = self.held(row_id, epoch)
        await transaction.execute(update(self.table).where(held, self.table.c.due_at == until).values(due_at=due_at))
        await transaction.execute(update(self.table).where(held).values(lease_until=None, lease_owner=None))

    async def break_lease(self, transaction: Transaction, row_id: str) -> None:
        """End whatever lease there is: its owner finds it lost."""
        values = {"lease_until": None, "lease_owner": None, "lease_epoch": self.table.c.lease_epoch + 1}
        await transaction.execute(update(self.table).where(self.table.c.id == row_id).values(**values))

    async def release_owned(self, transaction: Transaction, owner: str) -> None:
        """End the leases of `owner`, which stops in good order: its rows are due at once."""
        values = {"lease_until": None, "lease_owner": None, "due_at": transaction.now}
        await transaction.execute(update(self.table).where(self.table.c.lease_owner == owner, self.active).values(**values))

    async def release_all(self, transaction: Transaction) -> None:
        """End every lease: a single process begins, so whoever held one is dead (SQLite). The rows are due at once."""
        values = {"lease_until": None, "lease_owner": None, "lease_epoch": self.table.c.lease_epoch + 1, "due_at": transaction.now}
        leased = self.table.c.lease_until.is_not(None)
        await transaction.execute(update(self.table).where(leased, self.active).values(**values))

    async def mark_due(self, transaction: Transaction, *where: ColumnElement[bool]) -> list[str]:
        """Make the rows `where` this holds due at once, also those that are worked on; returns their ids."""
        rows = await transaction.execute(update(self.table).where(*where).values(due_at=transaction.now).returning(self.table.c.id))
        return list(rows.scalars())

    async def next_due(self, reader: Reader, *where: ColumnElement[bool]) -> datetime | None:
        """When the next row must be looked at, be it in the past; a row that is worked on counts from the end of its lease."""
        c = self.table.c
        when = case((c.lease_until > c.due_at, c.lease_until), else_=c.due_at)
        first = select(func.min(when)).where(c.due_at.is_not(None), *where)
        return cast("datetime | None", (await reader.execute(first)).scalar_one())
