"""Engines and data directories are told apart by a marker, which is made once and found by everybody."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from services.compute.docker import DockerCompute
from services.compute.process import ProcessCompute
from services.compute.protocol import UnidentifiedEngine
from tests.compute.world import INSTALLATION, World
from tests.docker.engine import ENVIRONMENT
from tests.docker.second_engine import second_engine


async def test_it_is_made_once(world: World) -> None:
    marked = await asyncio.gather(*(world.compute.mark_engine(number * 32) for number in "12345"))
    assert len(set(marked)) == 1
    assert await world.compute.engine_id() == marked[0]


async def test_a_directory_that_is_not_mounted_has_none(tmp_path: Path) -> None:
    compute = ProcessCompute(tmp_path / "data", INSTALLATION)
    assert await compute.engine_id() is None
    await compute.mark_engine("1" * 32)
    (tmp_path / "data").rename(tmp_path / "away")
    assert await compute.engine_id() is None
    (tmp_path / "data").mkdir()
    assert await compute.engine_id() is None


@pytest.mark.parametrize("part", ["sessions", "checkpoints"])
async def test_a_part_that_is_not_mounted_makes_the_directory_another_one(tmp_path: Path, part: str) -> None:
    compute = ProcessCompute(tmp_path, INSTALLATION)
    await compute.mark_engine("1" * 32)
    (tmp_path / part).rename(tmp_path / "away")
    with pytest.raises(UnidentifiedEngine, match=part):
        await compute.engine_id()
    assert await compute.mark_engine("2" * 32) == await compute.engine_id() == "1" * 32


@pytest.mark.docker
async def test_two_engines_of_one_machine_have_different_ones() -> None:
    async with second_engine(Path(tempfile.mkdtemp(prefix="sgt-")), live_restore=False) as engine:
        compute = DockerCompute(engine.url, INSTALLATION, ENVIRONMENT)
        assert await compute.engine_id() is None
        assert await compute.mark_engine("2" * 32) == await compute.engine_id() == "2" * 32
        await compute.close()
