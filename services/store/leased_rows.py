"""Leases on the rows of a table: claims that expire and are fenced by an epoch. Studios and builds have them.

Such a table has `due_at` (when the row must be processed next; null: not at all), `lease_owner`, `lease_until` and `lease_epoch`.
These columns are internal: writing them is no event and raises no `version`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, case, func, or_, select, true, update

from services.store.db.database import Reader, Transaction


@dataclass(frozen=True, slots=True)
class LeasedRows:
    """The leases of one table. A lease is valid only while its row meets the condition `active`."""

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
        """Claims at most `limit` due rows without a valid lease, longest due first. Writes `values` to them; returns their `columns`.

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
        """Returns the condition that the row is still under the lease of this epoch."""
        return and_(self.table.c.id == row_id, self.table.c.lease_epoch == epoch, self.active)

    async def renew(self, transaction: Transaction, row_id: str, epoch: int, length: timedelta) -> bool:
        """Prolongs the lease. Returns False if it is lost."""
        result = await transaction.execute(update(self.table).where(self.held(row_id, epoch)).values(lease_until=transaction.now + length))
        return result.rowcount == 1

    async def release(self, transaction: Transaction, row_id: str, epoch: int, until: datetime, due_at: datetime | None) -> None:
        """Ends the lease that was claimed to last `until`. The row is due at `due_at`, unless another time was written meanwhile."""
        held = self.held(row_id, epoch)
        await transaction.execute(update(self.table).where(held, self.table.c.due_at == until).values(due_at=due_at))
        await transaction.execute(update(self.table).where(held).values(lease_until=None, lease_owner=None))

    async def break_lease(self, transaction: Transaction, row_id: str) -> None:
        """Ends the lease of any owner, who finds it lost."""
        values = {"lease_until": None, "lease_owner": None, "lease_epoch": self.table.c.lease_epoch + 1}
        await transaction.execute(update(self.table).where(self.table.c.id == row_id).values(**values))

    async def release_owned(self, transaction: Transaction, owner: str) -> None:
        """Ends the leases of `owner`, which stops. Its rows are due at once."""
        values = {"lease_until": None, "lease_owner": None, "due_at": transaction.now}
        owned = await self._lock(transaction, self.table.c.lease_owner == owner, self.active)
        await transaction.execute(update(self.table).where(self.table.c.id.in_(owned)).values(**values))

    async def release_all(self, transaction: Transaction) -> None:
        """Ends all leases at the start of a single process (SQLite), since their owners have ended. The rows are due at once."""
        values = {"lease_until": None, "lease_owner": None, "lease_epoch": self.table.c.lease_epoch + 1, "due_at": transaction.now}
        leased = self.table.c.lease_until.is_not(None)
        await transaction.execute(update(self.table).where(leased, self.active).values(**values))

    async def mark_due(self, transaction: Transaction, *where: ColumnElement[bool]) -> list[str]:
        """Makes the rows that meet `where` due at once, also those under a lease. Returns their ids."""
        ids = await self._lock(transaction, *where)
        await transaction.execute(update(self.table).where(self.table.c.id.in_(ids)).values(due_at=transaction.now))
        return ids

    async def _lock(self, transaction: Transaction, *where: ColumnElement[bool]) -> list[str]:
        """Locks the rows that meet `where`, in the order of their ids: one statement that wrote them would lock them as it finds them.

        Returns the ids. `claim` waits for no lock, and so needs no order.
        """
        c = self.table.c
        rows = await transaction.execute(select(c.id).where(*where).order_by(c.id).with_for_update(key_share=True))
        return list(rows.scalars())

    async def next_due(self, reader: Reader, *where: ColumnElement[bool]) -> datetime | None:
        """Returns the earliest time at which a row is due, which may be past. A row under a lease is due at its end at the earliest."""
        c = self.table.c
        due_at = case((c.lease_until > c.due_at, c.lease_until), else_=c.due_at)
        first = select(func.min(due_at)).where(c.due_at.is_not(None), *where)
        return cast("datetime | None", (await reader.execute(first)).scalar_one())
