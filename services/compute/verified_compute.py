"""Implements `Compute` over another `Compute`, so that only the engine which was verified is believed, and changed."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

from services.compute.circuit_breaker import CircuitBreaker
from services.compute.protocol import (
    Change,
    Compute,
    ComputeFailed,
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


class VerifiedCompute:
    """A `Compute` whose absences and refusals are those of the engine that holds the environment's sessions.

    `verify` raises UnidentifiedEngine for another engine, as after an edit of its address, or where a data directory is not mounted. An
    answer is believed if the engine was verified before and after it: between the two another engine may have taken its place.
    `breaker` refuses calls while the engine does not answer.
    """

    def __init__(self, inner: Compute, verify: Callable[[], Awaitable[None]], breaker: CircuitBreaker | None = None) -> None:
        self.inner = inner
        self.breaker = breaker or CircuitBreaker(lambda: None)
        self._verify = verify

    @asynccontextmanager
    async def _verified(self, operation: str) -> AsyncIterator[None]:
        """Verifies before and after the block, also where it raises ComputeFailed."""
        with self.breaker.call(operation):
            await self._verify()
            try:
                yield
            except ComputeFailed:
                await self._verify()
                raise
            await self._verify()

    async def engine_id(self) -> str | None:
        return await self.inner.engine_id()

    async def mark_engine(self, engine_id: str) -> str:
        return await self.inner.mark_engine(engine_id)

    async def check(self) -> Report:
        """Asks the engine also while its circuit is open: this is the probe."""
        with self.breaker.probe("check"):
            await self._verify()
            report = await self.inner.check()
            await self._verify()
            return report

    async def ensure_image(self, image: ImageSpec, progress: Progress) -> None:
        async with self._verified("ensure_image"):
            await self.inner.ensure_image(image, progress)

    async def build_image(self, build: ImageBuild, printed: OutputSink) -> None:
        async with self._verified("build_image"):
            await self.inner.build_image(build, printed)

    async def ensure_session(self, spec: SessionSpec, progress: Progress) -> None:
        async with self._verified("ensure_session"):
            await self.inner.ensure_session(spec, progress)

    async def probe(self, name: SessionName, port: int, ready_path: str) -> Upstream | None:
        with self.breaker.call("probe"):
            return await self.inner.probe(name, port, ready_path)

    async def observe(self, name: SessionName) -> Observation:
        """Asks again before it reports an absence."""
        with self.breaker.call("observe"):
            observation = await self.inner.observe(name)
        if observation.presence is not Presence.ABSENT:
            return observation
        async with self._verified("observe"):
            return await self.inner.observe(name)

    async def stop(self, name: SessionName, grace: timedelta) -> None:
        with self.breaker.call("stop"):
            await self.inner.stop(name, grace)

    async def new_reference(self, name: SessionName, checkpoint_id: str, *, interim: bool) -> str:
        with self.breaker.call("new_reference"):
            return await self.inner.new_reference(name, checkpoint_id, interim=interim)

    async def final_saves(self, name: SessionName, checkpoint_id: str) -> list[str]:
        async with self._verified("final_saves"):
            return await self.inner.final_saves(name, checkpoint_id)

    async def save(self, request: SaveRequest) -> Saved:
        async with self._verified("save"):
            return await self.inner.save(request)

    async def flat_reference(self, reference: str, checkpoint_id: str) -> str:
        with self.breaker.call("flat_reference"):
            return await self.inner.flat_reference(reference, checkpoint_id)

    async def flatten(self, reference: str, target: str) -> Saved:
        async with self._verified("flatten"):
            return await self.inner.flatten(reference, target)

    async def rebase(self, source: Saved, image: ImageSpec, target: str) -> Saved:
        async with self._verified("rebase"):
            return await self.inner.rebase(source, image, target)

    async def session_files(self, name: SessionName, source: Saved, image: ImageSpec) -> SessionFiles:
        async with self._verified("session_files"):
            return await self.inner.session_files(name, source, image)

    async def run(self, name: SessionName, program: SessionProgram) -> bytes:
        async with self._verified("run"):
            return await self.inner.run(name, program)

    async def remove(self, name: SessionName) -> None:
        async with self._verified("remove"):
            await self.inner.remove(name)

    async def has_checkpoint(self, reference: str, digest: str | None) -> bool:
        async with self._verified("has_checkpoint"):
            return await self.inner.has_checkpoint(reference, digest)

    async def remove_checkpoint(self, reference: str) -> None:
        async with self._verified("remove_checkpoint"):
            await self.inner.remove_checkpoint(reference)

    async def checkpoints(self) -> list[str]:
        async with self._verified("checkpoints"):
            return await self.inner.checkpoints()

    async def sessions(self) -> list[tuple[SessionName, Observation]]:
        async with self._verified("sessions"):
            return await self.inner.sessions()

    def watch(self) -> AsyncIterator[Change]:
        return self.inner.watch()

    async def tail(self, name: SessionName, limit: int) -> bytes:
        with self.breaker.call("tail"):
            return await self.inner.tail(name, limit)

    async def follow(self, name: SessionName, cursor: str | None) -> AsyncGenerator[OutputChunk]:
        """Verifies at the end, which another engine would report at once."""
        with self.breaker.call("follow"):
            async with aclosing(self.inner.follow(name, cursor)) as chunks:
                async for chunk in chunks:
                    yield chunk
        await self._verify()

    async def stats(self, name: SessionName) -> Usage | None:
        with self.breaker.call("stats"):
            return await self.inner.stats(name)

    async def close(self) -> None:
        await self.inner.close()
