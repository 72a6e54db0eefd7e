"""Batches loads: the data for all objects of one level of an operation is loaded in one transaction, by one call of each loader.

A field whose value is not in its row calls `Batches.load` with the row or a key. All calls of one turn of the event loop form a batch.
Nothing is cached: a later load of the same operation sees what was written in between.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from services.domain.access import Viewer
from services.store.db.database import Database, Reader


@dataclass(frozen=True, slots=True)
class LoadContext:
    """What a loader needs: a reader, whose data is of one moment, and the viewer."""

    reader: Reader
    viewer: Viewer


Load = Callable[[LoadContext, Sequence[Any], Any], Awaitable[Sequence[Any]]]
"""A loader: (context, keys, arguments) -> values in the order of the keys. An exception among the values is the error of that key alone."""


@dataclass(frozen=True, slots=True)
class _Request:
    key: Any
    future: asyncio.Future[Any]
    pick: Callable[[Any], Any] | None


_Batches = dict[tuple[Load, Hashable], list[_Request]]


class Batches:
    """The batches of one operation, or of one event of a subscription."""

    def __init__(self, database: Database, viewer: Viewer) -> None:
        self._database = database
        self._viewer = viewer
        self._waiting: _Batches = {}
        self._running: set[asyncio.Task[None]] = set()

    def load(self, load: Load, key: Any, arguments: Hashable = None, pick: Callable[[Any], Any] | None = None) -> asyncio.Future[Any]:
        """Returns a future of the value that `load` gives for `key`, or of the part of it that `pick` takes.

        Keys with the same `load` and `arguments` are loaded together.
        """
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._start)
        request = _Request(key, loop.create_future(), pick)
        self._waiting.setdefault((load, arguments), []).append(request)
        return request.future

    def _start(self) -> None:
        batches, self._waiting = self._waiting, {}
        task = asyncio.get_running_loop().create_task(self._run(batches))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, batches: _Batches) -> None:
        """Runs all loaders before it gives any value out, so that the loads of the next level form one batch again."""
        outcomes: list[tuple[list[_Request], Sequence[Any]]] = []
        try:
            async with self._database.read() as reader:
                context = LoadContext(reader, self._viewer)
                for (load, arguments), requests in batches.items():
                    outcomes.append((requests, await _values(load, context, requests, arguments)))
        except Exception as error:  # noqa: BLE001 - any failure must reach the fields that wait
            outcomes = [(requests, [error] * len(requests)) for requests in batches.values()]
        for requests, values in outcomes:
            for request, value in zip(requests, values, strict=True):
                _settle(request, value)


async def _values(load: Load, context: LoadContext, requests: Sequence[_Request], arguments: Any) -> Sequence[Any]:
    try:
        values = await load(context, [request.key for request in requests], arguments)
        if len(values) != len(requests):
            raise RuntimeError(f"{load} returned {len(values)} values for {len(requests)} keys")
        return values
    except Exception as error:  # noqa: BLE001 - the failure of one loader does not concern the others
        return [error] * len(requests)


def _settle(request: _Request, value: Any) -> None:
    future = request.future
    if future.done():
        return  # the field was cancelled
    if isinstance(value, Exception):
        future.set_exception(value)
        future.exception()  # marks it as retrieved: asyncio would warn if the operation ended early
    else:
        future.set_result(request.pick(value) if request.pick and value is not None else value)
