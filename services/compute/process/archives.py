"""Saves and restores the checkpoints of the process kind: one `tar.zst` each, published by a rename and verified by its sha256."""

import hashlib
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from secrets import token_hex
from uuid import uuid4

from services.compute.locks import try_lock
from services.compute.process.cancellation import in_thread, run_program
from services.compute.process.data_directory import DataDirectory
from services.compute.protocol import CheckpointMissing, ComputeFailed, ComputeUnknown, Saved

PACK, EXTRACT = Path(__file__).with_name("pack.py"), Path(__file__).with_name("extract.py")
MAX_ARCHIVE_BYTES = 1 << 40
MAX_MEMBERS = 10_000_000
REFUSED_EXIT_CODE = 3
SUFFIX, FINAL = ".tar.zst", "final-"
NONCE_BYTES = 4
PART_INFIX = ".part-"
Writer = Callable[[Path, int], Awaitable[tuple[str, int]]]
"""Writes an archive to a file, which is held locked by the descriptor, and returns its digest and its size in bytes."""


class Archives:
    """The archives of one data directory."""

    def __init__(self, data_directory: DataDirectory, max_bytes: int = MAX_ARCHIVE_BYTES, max_members: int = MAX_MEMBERS) -> None:
        self._data_directory, self._max_bytes, self._max_members = data_directory, max_bytes, max_members

    def new_reference(self, checkpoint_id: str, *, interim: bool) -> str:
        """Returns the file name of a save that is to be made."""
        return f"{checkpoint_id}.{'' if interim else FINAL}{token_hex(NONCE_BYTES)}{SUFFIX}"

    def finals(self, checkpoint_id: str) -> list[str]:
        """Returns the saves of the session after its end: its files have not changed since. Earlier versions named them without a nonce."""
        archives = self._data_directory.checkpoints.glob(f"{checkpoint_id}.{FINAL}*{SUFFIX}")
        former = self._data_directory.checkpoint(f"{checkpoint_id}{SUFFIX}")
        return [*sorted(path.name for path in archives), *([former.name] if former.exists() else [])]

    def all(self) -> list[str]:
        """Returns the names of all finished saves."""
        return sorted(path.name for path in self._data_directory.checkpoints.glob(f"*{SUFFIX}"))

    async def find(self, reference: str) -> Saved | None:
        """Returns the save of this name; None if it was never finished."""
        path = self._data_directory.checkpoint(reference)
        if not path.exists():
            return None
        return Saved(reference, await in_thread(file_digest, path), path.stat().st_size)

    async def save(self, files: Path, reference: str, recorded: Saved | None) -> Saved:
        """Saves the files; returns `recorded` if it has the same content and is there."""

        async def pack(part: Path, lock: int) -> tuple[str, int]:
            code, output = await run_program([sys.executable, "-I", str(PACK), str(files), str(part)], keep=(lock,))
            last = output.strip().splitlines()[-1:]
            if code:
                raise ComputeFailed(f"The session's files could not be saved: {' '.join(last) or code}.")
            done = json.loads(last[0])
            return done["digest"], done["size"]

        return await self.publish(pack, reference, recorded)

    async def publish(self, write: Writer, reference: str, recorded: Saved | None) -> Saved:
        """Makes a save of what `write` writes; returns `recorded` if it has the same content and is there."""
        part = self._data_directory.checkpoints / f"{PART_INFIX}{uuid4().hex}"
        lock = try_lock(part)
        assert lock is not None
        try:
            saved = Saved(reference, *await write(part, lock))
            if recorded is not None and recorded.digest == saved.digest and self._data_directory.checkpoint(recorded.reference).exists():
                return recorded
            await in_thread(_publish, part, self._data_directory.checkpoint(reference))
            return saved
        finally:
            part.unlink(missing_ok=True)
            os.close(lock)

    async def restore(self, reference: str, digest: str | None, target: Path, lock: int) -> None:
        """Puts the archive's files into the empty directory `target`. Raises CheckpointMissing, ComputeFailed, ComputeUnknown.

        The extractor inherits the lock: if this server is killed, no other begins while it still writes.
        """
        path = self._data_directory.checkpoint(reference)
        actual_digest = await self._actual_digest(reference)
        if actual_digest is None:
            raise CheckpointMissing(f"The checkpoint's archive {reference} was removed.")
        if digest is not None and actual_digest != digest:
            raise CheckpointMissing(f"The checkpoint's archive {reference} is not what was saved.")
        limits = (str(self._max_bytes), str(self._max_members))
        code, output = await run_program([sys.executable, "-I", str(EXTRACT), str(path), str(target), *limits], keep=(lock,))
        reason = " ".join(output.strip().splitlines()[-1:]) or str(code)
        if code == REFUSED_EXIT_CODE:
            raise CheckpointMissing(f"The checkpoint's archive {reference} cannot be restored: {reason}.")
        if code:
            raise ComputeFailed(f"The checkpoint's archive {reference} could not be restored: {reason}.")

    async def share(self, reference: str, digest: str, target: str) -> Saved:
        """Gives the archive a second name, so that it stays when the first is removed. Raises CheckpointMissing, ComputeUnknown."""
        if not await self.is_there(reference, digest or None):
            raise CheckpointMissing(f"The checkpoint's archive {reference} was removed, or is not what was saved.")
        path = self._data_directory.checkpoint(target)
        try:
            await in_thread(_link, self._data_directory.checkpoint(reference), path)
        except OSError as error:
            raise ComputeUnknown(f"the checkpoint's archive {reference} cannot be shared: {error.strerror}") from error
        saved = await self.find(target)
        if saved is None:
            raise ComputeUnknown("the shared archive was removed at this moment")
        return saved

    async def is_there(self, reference: str, digest: str | None) -> bool:
        """Returns whether the archive is there, and is what was saved. Raises ComputeUnknown."""
        actual_digest = await self._actual_digest(reference)
        return actual_digest is not None and digest in (None, actual_digest)

    async def _actual_digest(self, reference: str) -> str | None:
        """Returns the digest of the archive; None if no file has its name. Raises ComputeUnknown where that cannot be told."""
        try:
            return await in_thread(file_digest, self._data_directory.checkpoint(reference))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ComputeUnknown(f"the checkpoint's archive {reference} cannot be read: {error.strerror}") from error

    def remove(self, reference: str) -> None:
        self._data_directory.checkpoint(reference).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Removes what interrupted saves left: the partial archives that nobody holds locked."""
        for path in self._data_directory.checkpoints.glob(f"{PART_INFIX}*"):
            lock = try_lock(path)
            if lock is not None:
                path.unlink(missing_ok=True)
                os.close(lock)


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _publish(part: Path, path: Path) -> None:
    part.rename(path)
    _sync_directory(path)


def _link(source: Path, path: Path) -> None:
    path.unlink(missing_ok=True)
    path.hardlink_to(source)
    _sync_directory(path)


def _sync_directory(path: Path) -> None:
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
