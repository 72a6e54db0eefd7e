"""Saves a running session with a short freeze (ADR 25): its files are copied before, and in the freeze only what changed meanwhile.

The copies are in the session's own directory, and go with it.
"""

import logging
from dataclasses import replace
from pathlib import Path
from time import monotonic

from services.compute.process import keeper_client
from services.compute.process.archives import Archives
from services.compute.process.data_directory import SessionDirectory, SessionRecord
from services.compute.protocol import Saved, SaveRequest
from services.compute.staging.client import PAUSE_TIMEOUT_SECONDS, PREPARE_TIMEOUT_SECONDS, LiveDirectory, Staging, staging, within
from services.compute.staging.directories import StagingDirectories
from services.compute.staging.errors import StagingFailed

KEY = "files"

logger = logging.getLogger(__name__)


async def save(archives: Archives, directory: SessionDirectory, session_record: SessionRecord, request: SaveRequest) -> Saved | None:
    """Saves the session; returns None where its files cannot be copied before. Raises ComputeUnknown."""
    try:
        live = LiveDirectory.of(directory.files, is_overlay=False)
        async with StagingDirectories(directory.staging).held(KEY) as held, staging(live, held.contents, held.lock) as copy:
            return await _save(archives, copy, session_record, request)
    except (StagingFailed, FileNotFoundError) as error:
        logger.info("The session %s is frozen for its whole save, since its files cannot be copied before: %s", request.name, error)
        return None


async def _save(archives: Archives, copy: Staging, session_record: SessionRecord, request: SaveRequest) -> Saved:
    await within(PREPARE_TIMEOUT_SECONDS, copy.prepare())
    began = monotonic()
    async with keeper_client.frozen(session_record):
        await within(PAUSE_TIMEOUT_SECONDS, copy.finish())
    pause_seconds = monotonic() - began

    async def write(part: Path, _: int) -> tuple[str, int]:
        return await copy.archive(part)

    saved = await archives.publish(write, request.reference, request.recorded)
    return saved if saved == request.recorded else replace(saved, pause_seconds=pause_seconds)
