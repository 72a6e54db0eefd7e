"""Implements `Compute` for the `process` kind: each method is a few steps over the modules of this package."""

import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic

from services.compute.locks import locked, try_lock
from services.compute.process import (
    engine_marker,
    jupyterlab,
    keeper_client,
    logs,
    programs,
    readiness,
    session_directory,
    session_watcher,
    staged_saves,
    tools,
    untrusted_tree,
    usage,
)
from services.compute.process.archives import MAX_ARCHIVE_BYTES, MAX_MEMBERS, Archives
from services.compute.process.cancellation import in_thread
from services.compute.process.capacity import report
from services.compute.process.data_directory import DataDirectory, SessionDirectory, SessionRecord
from services.compute.process.overlay import VENV_DIRECTORY
from services.compute.process.procfs import MARKER
from services.compute.process.state import end_orphans, observe
from services.compute.protocol import (
    Change,
    ComputeFailed,
    ComputeUnknown,
    ImageBuild,
    ImageSpec,
    Observation,
    OutputChunk,
    OutputSink,
    Presence,
    Progress,
    Report,
    Saved,
    SaveRequest,
    SessionSpec,
    Upstream,
    Usage,
)
from services.compute.session_programs import SessionFiles, SessionProgram
from services.domain.session_name import SessionName
from services.domain.statuses import Tool

NO_LAYERS = "An archive has no layers that could be merged."


