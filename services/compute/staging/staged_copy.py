"""Brings the copy of a live tree up to date: first while its session runs, as often as that pays, and then during the pause."""

import os
from collections.abc import Iterable

from services.compute.staging.change_detection import ChangeDetector
from services.compute.staging.content_store import ContentStore, free_bytes
from services.compute.staging.errors import NotEnoughSpace, StagingFailed
from services.compute.staging.live_tree import DirectoryEntry, LiveTree, OpenDirectories

MAX_ROUNDS = 4
SMALL_BYTES, SMALL_FILES = 8 << 20, 200
"""What is copied in a few hundredths of a second: another round before the pause would not pay."""
MIN_FREE_FRACTION = 0.1
"""The part of a disk that copies leave free."""
LAYER_COPIES = 2
"""How often an engine writes a layer that it loads, when it is on the same disk."""
Found = Iterable[tuple[str, DirectoryEntry]]


class StagedCopy:
    """A copy of the tree below `live_fd` in the directory `staging_fd`: contents there, metadata in memory."""

    def __init__(self, live_fd: int, staging_fd: int, *, is_overlay: bool) -> None:
        self.tree = LiveTree(live_fd, is_overlay=is_overlay)
        self.contents = ContentStore(staging_fd)
        self._live_fd, self._staging_fd = live_fd, staging_fd
        self._detector: ChangeDetector | None = None

    def prepare(self) -> None:
        """Copies what the session has, while it runs. Raises StagingFailed, OSError."""
        self.tree.scan()
        wanted = {file.status.inode: file.status for _, directory in self.tree.walk() for file in directory.files.values()}
        self.contents.keep({inode: status.changed for inode, status in wanted.items() if status.has_content})
        self._require_space(
            sum(status.size for status in wanted.values() if status.has_content),
            sum(status.size for status in wanted.values() if status.has_content and not self.contents.has(status)),
        )
        copied, files = self._copy(self.tree.walk(), is_paused=False)
        for _ in range(MAX_ROUNDS - 1):
            if copied <= SMALL_BYTES and files <= SMALL_FILES:
                break
            copied, files = self._update(ChangeDetector(self.tree), is_paused=False)
        self._detector = ChangeDetector(self.tree)

    def finish(self) -> None:
        """Copies what has changed since, while the session is paused. Raises StagingFailed, OSError."""
        if self._detector is None:
            raise StagingFailed("the copy was not prepared")
        detector, self._detector = self._detector, None
        self._update(detector, is_paused=True)

    def close(self) -> None:
        """Ends what `prepare` started for `finish`."""
        if self._detector is not None:
            self._detector.close()

    def _update(self, detector: ChangeDetector, *, is_paused: bool) -> tuple[int, int]:
        self.tree.mark_time()
        try:
            paths = detector.find()
        finally:
            detector.close()
        found = {path: directory for changed in paths for path, directory in self.tree.reread(changed)}
        return self._copy(sorted(found.items()), is_paused=is_paused)

    def _copy(self, found: Found, *, is_paused: bool) -> tuple[int, int]:
        """Copies the files of these directories that have no valid copy. Returns how many bytes and files that were."""
        copied = files = 0
        with OpenDirectories(self._live_fd) as opener:
            for path, directory in found:
                if not (missing := self._missing(directory)):
                    continue
                parent = opener.open(path, directory.status.inode)
                for name in missing if parent is not None else ():
                    copied += self._copy_file(parent or 0, name, directory, is_paused=is_paused)
                    files += 1
                if parent is None and is_paused:
                    raise StagingFailed("a directory was removed during the pause")
        return copied, files

    def _missing(self, directory: DirectoryEntry) -> list[str]:
        statuses = ((name, file.status) for name, file in directory.files.items())
        return [name for name, status in statuses if status.has_content and not self.contents.has(status)]

    def _copy_file(self, parent: int, name: str, directory: DirectoryEntry, *, is_paused: bool) -> int:
        """A copy that was made during a pause is not used again: a program may write into a mapping without a new change time then."""
        status = directory.files[name].status
        stays_valid = not is_paused and self.tree.is_settled(status.changed)
        try:
            return self.contents.copy(parent, name, status, stays_valid=stays_valid)
        except FileNotFoundError as error:
            if is_paused:
                raise StagingFailed("a file was removed during the pause") from error
            return 0  # its directory has changed, so that it is read again

    def _require_space(self, all_bytes: int, missing_bytes: int) -> None:
        """Raises NotEnoughSpace unless the disk has room for the copies, and for what an engine writes on the same disk."""
        free, total = free_bytes(self._staging_fd)
        same_disk = os.fstat(self._live_fd).st_dev == os.fstat(self._staging_fd).st_dev
        if free - missing_bytes - (LAYER_COPIES * all_bytes if same_disk else 0) < total * MIN_FREE_FRACTION:
            raise NotEnoughSpace(f"the disk has {free >> 20:,} MiB free, and {missing_bytes >> 20:,} MiB are to be copied")
