"""Saves and restores the checkpoints of the process kind: one `tar.zst` each, published by a rename and verified by its sha256."""

import hashlib
import json
import os
import sys
from pathlib import Path
from secrets import token_hex
from uuid import uuid4

from services.compute.process.cancellation import in_thread, run_program
from services.compute.process.data_directory import DataDirectory
from services.compute.process.locks import try_lock
from services.compute.protocol import CheckpointMissing, ComputeFailed, Saved

PACK, EXTRACT = Path(__file__).with_name("pack.py"), Path(__file__).with_name("extract.py")
MAX_BYTES = 1 << 40
MAX_MEMBERS = 10_000_000
REFUSED = 3
DIGEST_LETTERS = 16
NONCE_BYTES = 4
PART = ".part-"


class Archives:
    """The archives of one data directory."""

    def __init__(self, data_directory: DataDirectory, max_bytes: int = MAX_BYTES, max_members: int = MAX_MEMBERS) -> None:
        self._data_directory, self._max_bytes, self._max_members = data_directory, max_bytes, max_members

    async def final(self, checkpoint_id: str) -> Saved | None:
        """Returns the save of an ended session if it was made before: its files have not changed since."""
        reference = f"{checkpoint_id}.tar.zst"
        path = self._data_directory.checkpoint(reference)
        if not path.exists():
            return None
        return Saved(reference, await in_thread(_digest, path), path.stat().st_size)

    async def save(self, files: Path, checkpoint_id: str, *, interim: bool) -> Saved:
        """Saves the files. An interim save gets a new name, so that the recorded one stays until the new one is recorded (B30)."""
        part = self._data_directory.checkpoints / f"{PART}{uuid4().hex}"
        lock = try_lock(part)
        assert lock is not None
        try:
            code, output = await run_program([sys.executable, "-I", str(PACK), str(files), str(part)], keep=(lock,))
            last = output.strip().splitlines()[-1:]
            if code:
                raise ComputeFailed(f"The session's files could not be saved: {' '.join(last) or code}.")
            done = json.loads(last[0])
            digest, size = done["digest"], done["size"]
            reference = f"{checkpoint_id}.tar.zst" if not interim else await in_thread(self._interim_name, checkpoint_id, digest)
            await in_thread(_publish, part, self._data_directory.checkpoint(reference))
            return Saved(reference, digest, size)
        finally:
            part.unlink(missing_ok=True)
            os.close(lock)

    def _interim_name(self, checkpoint_id: str, digest: str) -> str:
        """Returns the name of the newest interim save if that has the same content, else a new one: older ones may be being removed."""
        beginning = f"{checkpoint_id}.{digest.removeprefix('sha256:')[:DIGEST_LETTERS]}"
        with os.scandir(self._data_directory.checkpoints) as entries:
            others = [(_modified(entry), entry.name) for entry in entries if entry.name.startswith(f"{checkpoint_id}.")]
        _, newest = max(others, default=(0, ""))
        if newest.startswith(beginning):
            return newest
        return f"{beginning}{token_hex(NONCE_BYTES)}.tar.zst"

    async def restore(self, reference: str, digest: str | None, target: Path, lock: int) -> None:
        """Puts the archive's files into the empty directory `target`. Raises CheckpointMissing, ComputeFailed.

        The extractor inherits the lock: if this server is killed, no other begins while it still writes.
        """
        path = self._data_directory.checkpoint(reference)
        try:
            actual_digest = await in_thread(_digest, path)
        except OSError as error:
            raise CheckpointMissing(f"The checkpoint's archive {reference} cannot be read: {error.strerror}.") from error
        if digest is not None and actual_digest != digest:
            raise CheckpointMissing(f"The checkpoint's archive {reference} is not what was saved.")
        limits = (str(self._max_bytes), str(self._max_members))
        code, output = await run_program([sys.executable, "-I", str(EXTRACT), str(path), str(target), *limits], keep=(lock,))
        reason = " ".join(output.strip().splitlines()[-1:]) or str(code)
        if code == REFUSED:
            raise CheckpointMissing(f"The checkpoint's archive {reference} cannot be restored: {reason}.")
        if code:
            raise ComputeFailed(f"The checkpoint's archive {reference} could not be restored: {reason}.")

    def sweep_unrecorded(self, checkpoint_id: str, keep: str) -> None:
        """Removes interim saves of the checkpoint that were not recorded, after a cancellation or a crash: each holds all files."""
        for path in self._data_directory.checkpoints.glob(f"{checkpoint_id}.*.tar.zst"):
            if path.name != keep:
                path.unlink(missing_ok=True)

    def remove(self, reference: str) -> None:
        self._data_directory.checkpoint(reference).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Removes what interrupted saves left: the partial archives that nobody holds locked."""
        for path in self._data_directory.checkpoints.glob(f"{PART}*"):
            lock = try_lock(path)
            if lock is not None:
                path.unlink(missing_ok=True)
                os.close(lock)


def _modified(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_mtime_ns
    except FileNotFoundError:  # removed at this moment
        return 0


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _publish(part: Path, path: Path) -> None:
    part.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
