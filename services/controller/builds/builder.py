"""Does the builds of images that are queued: prints into their outputs, tells those who wait how far it is, stops when cancelled."""

import asyncio
import logging
import re
from collections.abc import Callable

from services.compute.protocol import ComputeFailed, ComputeUnknown, ImageBuild
from services.controller.controller_services import ControllerServices
from services.controller.error_text import describe_error
from services.domain.ids import new_id
from services.domain.statuses import BuildState
from services.runtime.background_loop import BackgroundLoop
from services.store import builds, outputs
from services.store.builds import Build
from services.store.db.database import DatabaseUnavailable, Wake, clock
from services.store.db.wakeups import WakeSource
from services.store.outputs import NotTheEnd, OutputState

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Builds of one process: each takes a core."""
POLL_SECONDS = 10.0
"""A slow look in any case: a lost wake-up must not matter."""
RETRY_SECONDS = 5.0
FLUSH_SECONDS = 0.25
MOST_PENDING = 1 << 20
"""Bytes printed and not yet written down."""
STEP = re.compile(rb"^Step \d+/\d+ : .*$", re.MULTILINE)
AGAIN = b"\nThe build was interrupted, and begins again; finished steps are not repeated.\n"


class Builder:
    """Builds what is queued, until closed. What it leaves unfinished is begun again by whoever comes next."""

    def __init__(self, services: ControllerServices, wakes: WakeSource) -> None:
        self._services = services
        self._wakes = wakes
        self._owner = new_id()
        self._at_work: dict[str, asyncio.Task[None]] = {}
        self._loop = BackgroundLoop("builder", self._look, failure="The builder could not look for work")
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Begin. On SQLite there is one process, so whoever was at a build is dead."""
        if self._services.database.dialect == "sqlite":
            async with self._services.database.write() as transaction:
                await builds.release_all(transaction)
        self._unsubscribe = self._wakes.subscribe(self._woken)
        self._loop.start()

    async def close(self) -> None:
        self._unsubscribe()
        tasks = list(self._at_work.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(self._loop.stop(), *tasks, return_exceptions=True)
        try:
            async with self._services.database.write() as transaction:
                await builds.release_owned(transaction, self._owner)
        except DatabaseUnavailable:
            log.warning("The builds at work could not be given back; they are begun again a little later")

    def _woken(self, wake: Wake) -> None:
        if wake.topic in ("build", "lost"):
            self._loop.wake()

    async def _look(self) -> float:
        await self._claim()
        await self._drop_cancelled()
        return POLL_SECONDS

    async def _claim(self) -> None:
        free = AT_ONCE - len(self._at_work)
        if free <= 0:
            return
        async with self._services.database.write() as transaction:
            claimed = await builds.claim(transaction, self._owner, self._services.policy.lease, free, list(self._at_work))
        for build in claimed:
            task = asyncio.create_task(self._work(build), name=f"build {build.reference}")
            self._at_work[build.id] = task
            task.add_done_callback(lambda _, build_id=build.id: self._ended(build_id))  # type: ignore[misc]

    def _ended(self, build_id: str) -> None:
        self._at_work.pop(build_id, None)
        self._loop.wake()

    async def _drop_cancelled(self) -> None:
        async with self._services.database.read() as reader:
            for build_id, task in list(self._at_work.items()):
                found = await builds.find(reader, build_id)
                if found is None or not found.is_open:
                    task.cancel()

    async def _work(self, build: Build) -> None:
        try:
            await _Attempt(self._services, build).run()
        except NotTheEnd:
            log.info("The build of %s was cancelled or taken over", build.reference)
        except Exception:
            log.exception("The build of %s failed in the server; it is tried again", build.reference)
            await asyncio.sleep(RETRY_SECONDS)


class _Attempt:
    """One build at work.

    Its transactions write the Studios that wait first, then the build, then the output, as those that cancel it do: PostgreSQL would
    end one of two that wait for each other's rows.
    """

    def __init__(self, services: ControllerServices, build: Build) -> None:
        self._services = services
        self._build = build
        self._printed = bytearray()
        self._room = asyncio.Event()
        self._output: OutputState | None = None

    async def run(self) -> None:
        """To its end, under the lease. Raises what no attempt can help, NotTheEnd where it is not ours any more."""
        await self._begin()
        work = asyncio.create_task(self._do())
        tending = asyncio.create_task(self._tend(work))
        try:
            state, message = await work
            await tending  # ends by itself, and not in the middle of a write
        finally:
            for task in (tending, work):
                task.cancel()
            await asyncio.gather(tending, work, return_exceptions=True)
        await self._flush()
        await self._end(state, message)

    async def _begin(self) -> None:
        async with self._services.database.write() as transaction:
            await builds.mark_studios_due(transaction, self._build.id)
            self._output = await outputs.begin(transaction, self._build.id)
            if self._output.end:
                self._output = await outputs.append(transaction, self._output, AGAIN, None)

    async def _do(self) -> tuple[BuildState, str | None]:
        """Tried again while the engine says nothing; its deadline ends that."""
        while True:
            try:
                async with asyncio.timeout(await self._left()):
                    compute = await self._services.computes.get(self._build.compute_environment_id)
                    await compute.build_image(ImageBuild(self._build.reference, self._build.recipe["directory"]), self._print)
                return BuildState.SUCCEEDED, None
            except ComputeFailed as failed:
                return BuildState.FAILED, f"The image {self._build.reference} could not be built: {describe_error(failed)}"
            except TimeoutError:
                return BuildState.FAILED, f"The image {self._build.reference} was not built in time."
            except ComputeUnknown as unknown:
                await self._say(f"Waiting: the compute environment does not answer ({describe_error(unknown)}).")
                await asyncio.sleep(RETRY_SECONDS)

    async def _left(self) -> float:
        async with self._services.database.read() as reader:
            now = await clock(reader.connection)
        return max((self._build.deadline - now).total_seconds(), 0)

    async def _print(self, data: bytes) -> None:
        """Whoever prints faster than the database takes it waits."""
        self._printed += data
        if len(self._printed) > MOST_PENDING:
            self._room.clear()
            await self._room.wait()

    async def _tend(self, work: "asyncio.Task[tuple[BuildState, str | None]]") -> None:
        """Hold the lease, and write down what was printed; end the work when it is not ours any more."""
        loop = asyncio.get_running_loop()
        every = self._services.policy.lease.total_seconds() / 3
        renew_at = loop.time() + every
        mine = True
        while mine and not work.done():
            await asyncio.wait([work], timeout=FLUSH_SECONDS)
            try:
                await self._flush()
                if loop.time() >= renew_at:
                    renew_at = loop.time() + every
                    mine = await self._renew()
            except DatabaseUnavailable as trouble:
                log.warning("The output or the lease of a build could not be written yet: %s", trouble)
            except NotTheEnd:
                mine = False
        work.cancel()

    async def _renew(self) -> bool:
        async with self._services.database.write() as transaction:
            return await builds.renew(transaction, self._build, self._services.policy.lease)

    async def _flush(self) -> None:
        if not self._printed:
            return
        assert self._output is not None
        data = bytes(self._printed)
        steps = STEP.findall(data)
        async with self._services.database.write() as transaction:
            if steps:
                await builds.mark_studios_due(transaction, self._build.id)
                await builds.set_message(transaction, self._build, describe_error(steps[-1].decode(errors="replace")))
            output = await outputs.append(transaction, self._output, data, None)
        self._output = output  # only now: a transaction that failed has written nothing
        del self._printed[: len(data)]
        self._room.set()

    async def _say(self, message: str) -> None:
        async with self._services.database.write() as transaction:
            await builds.mark_studios_due(transaction, self._build.id)
            await builds.set_message(transaction, self._build, message)

    async def _end(self, state: BuildState, message: str | None) -> None:
        async with self._services.database.write() as transaction:
            await builds.mark_studios_due(transaction, self._build.id)
            if await builds.end(transaction, self._build, state, message):
                await outputs.close(transaction, self._build.id)
        if message is not None:
            log.warning("%s", message)
