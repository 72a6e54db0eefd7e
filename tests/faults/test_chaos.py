"""Two controllers, two APIs and two proxies: in every round one of each freezes and one is killed, and no work is lost."""

import asyncio
import os
import random
from pathlib import Path

import pytest
from sqlalchemy import select

from services.store.tables import core
from tests.faults import invariants
from tests.faults.event_follower import EventFollower
from tests.faults.modelled_studio import ModelledStudio, create_studio
from tests.faults.server_pairs import ROLES, ServerPairs, server_pairs
from tests.server import Server
from tests.soak import rounds
from tests.waiting import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
MAX_ROUNDS = 30
STUDIOS = 4
LEASE_SECONDS = 15.0
SHORT_FREEZE_SECONDS, FREEZE_SECONDS = LEASE_SECONDS + 1, 20.0
MAX_FREEZE_DELAY_SECONDS = 4.0
MAX_STARTS = 3
ADOPT = "studiograph compute adopt"


class RoundFaults:
    """The faults of one round: a server of each role is frozen, and one of all is killed and started again at once."""

    def __init__(self, servers: ServerPairs, chance: random.Random, freeze_seconds: float) -> None:
        self._servers, self._seconds = servers, freeze_seconds
        self._frozen = [(chance.choice(servers.pairs[role]), chance.uniform(0, MAX_FREEZE_DELAY_SECONDS)) for role in ROLES]
        self._killed = chance.choice(servers.servers)
        self._kill_after = chance.uniform(0, freeze_seconds)

    async def run(self) -> None:
        """Returns when all servers serve again. The moments are what is random, so that there is nothing to wait for."""
        async with asyncio.TaskGroup() as tasks:
            for server, after in self._frozen:
                tasks.create_task(self._freeze(server, after))
            tasks.create_task(self._kill())

    async def _freeze(self, server: Server, after: float) -> None:
        await asyncio.sleep(after)
        if server.process is None:
            return
        self._servers.freeze(server)
        try:
            await asyncio.sleep(self._seconds)
        finally:
            if server.process is not None:
                self._servers.thaw(server)

    async def _kill(self) -> None:
        await asyncio.sleep(self._kill_after)
        await self._killed.kill9()
        for _ in range(MAX_STARTS):
            try:
                return await self._killed.start()
            except AssertionError as error:  # it was frozen in the midst of its start: a supervisor starts it again
                print(error)  # noqa: T201 - pytest shows it where the test fails
        raise AssertionError("a server did not start again")


async def use_until(studio: ModelledStudio, faults_over: asyncio.Event) -> None:
    """Uses the Studio for one session after another, and ends with one after the faults."""
    is_last = False
    while not is_last:
        is_last = faults_over.is_set()
        await studio.session()


async def chaos_round(servers: ServerPairs, studios: list[ModelledStudio], faults: RoundFaults) -> None:
    faults_over = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for studio in studios:
            tasks.create_task(use_until(studio, faults_over))
        checks = tasks.create_task(check_sessions(servers, studios))
        await faults.run()
        faults_over.set()
        checks.cancel()


async def check_sessions(servers: ServerPairs, studios: list[ModelledStudio]) -> None:
    while True:
        await invariants.no_session_runs_twice(servers, studios)
        await asyncio.sleep(1)


async def environment_message(servers: ServerPairs) -> str | None:
    async with servers.database.read() as reader:
        message: str | None = (await reader.execute(select(core.compute_environment.c.message))).scalar_one()
        return message


@pytest.mark.soak
@pytest.mark.behaviour("B8", "B10", "B12", "B30", "B31", "B83", "B95")
async def test_frozen_and_killed_servers_lose_nothing_and_do_nothing_twice(tmp_path: Path, postgresql_url: str) -> None:
    seed = os.environ.get("STUDIOGRAPH_SEED") or str(random.randrange(1 << 32))
    print(f"STUDIOGRAPH_SEED={seed}")  # noqa: T201 - pytest shows it where the test fails
    count = min(rounds(1), MAX_ROUNDS)
    seconds = SHORT_FREEZE_SECONDS if count == 1 else FREEZE_SECONDS
    async with server_pairs(tmp_path, postgresql_url) as servers:
        studios = [await create_studio(servers, f"Studio {n}", random.Random(f"{seed} studio {n}")) for n in range(STUDIOS)]
        await studios[0].session()
        follower = EventFollower(servers, random.Random(f"{seed} follower"))
        following = asyncio.create_task(follower.run())
        await servers.stranger.start()
        await eventually(lambda: says(servers, ADOPT))
        for number in range(count):
            print(f"round {number + 1} of {count}, {sum(studio.sessions for studio in studios)} sessions so far", flush=True)  # noqa: T201
            await chaos_round(servers, studios, RoundFaults(servers, random.Random(f"{seed} round {number}"), seconds))
        await asyncio.gather(*(studio.session() for studio in studios))
        await invariants.nothing_is_left(servers)
        await invariants.history_is_that_of(servers, studios)
        await eventually(lambda: has_received(follower, servers))
        following.cancel()
        assert follower.seqs == await invariants.status_seqs(servers, follower.first_seq)
        assert list((tmp_path / "elsewhere").rglob("sg-*")) == []
        assert [server.log for server in (*servers.servers, servers.stranger) if "Traceback" in server.log] == []


async def says(servers: ServerPairs, text: str) -> bool:
    return text in (await environment_message(servers) or "")


async def has_received(follower: EventFollower, servers: ServerPairs) -> bool:
    assert await invariants.head(servers) >= follower.seq
    return follower.seq == await invariants.head(servers)
