"""The mechanism behind batched fields."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from resolvers.batches import Batches, LoadContext
from services.domain.access import Viewer
from services.store.db.database import Database

VIEWER = Viewer("u", "ada", "t", frozenset())


class Recorder:
    """A loader that notes what it was called with, and doubles it."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[Any], Any]] = []

    async def __call__(self, context: LoadContext, parents: Sequence[Any], arguments: Any) -> list[Any]:
        self.calls.append((list(parents), arguments))
        return [parent * 2 for parent in parents]


@pytest.fixture
def batches(sqlite_database: Database) -> Batches:
    return Batches(sqlite_database, VIEWER)


async def test_what_is_asked_at_once_is_loaded_at_once_and_in_order(batches: Batches) -> None:
    load = Recorder()
    assert await asyncio.gather(*(batches.load(load, n) for n in (3, 1, 3))) == [6, 2, 6]
    assert load.calls == [([3, 1, 3], None)]


async def test_objects_with_different_arguments_are_different_batches(batches: Batches) -> None:
    load = Recorder()
    await asyncio.gather(batches.load(load, 1, "a"), batches.load(load, 2, "b"), batches.load(load, 3, "a"))
    assert load.calls == [([1, 3], "a"), ([2], "b")]


async def test_nothing_is_remembered_from_one_level_to_the_next(batches: Batches) -> None:
    load = Recorder()
    assert await batches.load(load, 1) == 2
    assert await batches.load(load, 1) == 2
    assert len(load.calls) == 2


async def test_what_depends_on_one_level_is_one_batch_again(batches: Batches) -> None:
    begin, then = Recorder(), Recorder()

    async def two_levels(n: int) -> Any:
        return await batches.load(then, await batches.load(begin, n))

    assert await asyncio.gather(*(two_levels(n) for n in range(5))) == [0, 4, 8, 12, 16]
    assert (len(begin.calls), len(then.calls)) == (1, 1)


async def test_two_loaders_of_a_level_hand_out_together(batches: Batches) -> None:
    """So that their next level is one batch, too."""
    one, other, then = Recorder(), Recorder(), Recorder()

    async def two_levels(load: Recorder) -> Any:
        return await batches.load(then, await batches.load(load, 1))

    await asyncio.gather(two_levels(one), two_levels(other))
    assert then.calls == [([2, 2], None)]


async def test_an_exception_among_the_values_is_the_error_of_that_object_alone(batches: Batches) -> None:
    async def load(_context: LoadContext, parents: Sequence[int], _arguments: None) -> list[int | Exception]:
        return [ValueError(str(parent)) if parent == 2 else parent for parent in parents]

    results = await asyncio.gather(*(batches.load(load, n) for n in (1, 2, 3)), return_exceptions=True)
    assert [results[0], str(results[1]), results[2]] == [1, "2", 3]


async def test_a_loader_that_fails_leaves_its_neighbours_alone(batches: Batches) -> None:
    async def fails(_context: LoadContext, _parents: Sequence[int], _arguments: None) -> list[int]:
        raise RuntimeError("broken")

    results = list(await asyncio.gather(batches.load(fails, 1), batches.load(Recorder(), 1), return_exceptions=True))
    assert [str(results[0]), results[1]] == ["broken", 2]


async def test_a_loader_that_gives_too_little_is_an_error_and_not_silence(batches: Batches) -> None:
    async def short(_context: LoadContext, _parents: Sequence[int], _arguments: None) -> list[int]:
        return []

    with pytest.raises(RuntimeError, match="returned 0 values for 1 keys"):
        await batches.load(short, 1)


async def test_who_does_not_wait_any_more_disturbs_nobody(batches: Batches) -> None:
    gone, stays = batches.load(Recorder(), 1), batches.load(Recorder(), 2)
    gone.cancel()
    assert await stays == 4


async def test_a_part_is_picked_of_what_is_there(batches: Batches) -> None:
    async def load(_context: LoadContext, parents: Sequence[str | None], _arguments: None) -> list[str | None]:
        return list(parents)

    results = list(await asyncio.gather(batches.load(load, "ab", None, len), batches.load(load, None, None, len)))
    assert results == [2, None]
