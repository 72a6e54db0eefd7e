"""Listening to one session, from wherever its stored output ends, until nothing more comes (B84)."""

import asyncio
import logging
from contextlib import aclosing, suppress
from datetime import timedelta
from time import monotonic

from services.compute.protocol import Compute, ComputeFailed, ComputeUnknown
from services.controller.controller_services import ControllerServices
from services.controller.logs.log_buffer import HOLD_SECONDS, LogBuffer
from services.controller.logs.log_writer import PAUSE_SECONDS, LogWriter
from services.domain.session_name import SessionName
from services.secrets import masking
from services.secrets.secret_box import CannotOpen
from services.secrets.session_secrets import session_secrets
from services.store import output_sources, outputs, sessions
from services.store.db.database import DatabaseUnavailable, clock
from services.store.output_sources import Printing
from services.store.outputs import NotTheEnd, OutputState
from services.store.sessions import SessionState

log = logging.getLogger(__name__)

AGAIN_SECONDS = 0.5
"""After the output of a session has ended that has not: it was not created yet, or its end is not noted yet."""
RETRY_SECONDS = 2.0
SEALED_SECONDS = 600.0
ASIDE_SECONDS = 10.0
"""Whoever finds that another process collects the same looks after this time whether it still does."""
LAST_LOOK_SECONDS = 5.0
GIVE_UP = timedelta(minutes=1)
"""After the end of a session whose compute environment does not answer."""
FLOOD_BYTES_PER_SECOND = 4 << 20


class Pace:
    """Shared by all sessions that print more than is stored: together they are read no faster than this, so that others have their turn."""

    def __init__(self) -> None:
        self._free_at = 0.0

    async def wait(self, size: int) -> None:
        """Return when it is the turn of `size` bytes."""
        self._free_at = max(self._free_at, monotonic()) + size / FLOOD_BYTES_PER_SECOND
        await asyncio.sleep(self._free_at - monotonic())


class LogFollower:
    """To one session. What was read and is not stored is read again after any trouble, so that nothing of it need be remembered."""

    def __init__(self, services: ControllerServices, session_id: str, writer: LogWriter, pace: Pace) -> None:
        self._services = services
        self._session_id = session_id
        self._writer = writer
        self._pace = pace

    async def run(self) -> None:
        """Until the output is closed, here or by others, or the session is gone."""
        while (found := await self._find()) is not None:
            try:
                if await self._listen(found):
                    return
                await asyncio.sleep(AGAIN_SECONDS)
            except NotTheEnd:
                await self._stand_aside()
            except (ComputeUnknown, ComputeFailed, DatabaseUnavailable):
                await asyncio.sleep(RETRY_SECONDS)
            except CannotOpen:
                log.warning(
                    "The output of session %s is not stored: its secrets, sealed with another key, cannot be hidden", self._session_id
                )
                await asyncio.sleep(SEALED_SECONDS)
            except Exception:
                log.exception("The output of session %s could not be collected; it is tried again", self._session_id)
                await asyncio.sleep(RETRY_SECONDS)

    async def _find(self) -> Printing | None:
        while True:
            try:
                async with self._services.database.read() as reader:
                    return await output_sources.find(reader, self._session_id)
            except DatabaseUnavailable:
                await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self, found: Printing) -> bool:
        """Follow it to its end; True once there is nothing more to do."""
        there = await begun(self._services, found)
        if there is None:
            return True
        output, session = there
        if found.ended_at is None:
            await self._follow(found, output, session)
            return False
        try:
            async with asyncio.timeout(LAST_LOOK_SECONDS):
                await self._follow(found, output, session)
        except (ComputeUnknown, ComputeFailed):
            if not await self._long_ago(found):
                raise
        except (TimeoutError, CannotOpen):
            pass  # no more will come of it
        async with self._services.database.write(durable=False) as transaction:
            await outputs.close(transaction, self._session_id)
        return True

    async def _follow(self, found: Printing, output: OutputState, session: SessionState) -> None:
        """Read and store, side by side. Raises NotTheEnd, ComputeUnknown, ComputeFailed, DatabaseUnavailable."""
        compute, name = await self._services.computes.get(session.compute_environment_id), name_of(self._services, found)
        intake, came = await intake_of(self._services, output, session), asyncio.Event()
        reading = asyncio.create_task(self._read(compute, name, intake, came))
        reading.add_done_callback(lambda _: came.set())
        try:
            while not reading.done():
                await _something(intake, came)
                if batch := intake.take(monotonic()):
                    output = await self._writer.write(output, batch)
            reading.result()
            while batch := intake.take(monotonic(), at_end=True):
                output = await self._writer.write(output, batch)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, compute: Compute, name: SessionName, intake: LogBuffer, came: asyncio.Event) -> None:
        async with aclosing(compute.follow(name, intake.source_place)) as pieces:
            async for printed in pieces:
                flood = intake.add(printed)
                came.set()
                if flood:
                    await self._pace.wait(len(printed.data))

    async def _stand_aside(self) -> None:
        """Somebody else collects it: return once nothing has come for a while, or it is closed. Then it may be ours again."""
        seen = -1
        while (output := await self._output()) is not None and not output.closed and output.end != seen:
            seen = output.end
            await asyncio.sleep(ASIDE_SECONDS)

    async def _output(self) -> OutputState | None:
        async with self._services.database.read() as reader:
            return await outputs.find(reader, self._session_id)

    async def _long_ago(self, found: Printing) -> bool:
        async with self._services.database.read() as reader:
            return found.ended_at is not None and found.ended_at < await clock(reader.connection) - GIVE_UP


async def _something(intake: LogBuffer, came: asyncio.Event) -> None:
    """Return when there may be something to take."""
    limit = (PAUSE_SECONDS if intake.waits else HOLD_SECONDS) if intake.waits or intake.holds else None
    with suppress(TimeoutError):
        async with asyncio.timeout(limit):
            await came.wait()
    came.clear()


async def begun(services: ControllerServices, found: Printing) -> tuple[OutputState, SessionState] | None:
    """The session's output as it is stored, and the session; None where it was deleted meanwhile."""
    async with services.database.read() as reader:
        session, output = await sessions.find(reader, found.studio_id, found.number), await outputs.find(reader, found.session_id)
    if session is None or output is not None:
        return (output, session) if session and output else None
    async with services.database.write(durable=False) as transaction:
        if await sessions.find(transaction, found.studio_id, found.number) is None:
            return None
        return await outputs.begin(transaction, session.id), session


async def intake_of(services: ControllerServices, output: OutputState, session: SessionState) -> LogBuffer:
    """Where what comes after the stored output goes through."""
    secrets = await session_secrets(services.database, services.seal, session)
    mask = await asyncio.to_thread(lambda: masking.Mask(masking.forms(secrets)))  # of many long ones it takes a while
    return LogBuffer(mask, output.place, monotonic())


def name_of(services: ControllerServices, found: Printing) -> SessionName:
    return SessionName(services.installation, found.studio_id, found.public_id, found.number)
