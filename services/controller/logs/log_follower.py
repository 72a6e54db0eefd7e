"""Follows the output of one session, from the end of what is stored until the session has ended (B84)."""

import asyncio
import logging
from contextlib import aclosing, suppress
from datetime import timedelta
from time import monotonic

from services.compute.protocol import Compute, ComputeFailed, ComputeUnknown
from services.controller.controller_services import ControllerServices
from services.controller.logs.log_buffer import MAX_HOLD_SECONDS, LogBuffer
from services.controller.logs.log_writer import MIN_WRITE_INTERVAL_SECONDS, LogWriter
from services.domain.session_name import SessionName
from services.secrets import masking
from services.secrets.secret_box import CannotOpen
from services.secrets.session_secrets import session_secrets
from services.store import output_sources, outputs, sessions
from services.store.db.database import DatabaseUnavailable, clock
from services.store.output_sources import OutputSource
from services.store.outputs import OutputChanged, OutputState
from services.store.sessions import SessionState

logger = logging.getLogger(__name__)

REOPEN_SECONDS = 0.5
"""The pause before the output is read again that ended although the session has not: it is not created yet, or its end not recorded."""
RETRY_SECONDS = 2.0
"""The pause after the compute environment or the database did not answer."""
SEALED_RETRY_SECONDS = 600.0
"""The pause after the session's secrets did not open with this installation's key: only an operator can mend that."""
STANDBY_POLL_SECONDS = 10.0
"""How often it is checked whether another process that collects the same output still does."""
FINAL_READ_TIMEOUT_SECONDS = 5.0
"""How long the output of an ended session is read before it is closed: its container may never report an end of the output."""
MAX_UNANSWERED_TIME = timedelta(minutes=1)
"""How long after its end a session's output is waited for if the compute environment does not answer."""
MAX_FLOOD_BYTES_PER_SECOND = 4 << 20
"""The rate at which one process reads all sessions that print more than is stored."""


class FloodRateLimiter:
    """Limits the rate at which sessions that print too much are read, together, so that reading the others is not delayed."""

    def __init__(self) -> None:
        self._free_at = 0.0

    async def wait(self, size: int) -> None:
        """Returns when `size` more bytes may be read."""
        self._free_at = max(self._free_at, monotonic()) + size / MAX_FLOOD_BYTES_PER_SECOND
        await asyncio.sleep(self._free_at - monotonic())


