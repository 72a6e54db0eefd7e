"""A Studio under a controller's lease: what a step reads of it, and the transactions in which it writes its results."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.compute.protocol import EngineSilent, Observation
from services.compute.verified_compute import VerifiedCompute
from services.controller.controller_services import ControllerServices
from services.controller.error_text import describe_error
from services.domain.actor import Actor
from services.domain.session_name import SessionName
from services.domain.statuses import OperationState, StudioStatus
from services.domain.time_policy import TimePolicy
from services.store import compute_environments, operations, outbox, sessions, studios
from services.store.db.database import Reader, Transaction
from services.store.leases import Lease
from services.store.sessions import SessionState
from services.store.studios import StudioState
from services.studios import progress
from services.studios.progress import Step
from services.studios.transitions import operation_event

OBSERVE_TIMEOUT_S = 10.0
"""How long an observation may take: shorter than a lease. A compute environment that takes longer counts as not answering."""

SILENCE = "compute environment does not answer"
"""The words in the status message of every Studio whose compute environment is silent."""
SILENT_WRITE_PAUSE_S = 0.1
"""Seconds between two reports that an environment is silent, of each that may write at a time: hundreds take some seconds, and leave
most of a processor to the Studios of others."""


class LeaseLost(Exception):
    """The Studio was changed by a command or claimed by another controller: this step's results must not be written."""


@dataclass(slots=True)
class ClaimedStudio:
    """A Studio that this controller has leased, its current session, and the services that a step needs."""

    services: ControllerServices
    lease: Lease
    session: SessionState
    _shown_steps: dict[str, str | None] = field(default_factory=dict)

    @property
    def studio(self) -> StudioState:
        return self.lease.studio

    @property
    def now(self) -> datetime:
        """When it was claimed, by the database's clock."""
        return self.lease.claimed_at

    @property
    def is_late(self) -> bool:
        """Whether the deadline of the current status has passed."""
        return self.studio.deadline is not None and self.studio.deadline <= self.now

    @property
    def is_reported_silent(self) -> bool:
        """Whether the Studio says already that its compute environment does not answer, and that is still so: nothing is to be done."""
        is_silent = self.services.computes.is_silent(self.session.compute_environment_id)
        return is_silent and not self.is_late and SILENCE in (self.studio.status_message or "")

    @property
    def policy(self) -> TimePolicy:
        return self.services.policy

    @property
    def name(self) -> SessionName:
        return self.name_of(self.session.number)

    def name_of(self, number: int) -> SessionName:
        return SessionName(self.services.installation, self.studio.id, self.studio.public_id, number)

    def retry_at(self, now: datetime) -> datetime:
        """Returns when to look again at what the compute environment did not answer: at the deadline of the status at the latest."""
        retry_at, deadline = now + self.services.computes.retry_delay(self.session.compute_environment_id), self.studio.deadline
        return retry_at if deadline is None or deadline <= now else min(retry_at, deadline)

    async def compute(self) -> VerifiedCompute:
        return await self.services.computes.get(self.session.compute_environment_id)

    async def observe(self) -> Observation:
        """Returns the state of the session's processes from the compute environment. Raises ComputeUnknown, ComputeFailed."""
        compute = await self.compute()
        try:
            async with asyncio.timeout(OBSERVE_TIMEOUT_S):
                return await compute.observe(self.name)
        except TimeoutError:
            compute.breaker.note_silence()
            raise EngineSilent(f"it did not answer within {OBSERVE_TIMEOUT_S:g} s") from None

    @asynccontextmanager
    async def result(self, *expected: StudioStatus) -> AsyncIterator[tuple[Transaction, StudioState]]:
        """Opens a transaction for a step's results, and reads the Studio. Raises LeaseLost, also if its status is not `expected`."""
        environment_id = self.session.compute_environment_id
        async with self.services.write_slots.of(environment_id):
            async with outbox.stream_transaction(self.services.database, self.studio.workspace_id) as transaction:
                studio = await studios.find_locked(transaction, self.studio.id)
                if studio is None or not self._holds_lease(studio) or studio.status not in expected:
                    raise LeaseLost
                yield transaction, studio
            if self.services.computes.is_silent(environment_id):
                await asyncio.sleep(SILENT_WRITE_PAUSE_S)

    async def require_lease(self, reader: Reader) -> None:
        """Checks the lease before a call that would harm another controller that took over. Raises LeaseLost."""
        studio = await studios.find(reader, self.studio.id)
        if studio is None or not self._holds_lease(studio):
            raise LeaseLost

    def _holds_lease(self, studio: StudioState) -> bool:
        return studio.lease_epoch == self.lease.epoch and studio.session_number == self.studio.session_number

    async def report_step(self, to: Step, message: str | None = None, *, operation_id: str | None = None) -> None:
        """Records which step an operation, by default the Studio's current one, is in (B84). What was recorded last is not repeated."""
        message = None if message is None else describe_error(message)
        if to.value in self._shown_steps and self._shown_steps[to.value] == message:
            return
        self._shown_steps[to.value] = message
        async with self.result(self.studio.status) as (transaction, studio):
            operation = await operations.find(transaction, operation_id or studio.operation_id or "")
            if operation is None or operation.state != OperationState.RUNNING.value:
                return
            await operations.change(transaction, operation.id, steps=progress.advanced(operation.steps, to, message, transaction.now))
            await studios.change(transaction, studio.id)
            await outbox.append(transaction, studio.workspace_id, [operation_event(studio, operation.id)])

    async def save_interval(self) -> timedelta:
        """Returns the time between two periodic saves; 0 for none."""
        async with self.services.database.read() as reader:
            seconds = (await compute_environments.settings(reader, self.studio.workspace_id)).checkpoint_interval_seconds
        return self.policy.save_interval(seconds)

    async def actor(self, transaction: Transaction, studio: StudioState) -> Actor:
        """Returns the actor of the current operation."""
        operation = await operations.find(transaction, studio.operation_id or "")
        return Actor.from_json(operation.actor) if operation else Actor.system("controller")

    async def reload_session(self) -> None:
        async with self.services.database.read() as reader:
            session = await sessions.find(reader, self.studio.id, self.session.number)
        if session is None:
            raise LeaseLost
        self.session = session
