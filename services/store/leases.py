"""The leases of controllers on Studios."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select

from services.domain.lifecycle import ENDED
from services.store.db.conditions import is_claimable, is_null_or_one_of
from services.store.db.database import Reader, Transaction
from services.store.leased_rows import LeasedRows
from services.store.studios import RECORD, StudioState
from services.store.tables import core

T = core.studio.c
ENDED_STATUSES = tuple(status.value for status in ENDED)
STUDIOS = LeasedRows(core.studio)


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim on a Studio as it was at `claimed_at` (the database's clock), which lasts `until`."""

    studio: StudioState
    claimed_at: datetime
    until: datetime

    @property
    def epoch(self) -> int:
        return self.studio.lease_epoch


@dataclass(frozen=True, slots=True)
class Exclusions:
    """What a claim leaves out: Studios (by id) that the claimer works on already, compute environments that have enough of it, and all
    compute environments but those that it has `verified` (None = it may work in all), or whose engine is `silent`."""

    studios: Collection[str] = ()
    environments: Collection[str] = ()
    verified: Collection[str] | None = None
    silent: Collection[str] = ()

    def conditions(self, now: datetime | None = None) -> list[ColumnElement[bool]]:
        """Returns the conditions of a claim at `now`; without it, those of Studios in verified compute environments."""
        conditions: list[ColumnElement[bool]] = [T.id.not_in(self.studios)] if self.studios else []
        if self.environments:
            conditions.append(or_(T.compute_environment_id.is_(None), T.compute_environment_id.not_in(self.environments)))
        if self.verified is not None:
            environment = T.compute_environment_id
            verified = is_null_or_one_of(environment, self.verified)
            conditions.append(is_claimable(environment, T.due_at, self.verified, self.silent, now) if now else verified)
        return conditions


NO_EXCLUSIONS = Exclusions()


async def claim(transaction: Transaction, owner: str, length: timedelta, limit: int, exclusions: Exclusions = NO_EXCLUSIONS) -> list[Lease]:
    """Leases on at most `limit` Studios that are due and that nobody works on, longest due first."""
    rows = await STUDIOS.claim(transaction, owner, length, limit, where=exclusions.conditions(transaction.now), columns=RECORD.columns)
    return [Lease(studio, transaction.now, transaction.now + length) for studio in RECORD.rows(rows)]


async def renew(transaction: Transaction, lease: Lease, length: timedelta) -> bool:
    """Prolongs the lease. Returns False if it is lost."""
    return await STUDIOS.renew(transaction, lease.studio.id, lease.epoch, length)


async def release(transaction: Transaction, lease: Lease, due_at: datetime | None) -> None:
    """Ends the lease. The Studio is due at `due_at`, unless another time was written meanwhile."""
    await STUDIOS.release(transaction, lease.studio.id, lease.epoch, lease.until, due_at)


async def break_lease(transaction: Transaction, studio_id: str) -> None:
    """Ends the lease on the Studio, whoever holds it."""
    await STUDIOS.break_lease(transaction, studio_id)


async def release_owned(transaction: Transaction, owner: str) -> None:
    """Ends the leases of a controller that stops."""
    await STUDIOS.release_owned(transaction, owner)


async def release_all(transaction: Transaction) -> None:
    """Ends the leases of all controllers at the start of a single process (SQLite)."""
    await STUDIOS.release_all(transaction)


async def mark_due(transaction: Transaction, studio_id: str, session_number: int) -> None:
    """Makes the Studio due at once, since the resources of this session have changed."""
    await STUDIOS.mark_due(transaction, T.id == studio_id, T.session_number == session_number, T.status.not_in(ENDED_STATUSES))


async def mark_environment_due(transaction: Transaction, environment_id: str) -> None:
    """Makes all Studios of a compute environment due at once, since changes in it may have been missed."""
    session = core.session.c
    holding = select(session.studio_id).where(session.ended_at.is_(None), session.compute_environment_id == environment_id)
    await STUDIOS.mark_due(transaction, T.id.in_(holding), T.status.not_in(ENDED_STATUSES))


async def next_due(reader: Reader, exclusions: Exclusions = NO_EXCLUSIONS) -> datetime | None:
    """Returns the earliest time at which a Studio is due, which may be past."""
    return await STUDIOS.next_due(reader, *exclusions.conditions())
