"""The builds of images, and the leases of builders on them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, insert, select, update

from services.domain.ids import new_id
from services.domain.statuses import BuildState, StudioStatus
from services.store.db.conditions import is_claimable
from services.store.db.database import Reader, Transaction
from services.store.db.record import Record
from services.store.leased_rows import LeasedRows
from services.store.leases import STUDIOS
from services.store.tables import core

B = core.build.c
S = core.studio.c
OPEN_STATES = (BuildState.QUEUED.value, BuildState.RUNNING.value)
BUILDS = LeasedRows(core.build, active=B.state == BuildState.RUNNING.value)


@dataclass(frozen=True, slots=True)
class Build:
    """One attempt to build an image.

    `recipe` is {"directory": the name of a recipe}, with {"conda": ...} for Conda packages on its image; `message` is its last step, or why
    it failed.
    """

    id: str
    workspace_id: str
    compute_environment_id: str
    reference: str
    recipe: dict[str, Any]
    state: str
    message: str | None
    deadline: datetime
    lease_epoch: int

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


RECORD = Record.of_table(Build, core.build)


async def find(reader: Reader, build_id: str) -> Build | None:
    return RECORD.optional((await reader.execute(select(*RECORD.columns).where(B.id == build_id))).one_or_none())


async def latest(reader: Reader, environment_id: str, reference: str) -> Build | None:
    """The newest build of this image in this compute environment, or None."""
    same_image = and_(B.compute_environment_id == environment_id, B.reference == reference)
    return RECORD.optional(
        (await reader.execute(select(*RECORD.columns).where(same_image).order_by(B.created_at.desc(), B.id.desc()).limit(1))).one_or_none()
    )


async def add(transaction: Transaction, values: dict[str, Any]) -> str:
    """Add a queued build; returns its id."""
    build_id = new_id()
    row = {"id": build_id, "state": BuildState.QUEUED.value, "due_at": transaction.now, "created_at": transaction.now, "lease_epoch": 0}
    await transaction.execute(insert(core.build).values(**row, **values))
    transaction.wake("build", build_id)
    return build_id


async def claim(
    transaction: Transaction,
    owner: str,
    length: timedelta,
    limit: int,
    at_work: Collection[str],
    environments: Collection[str],
    silent: Collection[str] = (),
) -> list[Build]:
    """At most `limit` builds that are due and that nobody does, longest due first; none of those that the claimer is `at_work` on, and
    only those in these compute environments, or overdue ones where the engine is `silent`."""
    values = {"state": BuildState.RUNNING.value, "started_at": transaction.now}
    where = [B.id.not_in(at_work), is_claimable(B.compute_environment_id, B.due_at, environments, silent, transaction.now)]
    return RECORD.rows(await BUILDS.claim(transaction, owner, length, limit, where=where, columns=RECORD.columns, **values))


async def renew(transaction: Transaction, build: Build, length: timedelta) -> bool:
    """Prolong the lease; False if the build was cancelled, or somebody else took over."""
    return await BUILDS.renew(transaction, build.id, build.lease_epoch, length)


async def set_message(transaction: Transaction, build: Build, message: str) -> None:
    """Write how far the build is, unless its lease is lost."""
    await transaction.execute(update(core.build).where(BUILDS.held(build.id, build.lease_epoch)).values(message=message))


async def release_owned(transaction: Transaction, owner: str) -> None:
    """End the leases of a builder that stops: its builds are begun again by whoever comes next."""
    await BUILDS.release_owned(transaction, owner)


async def release_all(transaction: Transaction) -> None:
    """End the leases of every builder: a single process begins (SQLite)."""
    await BUILDS.release_all(transaction)


async def end(transaction: Transaction, build: Build, state: BuildState, message: str | None) -> bool:
    """Write the end of the build; False, and nothing is written, if its lease is lost."""
    values = {"state": state.value, "message": message, "due_at": None, "lease_until": None, "lease_owner": None}
    result = await transaction.execute(
        update(core.build).where(BUILDS.held(build.id, build.lease_epoch)).values(**values, ended_at=transaction.now)
    )
    return result.rowcount == 1


async def cancel(transaction: Transaction, build_id: str, message: str) -> None:
    """End a build that nobody needs any more; its builder finds its lease lost."""
    values = {"state": BuildState.CANCELLED.value, "message": message, "due_at": None, "lease_until": None, "lease_owner": None}
    await transaction.execute(
        update(core.build).where(B.id == build_id, B.state.in_(OPEN_STATES)).values(**values, ended_at=transaction.now)
    )
    transaction.wake("build", build_id)


async def invalidate_image(transaction: Transaction, environment_id: str, reference: str, message: str) -> None:
    """Write that an image is gone from the compute environment: the next start builds it again."""
    built = and_(B.compute_environment_id == environment_id, B.reference == reference, B.state == BuildState.SUCCEEDED.value)
    await transaction.execute(update(core.build).where(built).values(state=BuildState.CANCELLED.value, message=message))


async def is_awaited(transaction: Transaction, build_id: str) -> bool:
    """Whether a Studio waits for it, or no person asked for it (the demo builds its image in the background)."""
    waiting = select(S.id).where(S.build_id == build_id, S.status == StudioStatus.BUILDING.value).limit(1)
    if (await transaction.execute(waiting)).first() is not None:
        return True
    actor = (await transaction.execute(select(B.actor).where(B.id == build_id))).scalar_one_or_none()
    return bool(actor and actor["cause"])


async def mark_studios_due(transaction: Transaction, build_id: str) -> None:
    """Make the Studios that wait for this build due at once, and wake their controllers."""
    for studio_id in await STUDIOS.mark_due(transaction, S.build_id == build_id, S.status == StudioStatus.BUILDING.value):
        transaction.wake("studio", studio_id)