class LogFollower:
    """Copies one session's output to the store. After an error, output that was read but not stored is read again."""

    def __init__(self, services: ControllerServices, session_id: str, writer: LogWriter, rate_limiter: FloodRateLimiter) -> None:
        self._services = services
        self._session_id = session_id
        self._writer = writer
        self._rate_limiter = rate_limiter

    async def run(self) -> None:
        """Runs until the output is closed, by this process or another, or the session is deleted."""
        while (source := await self._find_source()) is not None:
            try:
                if await self._collect(source):
                    return
                await asyncio.sleep(REOPEN_SECONDS)
            except OutputChanged:
                await self._stand_by()
            except (ComputeUnknown, ComputeFailed, DatabaseUnavailable):
                await asyncio.sleep(RETRY_SECONDS)
                await self._services.computes.wait_until_answering(source.compute_environment_id)
            except CannotOpen:
                logger.warning(
                    "The output of session %s is not stored: its secrets, sealed with another key, cannot be hidden", self._session_id
                )
                await asyncio.sleep(SEALED_RETRY_SECONDS)
            except Exception:
                logger.exception("The output of session %s could not be collected; it is tried again", self._session_id)
                await asyncio.sleep(RETRY_SECONDS)

    async def _find_source(self) -> OutputSource | None:
        while True:
            try:
                async with self._services.database.read() as reader:
                    return await output_sources.find(reader, self._session_id)
            except DatabaseUnavailable:
                await asyncio.sleep(RETRY_SECONDS)

    async def _collect(self, source: OutputSource) -> bool:
        """Follows the output to its end. Returns True once nothing more can come."""
        opened = await open_output(self._services, source)
        if opened is None:
            return True
        output, session = opened
        if source.ended_at is None:
            await self._follow(source, output, session)
            return False
        try:
            async with asyncio.timeout(FINAL_READ_TIMEOUT_SECONDS):
                await self._follow(source, output, session)
        except (ComputeUnknown, ComputeFailed):
            if not await self._is_overdue(source):
                raise
        except (TimeoutError, CannotOpen):
            pass  # no more will come of it
        async with self._services.database.write(durable=False) as transaction:
            await outputs.close(transaction, self._session_id)
        return True

    async def _follow(self, source: OutputSource, output: OutputState, session: SessionState) -> None:
        """Reads and stores at the same time. Raises OutputChanged, ComputeUnknown, ComputeFailed, DatabaseUnavailable."""
        compute, name = await self._services.computes.get(session.compute_environment_id), _session_name(self._services, source)
        buffer, data_arrived = await create_buffer(self._services, output, session), asyncio.Event()
        read_task = asyncio.create_task(self._read(compute, name, buffer, data_arrived))
        read_task.add_done_callback(lambda _: data_arrived.set())
        try:
            while not read_task.done():
                await _wait_for_output(buffer, data_arrived)
                if batch := buffer.take(monotonic()):
                    output = await self._writer.write(output, batch)
            read_task.result()
            while batch := buffer.take(monotonic(), at_end=True):
                output = await self._writer.write(output, batch)
        finally:
            read_task.cancel()
            await asyncio.gather(read_task, return_exceptions=True)

    async def _read(self, compute: Compute, name: SessionName, buffer: LogBuffer, data_arrived: asyncio.Event) -> None:
        async with aclosing(compute.follow(name, buffer.source_cursor)) as pieces:
            async for chunk in pieces:
                flood = buffer.add(chunk)
                data_arrived.set()
                if flood:
                    await self._rate_limiter.wait(len(chunk.data))

    async def _stand_by(self) -> None:
        """Waits while another process stores this output. Returns once that has stored nothing for a while, or has closed it."""
        last_end = -1
        while (output := await self._output()) is not None and not output.closed and output.end != last_end:
            last_end = output.end
            await asyncio.sleep(STANDBY_POLL_SECONDS)

    async def _output(self) -> OutputState | None:
        async with self._services.database.read() as reader:
            return await outputs.find(reader, self._session_id)

    async def _is_overdue(self, source: OutputSource) -> bool:
        async with self._services.database.read() as reader:
            return source.ended_at is not None and source.ended_at < await clock(reader.connection) - MAX_UNANSWERED_TIME


async def _wait_for_output(buffer: LogBuffer, data_arrived: asyncio.Event) -> None:
    """Returns when the buffer may have output to store."""
    limit = (MIN_WRITE_INTERVAL_SECONDS if buffer.has_data else MAX_HOLD_SECONDS) if buffer.has_data or buffer.is_holding else None
    with suppress(TimeoutError):
        async with asyncio.timeout(limit):
            await data_arrived.wait()
    data_arrived.clear()


async def open_output(services: ControllerServices, source: OutputSource) -> tuple[OutputState, SessionState] | None:
    """Returns the stored output, which it creates if needed, and the session. Returns None if the session was deleted."""
    async with services.database.read() as reader:
        session, output = await sessions.find(reader, source.studio_id, source.number), await outputs.find(reader, source.session_id)
    if session is None or output is not None:
        return (output, session) if session and output else None
    async with services.database.write(durable=False) as transaction:
        if await sessions.find(transaction, source.studio_id, source.number) is None:
            return None
        return await outputs.find_or_add(transaction, session.id), session


async def create_buffer(services: ControllerServices, output: OutputState, session: SessionState) -> LogBuffer:
    """Returns a buffer for what follows the stored output, which masks the session's secrets."""
    secrets = await session_secrets(services.database, services.seal, session)
    mask = await asyncio.to_thread(lambda: masking.Mask(masking.forms(secrets)))  # takes long for many long secrets
    return LogBuffer(mask, output.cursor, monotonic())


def _session_name(services: ControllerServices, source: OutputSource) -> SessionName:
    return SessionName(services.installation, source.studio_id, source.public_id, source.number)
