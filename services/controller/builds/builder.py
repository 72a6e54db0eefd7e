"""Runs queued image builds: stores their output, shows their progress to the Studios that wait, and stops cancelled ones."""

import asyncio
import logging
import re
from collections.abc import Callable

from services.compute.protocol import ComputeFailed, ComputeUnknown, ImageBuild
from services.controller.controller_services import ControllerServices
from services.controller.error_text import describe_error
from services.domain.ids import new_id
from services.domain.statuses import BuildState
from services.runtime import metrics
from services.runtime.background_loop import BackgroundLoop
from services.store import builds, outputs
from services.store.builds import Build
from services.store.db.database import DatabaseUnavailable, Wake, clock
from services.store.db.wakeups import WakeSource
from services.store.outputs import OutputChanged, OutputState

logger = logging.getLogger(__name__)

MAX_CONCURRENT_BUILDS = 2
"""Builds that one process runs at the same time: each uses a CPU core."""
POLL_SECONDS = 10.0
"""The longest time between two looks for queued builds: a lost wake-up is noticed after it."""
RETRY_SECONDS = 5.0
"""The pause after an unexpected error, or while the compute environment does not answer."""
FLUSH_SECONDS = 0.25
"""How often new output of a build is stored."""
MAX_PENDING_BYTES = 1 << 20
"""Output that is not stored yet. Beyond it, reading the build's output pauses."""
BUILD_STEP = re.compile(rb"^Step \d+/\d+ : .*$", re.MULTILINE)
RESTART_MESSAGE = b"\nThe build was interrupted, and begins again; finished steps are not repeated.\n"


