"""Streams changes of sessions: the kernel reports every new record and socket (inotify), and the end of every keeper (pidfd)."""

import asyncio
import ctypes
import os
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from services.compute.process.data_directory import DataDirectory, SessionDirectory, SessionRecord
from services.compute.process.state import State
from services.compute.protocol import Change, ComputeUnknown
from services.domain.session_name import SessionName

IN_CREATE, IN_MOVED_FROM, IN_MOVED_TO, IN_Q_OVERFLOW, IN_IGNORED = 0x100, 0x40, 0x80, 0x4000, 0x8000
EVENT = struct.Struct("iIII")
READ_BYTES = 65536
LIBC = ctypes.CDLL(None, use_errno=True)


async def watch(data_directory: DataDirectory) -> AsyncIterator[Change]:
    """Begins with a Change without a name once it is attached: a list that is read then misses nothing. Raises ComputeUnknown."""
    data_directory.make()
    watcher = Watcher(data_directory)
    try:
        watcher.attach()
        while True:
            yield await watcher.next()
    finally:
        watcher.close()


class Watcher:
    """The inotify and pidfd descriptors of one `watch`, bound to the running loop."""

    def __init__(self, data_directory: DataDirectory) -> None:
        self._data_directory = data_directory
        self._loop = asyncio.get_running_loop()
        self._changes: asyncio.Queue[Change | ComputeUnknown] = asyncio.Queue()
        self._inotify = LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._watched: dict[int, tuple[SessionRecord, Path]] = {}
        self._keepers: dict[int, SessionName] = {}
        self._top = -1

    def attach(self) -> None:
        if self._inotify < 0:
            raise ComputeUnknown(f"Sessions cannot be watched: {os.strerror(ctypes.get_errno())} (inotify).")
        self._loop.add_reader(self._inotify, self._read)
        self._top = self._add(self._data_directory.sessions, IN_MOVED_TO | IN_MOVED_FROM)
        self._changes.put_nowait(Change(None, "watching"))
        for path in self._data_directory.sessions.glob(f"sg-{self._data_directory.installation[:8]}-*"):
            self._found(path)

    async def next(self) -> Change:
        item = await self._changes.get()
        if isinstance(item, ComputeUnknown):
            raise item
        return item

    def close(self) -> None:
        for descriptor in [*self._keepers, self._inotify]:
            if descriptor >= 0:
                self._loop.remove_reader(descriptor)
                os.close(descriptor)
        self._keepers.clear()
        self._inotify = -1

    def _add(self, path: Path, mask: int) -> int:
        number: int = LIBC.inotify_add_watch(self._inotify, os.fsencode(path), mask)
        if number < 0:
            raise ComputeUnknown(f"{path} cannot be watched: {os.strerror(ctypes.get_errno())} (inotify).")
        return number

    def _read(self) -> None:
        try:
            data = os.read(self._inotify, READ_BYTES)
        except BlockingIOError:
            return
        at = 0
        while at < len(data):
            number, mask, _, size = EVENT.unpack_from(data, at)
            name = os.fsdecode(data[at + EVENT.size : at + EVENT.size + size].rstrip(b"\0"))
            at += EVENT.size + size
            self._happened(number, mask, name)

    def _happened(self, number: int, mask: int, name: str) -> None:
        if mask & IN_Q_OVERFLOW:
            self._changes.put_nowait(Change(None, "overflow"))
        elif number == self._top:
            self._top_changed(mask, name)
        elif mask & IN_IGNORED:
            self._watched.pop(number, None)
        elif number in self._watched:
            self._session_changed(*self._watched[number], name)

    def _top_changed(self, mask: int, name: str) -> None:
        if mask & IN_IGNORED:
            self._changes.put_nowait(ComputeUnknown("The directory of sessions was removed."))
        elif mask & IN_MOVED_TO and name.startswith(f"sg-{self._data_directory.installation[:8]}-"):
            self._found(self._data_directory.sessions / name)
        elif mask & IN_MOVED_FROM and name.startswith("sg-"):
            gone = next((record.name for record, path in self._watched.values() if path.name == name), None)
            self._changes.put_nowait(Change(gone, "removed"))

    def _found(self, path: Path) -> None:
        """Reads a session's directory that appeared, and watches it from now on."""
        with suppress(ComputeUnknown, OSError):  # it may be gone already
            record = SessionDirectory(path).session_record()
            if record is not None and record.name.installation == self._data_directory.installation:
                self._watched[self._add(path, IN_MOVED_TO)] = (record, path)
                self._recorded(record, path)

    def _session_changed(self, record: SessionRecord, path: Path, name: str) -> None:
        if name == "state.json":
            self._recorded(record, path)
        elif name == record.tool_socket.name:
            self._changes.put_nowait(Change(record.name, "listening"))

    def _recorded(self, record: SessionRecord, path: Path) -> None:
        """Reports the state that the keeper wrote."""
        with suppress(ComputeUnknown, OSError):
            state = State.read(path / "state.json")
            if state is None:
                return
            self._changes.put_nowait(Change(record.name, "started" if state.exited is None else "exited"))
            if state.exited is None:
                self._watch_keeper(record, state)

    def _watch_keeper(self, record: SessionRecord, state: State) -> None:
        run = Path(record.run_directory)
        if run.is_dir():
            self._watched[self._add(run, IN_CREATE | IN_MOVED_TO)] = (
                record,
                self._data_directory.sessions / str(record.name),
            )
        if record.name in self._keepers.values():
            return
        try:
            descriptor = os.pidfd_open(state.keeper.pid)
        except ProcessLookupError:
            self._changes.put_nowait(Change(record.name, "ended"))
            return
        self._keepers[descriptor] = record.name
        if state.keeper.alive():
            self._loop.add_reader(descriptor, self._keeper_ended, descriptor)
        else:  # it has ended, or the number is another's now
            self._keeper_ended(descriptor)

    def _keeper_ended(self, descriptor: int) -> None:
        """Reports the end of a keeper: after its last state, or without one if it was killed."""
        self._loop.remove_reader(descriptor)
        os.close(descriptor)
        self._changes.put_nowait(Change(self._keepers.pop(descriptor), "ended"))
