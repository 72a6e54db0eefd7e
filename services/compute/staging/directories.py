"""The directories in which the files of running sessions are copied: one for each session, kept between its saves.

<root>/<key>/   lock (held by a save and by its program), paused (there while a save pauses the session), contents-<boot id>/

Copies of an earlier boot of the machine are dropped: they may be incomplete after a power failure. Whatever no session names is swept.
"""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from services.compute.locks import try_lock
from services.compute.staging.errors import StagingFailed, StagingTimeout
from services.compute.staging.staged_copy import MIN_FREE_FRACTION

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
KEY_PATTERN = re.compile(r"[0-9A-Za-z_-]+")
CONTENTS_PREFIX = "contents-"


class StagingBusy(StagingFailed):
    """Another save of the session is at work."""

    def __init__(self) -> None:
        super().__init__("another save of the session is at work")


@dataclass(frozen=True, slots=True)
class SessionStaging:
    """The directory of one session. Its methods block."""

    path: Path

    @property
    def _pause_marker(self) -> Path:
        return self.path / "paused"

    @property
    def lock_path(self) -> Path:
        return self.path / "lock"

    def make_contents(self) -> Path:
        """Creates the directory of copies, and removes those of an earlier boot."""
        contents = self.path / f"{CONTENTS_PREFIX}{BOOT_ID.read_text().strip()}"
        for former in self.path.glob(f"{CONTENTS_PREFIX}*"):
            if former != contents:
                shutil.rmtree(former)
        contents.mkdir(mode=0o700, exist_ok=True)
        return contents

    def mark_paused(self) -> None:
        """Records that the session is being paused, so that it is resumed if this server dies. Raises StagingFailed."""
        try:
            self._pause_marker.touch(mode=0o600)
        except OSError as error:
            raise StagingFailed(f"the pause cannot be recorded: {error.strerror}") from error

    def clear_paused(self) -> None:
        self._pause_marker.unlink(missing_ok=True)

    def is_left_paused(self) -> bool:
        """Returns whether a save that paused the session has died before it resumed it."""
        if not self._pause_marker.exists():
            return False
        lock = try_lock(self.lock_path)
        if lock is None:
            return False
        try:
            return self._pause_marker.exists()
        finally:
            os.close(lock)

    def drop_contents(self) -> None:
        for contents in self.path.glob(f"{CONTENTS_PREFIX}*"):
            shutil.rmtree(contents, ignore_errors=True)

    def drop_contents_of_full_disk(self) -> None:
        """Removes the copies if the disk has little space left: the next save makes them anew."""
        usage = shutil.disk_usage(self.path)
        if usage.free < usage.total * MIN_FREE_FRACTION:
            self.drop_contents()


@dataclass(frozen=True, slots=True)
class HeldStaging:
    """A session's directory that this server holds locked by the descriptor `lock`, with the directory of its copies."""

    session: SessionStaging
    contents: Path
    lock: int


class StagingDirectories:
    """The directories below `root`. Keys are names of sessions that nobody else chooses, such as the id of a container."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def of(self, key: str) -> SessionStaging:
        assert KEY_PATTERN.fullmatch(key), key
        return SessionStaging(self._root / key)

    @asynccontextmanager
    async def held(self, key: str) -> AsyncIterator[HeldStaging]:
        """Holds the directory of a session for the block. Its copies are dropped if it fails, but for a timeout. Raises StagingFailed."""
        session = self.of(key)
        try:
            held = await asyncio.to_thread(_hold, session)
        except OSError as error:
            raise StagingFailed(f"the directory for copies cannot be used: {error.strerror}") from error
        try:
            yield held
        except StagingTimeout:
            raise
        except StagingFailed:
            await asyncio.to_thread(session.drop_contents)
            raise
        finally:
            await asyncio.shield(asyncio.to_thread(_release, held))

    async def is_left_paused(self, key: str) -> bool:
        return await asyncio.to_thread(self.of(key).is_left_paused)

    async def clear_paused(self, key: str) -> None:
        await asyncio.to_thread(self.of(key).clear_paused)

    async def remove(self, key: str) -> None:
        """Removes the directory of a session that no save is at work on any more."""
        await asyncio.to_thread(shutil.rmtree, self.of(key).path, ignore_errors=True)

    async def keys(self) -> list[str]:
        """Returns the keys of the sessions that have a directory."""
        paths = await asyncio.to_thread(lambda: list(self._root.glob("*")))
        return [path.name for path in paths if KEY_PATTERN.fullmatch(path.name)]

    async def remove_unheld(self, keys: Iterable[str]) -> None:
        """Removes the directories of these sessions, unless a save is at work there."""
        for key in keys:
            await asyncio.to_thread(_remove_unheld, self.of(key))


def _hold(session: SessionStaging) -> HeldStaging:
    session.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = try_lock(session.lock_path)
    if lock is None:
        raise StagingBusy
    try:
        return HeldStaging(session, session.make_contents(), lock)
    except OSError:
        os.close(lock)
        raise


def _release(held: HeldStaging) -> None:
    try:
        if held.session.path.exists():
            held.session.drop_contents_of_full_disk()
    finally:
        os.close(held.lock)


def _remove_unheld(session: SessionStaging) -> None:
    lock = try_lock(session.lock_path)
    if lock is not None:
        shutil.rmtree(session.path, ignore_errors=True)
        os.close(lock)
