"""Revoked tokens, expired ones, and lost roles: known at once, wherever they were changed."""

import asyncio
from asyncio import Future
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from services.domain.access import Permission, Role, TokenScope, Viewer
from services.domain.errors import DomainError, Forbidden
from services.domain.events import INSTALLATION_STREAM
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.live.access_changes import revoke, set_role
from tests.live.conftest import Live, running
from tests.waiting import eventually, promised, soon, until

READ = Permission.WORKSPACE_READ


@asynccontextmanager
async def guarded(live: Live, viewer: Viewer, workspace_id: str, permission: Permission = READ) -> AsyncIterator[Future[DomainError]]:
    """A right that is watched; the future gets the error once the right is lost."""
    lost: Future[DomainError] = asyncio.get_running_loop().create_future()
    async with live.revocation_watcher.watch_permission(viewer, workspace_id, permission, lost.set_result):
        yield lost


@pytest.mark.behaviour("B94")
async def test_everybody_who_waits_hears_of_a_revoked_token_within_two_seconds(live: Live, world: World) -> None:
    other, _ = await factories.create_token(live.database, world.user_id)
    waiting = [asyncio.create_task(live.revocation_watcher.token_ended(world.viewer)) for _ in range(20)]
    unrelated = asyncio.create_task(live.revocation_watcher.token_ended(other))
    await asyncio.sleep(0)
    await revoke(live.database, world.viewer.token_id)
    await asyncio.wait_for(asyncio.gather(*waiting), promised(2))
    assert not unrelated.done()
    unrelated.cancel()


@pytest.mark.behaviour("B94")
async def test_a_token_that_was_revoked_before_anybody_listened_is_found_out(live: Live, world: World) -> None:
    await revoke(live.database, world.viewer.token_id, silently=True)
    await soon(live.revocation_watcher.token_ended(world.viewer))


@pytest.mark.behaviour("B94")
async def test_a_token_ends_when_it_expires(live: Live, world: World) -> None:
    expires_at = datetime.now(UTC) + timedelta(seconds=0.2)
    viewer, _ = await factories.create_token(live.database, world.user_id, expires_at=expires_at)
    await soon(live.revocation_watcher.token_ended(viewer))
    assert datetime.now(UTC) >= expires_at


@pytest.mark.behaviour("B94")
async def test_without_the_event_the_re_check_finds_it(database: Database, world: World) -> None:
    async with running(database, recheck_seconds=0.05) as live, guarded(live, world.viewer, world.workspace_id) as lost:
        ended = asyncio.create_task(live.revocation_watcher.token_ended(world.viewer))
        await asyncio.sleep(0)
        await revoke(database, world.viewer.token_id, silently=True)
        await set_role(database, world.workspace_id, world.user_id, None, silently=True)
        await soon(ended)
        assert isinstance(await soon(lost), Forbidden)


@pytest.mark.behaviour("B59")
async def test_who_is_removed_from_a_workspace_loses_the_right_within_two_seconds(live: Live, world: World) -> None:
    viewer, _ = await factories.create_viewer(live.database, world.workspace_id, Role.VIEW)
    async with guarded(live, viewer, world.workspace_id) as lost, guarded(live, world.viewer, world.workspace_id) as kept:
        await set_role(live.database, world.workspace_id, viewer.user_id, None)
        error = await asyncio.wait_for(lost, promised(2))
        assert (error.code, error.message) == ("FORBIDDEN", "You are no longer a member of this workspace.")
        assert not kept.done()


@pytest.mark.behaviour("B59")
async def test_a_lesser_role_ends_only_what_it_does_not_allow(live: Live, world: World) -> None:
    viewer, _ = await factories.create_viewer(live.database, world.workspace_id, Role.CONNECT)
    async with (
        guarded(live, viewer, world.workspace_id, Permission.STUDIO_CONNECT) as connect,
        guarded(live, viewer, world.workspace_id) as read,
    ):
        await set_role(live.database, world.workspace_id, viewer.user_id, Role.VIEW)
        assert "CONNECT or above" in (await soon(connect)).message
        assert not read.done()


async def test_a_right_that_was_never_there_is_lost_at_once(live: Live, world: World) -> None:
    stranger, _ = await factories.create_token(live.database, await factories.create_user(live.database))
    async with guarded(live, stranger, world.workspace_id) as lost:
        assert isinstance(await soon(lost), Forbidden)
    unscoped, _ = await factories.create_token(live.database, world.user_id, [TokenScope.CONNECT])
    async with guarded(live, unscoped, world.workspace_id) as lost:
        assert "READ" in (await soon(lost)).message


async def test_a_role_is_read_once_until_it_changes(live: Live, world: World) -> None:
    watcher, database = live.revocation_watcher, live.database

    async def is_in_memory() -> bool:
        with database.count_statements() as counted:
            assert await watcher.role_of(world.viewer, world.workspace_id) is Role.OWNER
        return not counted.statements

    async def is_lowered() -> bool:
        return await watcher.role_of(world.viewer, world.workspace_id) is Role.VIEW

    async with watcher.watch_permission(world.viewer, world.workspace_id, READ, lambda error: None) as guard:
        await eventually(is_in_memory)
        with database.count_statements() as counted:
            for _ in range(50):
                await watcher.check(guard)
        assert counted.statements == []
        await set_role(database, world.workspace_id, world.user_id, Role.VIEW)
        await eventually(is_lowered)


async def test_it_listens_to_each_stream_once_and_forgets_when_nobody_asks(live: Live, world: World) -> None:
    watches = [live.revocation_watcher.watch_permission(world.viewer, world.workspace_id, READ, lambda error: None) for _ in range(10)]
    for watch in watches:
        await watch.__aenter__()
    assert live.broker.streams == {INSTALLATION_STREAM, world.workspace_id}
    for watch in watches:
        await watch.__aexit__(None, None, None)
    await until(lambda: live.broker.streams == {INSTALLATION_STREAM})