class ProcessCompute:
    """Sessions as directories below `root` and child processes of this machine.

    `installation` is the installation's id; `max_bytes` and `max_members` bound what a checkpoint may unpack to.
    """

    def __init__(self, root: Path, installation: str, *, max_bytes: int = MAX_ARCHIVE_BYTES, max_members: int = MAX_MEMBERS) -> None:
        self._data_directory = DataDirectory(root.absolute(), installation)
        self._archives = Archives(self._data_directory, max_bytes, max_members)

    async def engine_id(self) -> str | None:
        return await in_thread(engine_marker.read, self._data_directory)

    async def mark_engine(self, engine_id: str) -> str:
        self._require_linux()
        await in_thread(self._data_directory.make)
        return await in_thread(engine_marker.write, self._data_directory, engine_id)

    async def check(self) -> Report:
        """Checks the machine; also removes what interrupted work left."""
        self._require_linux()
        await in_thread(self._data_directory.make)
        await in_thread(self._sweep)
        return report()

    async def ensure_image(self, image: ImageSpec, progress: Progress) -> None:
        self._require_linux()
        await in_thread(self._data_directory.make)
        if image.tool == Tool.JUPYTERLAB:
            await jupyterlab.install(self._data_directory, image, progress)
        elif image.tool == Tool.CUSTOM:
            tools.command_line(image)
        else:
            raise tools.unsupported(image)

    async def build_image(self, build: ImageBuild, printed: OutputSink) -> None:
        raise ComputeFailed("A process compute environment runs no images.")

    async def ensure_session(self, spec: SessionSpec, progress: Progress) -> None:
        await self.ensure_image(spec.image, progress)
        async with locked(self._lock(spec.name)) as lock:
            directory = self._data_directory.session(spec.name)
            if directory.session_record() is None:
                directory = await self._make(spec, progress, lock)
            session_record = self._session_record(spec.name)
            if (await in_thread(observe, directory)).presence is Presence.CREATED:
                await in_thread(end_orphans, session_record.marker)
                tool = jupyterlab.tool_directory(self._data_directory, spec.image) if spec.image.tool == Tool.JUPYTERLAB else None
                await in_thread(session_directory.provision, spec, directory, session_record, tool)
                await keeper_client.start(
                    directory, session_record, tools.command(self._data_directory, spec, session_record, directory.files), lock
                )

    async def _make(self, spec: SessionSpec, progress: Progress, lock: int) -> SessionDirectory:
        unfinished = await in_thread(session_directory.begin, self._data_directory, spec)
        if spec.base is not None:
            await progress("Restoring the files")
            await self._archives.restore(spec.base, spec.base_digest, unfinished / "files", lock)
        return await in_thread(session_directory.finish, self._data_directory, spec, unfinished)

    async def probe(self, name: SessionName, port: int, ready_path: str) -> Upstream | None:
        """Ignores `port`: tools listen on the session's unix socket."""
        session_record = self._data_directory.session(name).session_record()
        if session_record is None or not await readiness.answers(session_record.tool_socket, ready_path):
            return None
        return Upstream(unix=str(session_record.tool_socket))

    async def observe(self, name: SessionName) -> Observation:
        return await in_thread(observe, self._data_directory.session(name))

    async def stop(self, name: SessionName, grace: timedelta) -> None:
        directory = self._data_directory.session(name)
        if (await in_thread(observe, directory)).presence is Presence.RUNNING:
            await keeper_client.stop(directory, self._session_record(name), grace)
            await in_thread(observe, directory)

    async def new_reference(self, name: SessionName, checkpoint_id: str, *, interim: bool) -> str:
        return self._archives.new_reference(checkpoint_id, interim=interim)

    async def final_saves(self, name: SessionName, checkpoint_id: str) -> list[str]:
        return await in_thread(self._archives.finals, checkpoint_id)

    async def save(self, request: SaveRequest) -> Saved:
        """Ignores `secrets`: variables are never on disk, so that an archive holds only those that the session itself wrote."""
        if saved := await self._archives.find(request.reference):
            return saved
        directory = self._data_directory.session(request.name)
        presence = (await self.observe(request.name)).presence
        if presence is Presence.ABSENT:
            raise ComputeFailed("The session's files were removed, so that there is nothing to save.")
        if presence is not Presence.RUNNING:
            return await self._archives.save(directory.files, request.reference, request.recorded)
        if not request.interim:
            raise ComputeUnknown("the session has not ended yet")
        session_record = self._session_record(request.name)
        if staged := await staged_saves.save(self._archives, directory, session_record, request):
            return staged
        began = monotonic()
        async with keeper_client.frozen(session_record):
            saved = await self._archives.save(directory.files, request.reference, request.recorded)
        return saved if saved == request.recorded else replace(saved, pause_seconds=monotonic() - began)

    async def flat_reference(self, reference: str, checkpoint_id: str) -> str:
        """Archives have no layers."""
        raise ComputeFailed(NO_LAYERS)

    async def flatten(self, reference: str, target: str) -> Saved:
        """Archives have no layers."""
        raise ComputeFailed(NO_LAYERS)

    async def rebase(self, source: Saved, image: ImageSpec, target: str) -> Saved:
        """An archive holds a session's files alone, so that the same archive is right over another release of the tool."""
        return await self._archives.share(source.reference, source.digest, target)

    async def session_files(self, name: SessionName, source: Saved, image: ImageSpec) -> SessionFiles:
        """Lists what pip installed. There are no conflicts: a tool's installation is beside a session's files, not below them."""
        return SessionFiles(await in_thread(programs.installed_paths, self._data_directory.session(name).files))

    async def run(self, name: SessionName, program: SessionProgram) -> bytes:
        """Runs the program with the variables of the session's tool, as the user of this server."""
        session_record, files = self._session_record(name), self._data_directory.session(name).files
        env_vars = tools.base_env_vars(session_record, files, self._data_directory.root / "cache" / "pip")
        environment = files / VENV_DIRECTORY / "bin"
        env_vars |= {"PATH": os.pathsep.join([str(environment), env_vars["PATH"]]), MARKER: session_record.marker}
        return await programs.run(program, env_vars, files / "workspace")

    async def remove(self, name: SessionName) -> None:
        directory = self._data_directory.session(name)
        lock = self._lock(name)
        await in_thread(self._data_directory.make)
        async with locked(lock):
            if session_record := directory.session_record():
                await self.stop(name, timedelta(0))
            await in_thread(self._discard, name, session_record)
            lock.unlink(missing_ok=True)

    def _discard(self, name: SessionName, session_record: SessionRecord | None) -> None:
        """Renames the directory before it is deleted, so that a part of it never looks like a session."""
        discarded = self._data_directory.discarded(name)
        try:
            untrusted_tree.remove_tree(discarded)
            untrusted_tree.remove_tree(self._data_directory.unfinished(name))
            if session_record:
                untrusted_tree.remove_tree(Path(session_record.run_directory))
                self._data_directory.session(name).path.rename(discarded)
                untrusted_tree.remove_tree(discarded)
        except OSError as error:
            raise ComputeUnknown(f"The session's directory could not be removed: {error}.") from error

    async def has_checkpoint(self, reference: str, digest: str | None) -> bool:
        return await self._archives.is_there(reference, digest)

    async def remove_checkpoint(self, reference: str) -> None:
        await in_thread(self._archives.remove, reference)

    async def checkpoints(self) -> list[str]:
        return await in_thread(self._archives.all)

    async def sessions(self) -> list[tuple[SessionName, Observation]]:
        return await in_thread(self._sessions)

    def _sessions(self) -> list[tuple[SessionName, Observation]]:
        sessions = []
        for path in self._data_directory.sessions.glob(f"sg-{self._data_directory.installation[:8]}-*"):
            directory = SessionDirectory(path)
            session_record = directory.session_record()
            if session_record and session_record.name.installation == self._data_directory.installation:
                sessions.append((session_record.name, observe(directory)))
        return sessions

    def watch(self) -> AsyncIterator[Change]:
        return session_watcher.watch(self._data_directory)

    async def tail(self, name: SessionName, limit: int) -> bytes:
        return await in_thread(logs.tail, self._data_directory.session(name).path, limit)

    def follow(self, name: SessionName, cursor: str | None) -> AsyncGenerator[OutputChunk]:
        return logs.follow(self._data_directory.session(name), cursor)

    async def stats(self, name: SessionName) -> Usage | None:
        return await in_thread(usage.usage, self._data_directory.session(name))

    async def close(self) -> None:
        """Does nothing: there are no open connections, and sessions belong to their keepers."""

    def _lock(self, name: SessionName) -> Path:
        return self._data_directory.locks / f"{name}.lock"

    def _session_record(self, name: SessionName) -> SessionRecord:
        session_record = self._data_directory.session(name).session_record()
        if session_record is None:
            raise ComputeUnknown("The session was removed at this moment.")
        return session_record

    def _sweep(self) -> None:
        """Removes unfinished and half-removed sessions that nobody holds locked, and parts of archives."""
        self._archives.sweep()
        for beginning in (".new-", ".gone-"):
            for path in self._data_directory.sessions.glob(f"{beginning}*"):
                name = self._data_directory.locks / f"{path.name.removeprefix(beginning)}.lock"
                lock = try_lock(name)
                if lock is not None:
                    untrusted_tree.remove_tree(path)
                    name.unlink(missing_ok=True)
                    os.close(lock)

    @staticmethod
    def _require_linux() -> None:
        if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
            raise ComputeFailed("The process kind of compute environment needs Linux: use a Docker one on this machine.")
