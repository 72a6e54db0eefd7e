"""A compute environment whose faults tests switch on: it hangs, does not answer, refuses, or loses sessions. It runs nothing."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

from services.compute.protocol import (
    Change,
    CheckpointMissing,
    ComputeFailed,
    ComputeUnknown,
    EngineSilent,
    ImageBuild,
    ImageMissing,
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
from services.domain.ids import new_id
from services.domain.session_name import SessionName


@dataclass
class FaultyCompute:
    """Each attribute is a fault that can be switched on; `calls` are the calls it got, in order, but for those about its engine's id."""

    silent: bool = False
    engine: str | None = None
    answers: bool = True
    refuse_build: str | None = None
    no_image: bool = False
    build_log: tuple[bytes, ...] = (b"Step 1/2 : FROM base\n", b"Step 2/2 : RUN install\n")
    refuse_start: str | None = None
    refuse_save: str | None = None
    layers: int = 0
    """Of the saves that it makes."""
    save_cost: str | None = None
    refuse_removal: bool = False
    no_checkpoint: bool = False
    missing: set[str] = field(default_factory=set)
    unprepared_again: bool = False
    hold: dict[str, asyncio.Event] = field(default_factory=dict)
    broken: dict[str, Exception] = field(default_factory=dict)
    printed: bytes = b"bad\nworse\n"
    files: SessionFiles = SessionFiles(())  # noqa: RUF009 - immutable
    report: bytes = b""
    is_cut: bool = False
    usage: Usage = Usage(1.0, 1000)  # noqa: RUF009 - immutable
    piece: int = 1 << 16
    more: asyncio.Event | None = None
    observations: dict[str, Observation] = field(default_factory=dict)
    saves: dict[str, bool] = field(default_factory=dict)
    specs: list[SessionSpec] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    changes: asyncio.Queue[Change] = field(default_factory=asyncio.Queue)

    async def _called(self, what: str) -> None:
        self.calls.append(what)
        self.called.set()
        if what in self.hold:
            await self.hold[what].wait()
        if what in self.broken:
            raise self.broken[what]
        self._require_answer()

    def _require_answer(self) -> None:
        if self.silent:
            raise EngineSilent("no answer")

    def end(self, name: SessionName, code: int | None = 0, *, out_of_memory: bool = False) -> None:
        """The session's main process ends by itself."""
        self.observations[str(name)] = Observation(Presence.EXITED, code, out_of_memory)
        self.wake_followers()
        self.changes.put_nowait(Change(name, "exited"))

    def unprepared(self, name: str, *, again: bool = False) -> None:
        """The session ends without its environment, as after a server's death; `again` = the one made anew does as well."""
        self.observations[name] = Observation(Presence.EXITED, 97, unprepared=True)
        self.unprepared_again = again

    def lose(self, name: SessionName) -> None:
        """Somebody removes the session's resources from outside."""
        del self.observations[str(name)]
        self.wake_followers()
        self.changes.put_nowait(Change(name, "removed"))

    async def engine_id(self) -> str | None:
        self._require_answer()
        return self.engine

    async def mark_engine(self, engine_id: str) -> str:
        self._require_answer()
        self.engine = self.engine or engine_id
        return self.engine

    async def check(self) -> Report:
        await self._called("check")
        return Report(8, 16384, 0)

    async def ensure_image(self, image: ImageSpec, progress: Progress) -> None:
        await self._called("image")
        if self.no_image:
            raise ImageMissing(image.image)

    async def build_image(self, build: ImageBuild, printed: OutputSink) -> None:
        for line in self.build_log:
            await printed(line)
        await self._called("build")
        if self.refuse_build:
            raise ComputeFailed(self.refuse_build)

    async def ensure_session(self, spec: SessionSpec, progress: Progress) -> None:
        await self._called("session")
        if self.refuse_start:
            raise ComputeFailed(self.refuse_start)
        if spec.base and (self.no_checkpoint or spec.base in self.missing):
            raise CheckpointMissing("The archive is not there.")
        if str(spec.name) in self.observations and self.observations[str(spec.name)].unprepared:
            self.answers = not self.unprepared_again
            if not self.unprepared_again:
                del self.observations[str(spec.name)]
        if str(spec.name) not in self.observations:
            self.specs.append(spec)
            self.observations[str(spec.name)] = Observation(Presence.RUNNING)

    async def probe(self, name: SessionName, port: int, ready_path: str) -> Upstream | None:
        await self._called("probe")
        return Upstream(unix="/nowhere") if self.answers else None

    async def observe(self, name: SessionName) -> Observation:
        await self._called("observe")
        return self.observations.get(str(name), Observation(Presence.ABSENT))

    async def stop(self, name: SessionName, grace: timedelta) -> None:
        await self._called("stop")
        if str(name) in self.observations and self.observations[str(name)].presence is Presence.RUNNING:
            self.observations[str(name)] = Observation(Presence.EXITED, 0)
            self.wake_followers()

    async def new_reference(self, name: SessionName, checkpoint_id: str, *, interim: bool) -> str:
        return f"{checkpoint_id}-{'interim' if interim else 'final'}-{new_id()}"

    async def final_saves(self, name: SessionName, checkpoint_id: str) -> list[str]:
        await self._called("final_saves")
        return [reference for reference in self.saves if reference.startswith(f"{checkpoint_id}-final")]

    async def save(self, request: SaveRequest) -> Saved:
        if self.save_cost and request.progress:
            await request.progress(self.save_cost)
        await self._called("interim" if request.interim else "save")
        if self.refuse_save:
            raise ComputeFailed(self.refuse_save)
        self.saves[request.reference] = True
        return Saved(request.reference, "sha256:0", 10, self.layers)

    async def flat_reference(self, reference: str, checkpoint_id: str) -> str:
        return f"{checkpoint_id}-flat-{new_id()}"

    async def flatten(self, reference: str, target: str) -> Saved:
        await self._called("flatten")
        self.saves[target] = True
        return Saved(target, "sha256:1", 10, 1)

    async def rebase(self, source: Saved, image: ImageSpec, target: str) -> Saved:
        await self._called("rebase")
        if self.no_checkpoint or source.reference not in self.saves or source.reference in self.missing:
            raise CheckpointMissing(f"The save {source.reference} is gone.")
        self.saves[target] = True
        return Saved(target, f"sha256:{image.image}", 10, 1)

    async def session_files(self, name: SessionName, source: Saved, image: ImageSpec) -> SessionFiles:
        await self._called("session_files")
        return self.files

    async def run(self, name: SessionName, program: SessionProgram) -> bytes:
        """Answers with `report`, in whose lines MARK stands for the mark that the program is given. Its last line is missing if
        `is_cut`."""
        await self._called("run")
        mark = next(word for word in program.argv if word.startswith("studiograph-"))
        return (self.report + (b"" if self.is_cut else b"MARK\tend\n")).replace(b"MARK", mark.encode())

    async def remove(self, name: SessionName) -> None:
        await self._called("remove")
        if self.refuse_removal:
            raise ComputeUnknown("it cannot be removed")
        self.observations.pop(str(name), None)

    async def has_checkpoint(self, reference: str, digest: str | None) -> bool:
        await self._called("has_checkpoint")
        return not self.no_checkpoint and reference in self.saves and reference not in self.missing

    async def remove_checkpoint(self, reference: str) -> None:
        await self._called("remove_checkpoint")
        self.saves.pop(reference, None)

    async def checkpoints(self) -> list[str]:
        return list(self.saves)

    async def sessions(self) -> list[tuple[SessionName, Observation]]:
        await self._called("sessions")
        return []

    async def watch(self) -> AsyncIterator[Change]:
        yield Change(None, "attached")
        while True:
            yield await self.changes.get()

    async def tail(self, name: SessionName, limit: int) -> bytes:
        await self._called("tail")
        return self.printed[-limit:]

    async def follow(self, name: SessionName, cursor: str | None) -> AsyncGenerator[OutputChunk]:
        """Places are offsets in what was printed; it is told of more by `print`."""
        await self._called("follow")
        at = int(cursor or 0)
        while True:
            more = self.more = self.more or asyncio.Event()
            ended = self.observations.get(str(name), Observation(Presence.ABSENT)).presence in (Presence.EXITED, Presence.ABSENT)
            if str(name) in self.observations and len(self.printed) > at:
                piece = self.printed[at : at + self.piece]
                at += len(piece)
                yield OutputChunk(piece, str(at))
            elif ended:
                return
            else:
                await more.wait()
            await self._called("followed")

    def print(self, data: bytes) -> None:
        """The sessions print this data."""
        self.printed += data
        self.wake_followers()

    def wake_followers(self) -> None:
        """Have those that follow the output read again."""
        if self.more:
            self.more.set()
            self.more = None

    async def stats(self, name: SessionName) -> Usage | None:
        await self._called("stats")
        return self.usage if str(name) in self.observations else None

    async def close(self) -> None:
        self.calls.append("close")