class Builder:
    """Claims queued builds and runs them. Builds that it leaves unfinished are started again by the next builder."""

    def __init__(self, services: ControllerServices, wakes: WakeSource) -> None:
        self._services = services
        self._wakes = wakes
        self._owner = new_id()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._loop = BackgroundLoop("builder", self._reconcile, failure="Queued builds could not be claimed")
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Starts claiming. On SQLite there is only one process, so all leases of builds belong to a dead one, and are released."""
        if self._services.database.dialect == "sqlite":
            async with self._services.database.write() as transaction:
                await builds.release_all(transaction)
        self._unsubscribe = self._wakes.subscribe(self._on_wake)
        self._loop.start()

    async def close(self) -> None:
        self._unsubscribe()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(self._loop.stop(), *tasks, return_exceptions=True)
        try:
            async with self._services.database.write() as transaction:
                await builds.release_owned(transaction, self._owner)
        except DatabaseUnavailable:
            logger.warning("The leases of unfinished builds could not be released; they expire by themselves")

    def _on_wake(self, wake: Wake) -> None:
        if wake.topic in ("build", "lost"):
            self._loop.wake()

    async def _reconcile(self) -> float:
        await self._claim()
        await self._cancel_closed()
        return POLL_SECONDS

    async def _claim(self) -> None:
        free = MAX_CONCURRENT_BUILDS - len(self._tasks)
        if free <= 0:
            return
        async with self._services.database.write() as transaction:
            lease, verified, silent = self._services.policy.lease_duration, self._services.computes.verified, self._services.computes.silent
            claimed = await builds.claim(transaction, self._owner, lease, free, list(self._tasks), verified, silent)
        for build in claimed:
            task = asyncio.create_task(self._run_attempt(build), name=f"build {build.reference}")
            self._tasks[build.id] = task
            task.add_done_callback(lambda _, build_id=build.id: self._on_attempt_done(build_id))  # type: ignore[misc]

    def _on_attempt_done(self, build_id: str) -> None:
        self._tasks.pop(build_id, None)
        self._loop.wake()

    async def _cancel_closed(self) -> None:
        async with self._services.database.read() as reader:
            for build_id, task in list(self._tasks.items()):
                build = await builds.find(reader, build_id)
                if build is None or not build.is_open:
                    task.cancel()

    async def _run_attempt(self, build: Build) -> None:
        try:
            await _BuildAttempt(self._services, build).run()
        except _LeftToOthers:
            return  # the lease expires by itself
        except OutputChanged:
            metrics.LEASE_LOSSES.labels("build").inc()
            logger.info("The build of %s was cancelled or taken over", build.reference)
        except Exception:
            logger.exception("The build of %s failed with an unexpected error; it is tried again", build.reference)
            await asyncio.sleep(RETRY_SECONDS)


class _LeftToOthers(Exception):
    """The engine has not answered since this process began: another controller may reach it."""


class _BuildAttempt:
    """One attempt at a build, under a lease.

    Its transactions write the waiting Studios first, then the build, then the output, in the same order as those that cancel it:
    otherwise PostgreSQL would abort one of two transactions in a deadlock.
    """

    def __init__(self, services: ControllerServices, build: Build) -> None:
        self._services = services
        self._build = build
        self._pending = bytearray()
        self._has_capacity = asyncio.Event()
        self._output: OutputState | None = None

    async def run(self) -> None:
        """Runs the build to its end. Raises OutputChanged if the build was cancelled or the lease lost, and unexpected errors."""
        await self._begin()
        work = asyncio.create_task(self._build_image())
        maintenance = asyncio.create_task(self._maintain(work))
        try:
            state, message = await work
            await maintenance  # ends by itself, and never during a write
        finally:
            for task in (maintenance, work):
                task.cancel()
            await asyncio.gather(maintenance, work, return_exceptions=True)
        await self._flush()
        await self._end(state, message)

    async def _begin(self) -> None:
        async with self._services.database.write() as transaction:
            await builds.mark_studios_due(transaction, self._build.id)
            self._output = await outputs.find_or_add(transaction, self._build.id)
            if self._output.end:
                self._output = await outputs.append(transaction, self._output, RESTART_MESSAGE, None)

    async def _build_image(self) -> tuple[BuildState, str | None]:
        """Builds the image, and tries again while the compute environment does not answer, until the deadline."""
        while True:
            try:
                async with asyncio.timeout(await self._remaining_seconds()):
                    compute = await self._services.computes.get(self._build.compute_environment_id)
                    await compute.build_image(ImageBuild.of_recipe(self._build.reference, self._build.recipe), self._print)
                return BuildState.SUCCEEDED, None
            except ComputeFailed as error:
                return BuildState.FAILED, f"The image {self._build.reference} could not be built: {describe_error(error)}"
            except TimeoutError:
                return BuildState.FAILED, f"The image {self._build.reference} was not built in time."
            except ComputeUnknown as error:
                await self._set_message(f"Waiting: the compute environment does not answer ({describe_error(error)}).")
                if self._build.compute_environment_id not in self._services.computes.verified:
                    raise _LeftToOthers from error
                await asyncio.sleep(RETRY_SECONDS)

    async def _remaining_seconds(self) -> float:
        async with self._services.database.read() as reader:
            now = await clock(reader.connection)
        return max((self._build.deadline - now).total_seconds(), 0)

    async def _print(self, data: bytes) -> None:
        """Takes output of the build, and pauses it if the database is slower."""
        self._pending += data
        if len(self._pending) > MAX_PENDING_BYTES:
            self._has_capacity.clear()
            await self._has_capacity.wait()

    async def _maintain(self, work: "asyncio.Task[tuple[BuildState, str | None]]") -> None:
        """Renews the lease and stores output while the build runs. Cancels it when the lease is lost."""
        loop = asyncio.get_running_loop()
        interval = self._services.policy.lease_duration.total_seconds() / 3
        renew_at = loop.time() + interval
        has_lease = True
        while has_lease and not work.done():
            await asyncio.wait([work], timeout=FLUSH_SECONDS)
            try:
                await self._flush()
                if loop.time() >= renew_at:
                    renew_at = loop.time() + interval
                    has_lease = await self._renew()
            except DatabaseUnavailable as error:
                logger.warning("The output or the lease of a build could not be stored: %s; it is tried again", error)
            except OutputChanged:
                has_lease = False
        if not has_lease:
            metrics.LEASE_LOSSES.labels("build").inc()
        work.cancel()

    async def _renew(self) -> bool:
        async with self._services.database.write() as transaction:
            return await builds.renew(transaction, self._build, self._services.policy.lease_duration)

    async def _flush(self) -> None:
        if not self._pending:
            return
        assert self._output is not None
        data = bytes(self._pending)
        steps = BUILD_STEP.findall(data)
        async with self._services.database.write() as transaction:
            if steps:
                await builds.mark_studios_due(transaction, self._build.id)
                await builds.set_message(transaction, self._build, describe_error(steps[-1].decode(errors="replace")))
            output = await outputs.append(transaction, self._output, data, None)
        self._output = output  # only now: a transaction that failed has stored nothing
        del self._pending[: len(data)]
        self._has_capacity.set()

    async def _set_message(self, message: str) -> None:
        async with self._services.database.write() as transaction:
            await builds.mark_studios_due(transaction, self._build.id)
            await builds.set_message(transaction, self._build, message)

    async def _end(self, state: BuildState, message: str | None) -> None:
        async with self._services.database.write() as transaction:
            await builds.mark_studios_due(transaction, self._build.id)
            if await builds.end(transaction, self._build, state, message):
                await outputs.close(transaction, self._build.id)
        if message is not None:
            logger.warning("%s", message)
