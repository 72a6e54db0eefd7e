"""Batched loads: all objects of one level of one operation are loaded by one call, in one consistent read.

A field that needs data which its object does not carry hands its object to `Batches.load`. Whatever was handed over before the event
loop came round is run together: each loader once, with all its objects, in one transaction. Nothing is cached: what comes later in an
operation sees what was written meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from services.domain.access import Viewer
from services.store.db.database import Database, Reader


@dataclass(frozen=True, slots=True)
class Reading:
    """What a loader works with: one moment's data, and who is looking."""

    reader: Reader
    viewer: Viewer


Load = Callable[[Reading, Sequence[Any], Any], Awaitable[Sequence[Any]]]
"""(reading, objects, arguments) -> values in the order of the objects; an exception among them is the error of that object alone."""


@dataclass(frozen=True, slots=True)
class _Request:
    parent: Any
    future: asyncio.Future[Any]
    pick: Callable[[Any], Any] | None


_Round = dict[tuple[Load, Hashable], list[_Request]]


class Batches:
    """The batches of one operation (or of one event of a subscription)."""

    def __init__(self, database: Database, viewer: Viewer) -> None:
        self._database = database
        self._viewer = viewer
        self._waiting: _Round = {}
        self._running: set[asyncio.Task[None]] = set()

    def load(self, load: Load, parent: Any, arguments: Hashable = None, pick: Callable[[Any], Any] | None = None) -> asyncio.Future[Any]:
        """What `load` gives for `parent`, or the part of it that `pick` takes. Objects are batched by (load, arguments)."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._begin)
        request = _Request(parent, loop.create_future(), pick)
        self._waiting.setdefault((load, arguments), []).append(request)
        return request.future

    def _begin(self) -> None:
        batches, self._waiting = self._waiting, {}
        task = asyncio.get_running_loop().create_task(self._run(batches))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, batches: _Round) -> None:
        """All values are handed out together at the end, so that the next level is one round again."""
        outcomes: list[tuple[list[_Request], Sequence[Any]]] = []
        try:
            async with self._database.read() as reader:
                reading = Reading(reader, self._viewer)
                for (load, arguments), requests in batches.items():
                    outcomes.append((requests, await _values(load, reading, requests, arguments)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it must reach those who wait
            outcomes = [(requests, [error] * len(requests)) for requests in batches.values()]
        for requests, values in outcomes:
            for request, value in zip(requests, values, strict=True):
                _settle(request, value)


async def _values(load: Load, reading: Reading, requests: Sequence[_Request], arguments: Any) -> Sequence[Any]:
    try:
        values = await load(reading, [request.parent for request in requests], arguments)
        if len(values) != len(requests):
            raise RuntimeError(f"{load} gave {len(values)} values for {len(requests)} objects")
        return values
    except Exception as error:  # noqa: BLE001 - one loader's failure is not its neighbours'
        return [error] * len(requests)


def _settle(request: _Request, value: Any) -> None:
    future = request.future
    if future.done():
        return  # who waited was cancelled
    if isinstance(value, Exception):
        future.set_exception(value)
        future.exception()  # seen: an operation that ended early leaves no warning behind
    else:
        future.set_result(request.pick(value) if request.pick and value is not None else value)
