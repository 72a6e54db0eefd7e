"""Revoked tokens, expired ones, and lost roles: known at once, wherever they were changed."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.domain.access import Permission, Role, TokenScope, Viewer
from services.domain.errors import DomainError, Forbidden
from services.domain.events import INSTALLATION_STREAM
from services.live.revocation import RevocationWatcher
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.live.access_changes import revoke, set_role
from tests.live.conftest import Live, running, soon, until

READ = Permission.WORKSPACE_READ


async def right_lost(revocation_watcher: RevocationWatcher, viewer: Viewer, workspace_id: str, permission: Permission) -> DomainError:
    """The error to show, once the viewer has the right no longer."""
    lost: asyncio.Future[DomainError] = asyncio.get_running_loop().create_future()
    async with revocation_watcher.watch_permission(viewer, workspace_id, permission, lost.set_result):
        return await lost


@pytest.mark.behaviour("B94")
async def test_everybody_who_waits_hears_of_a_revoked_token_within_two_seconds(live: Live, world: World) -> None:
    other, _ = await factories.create_token(live.database, world.user_id)
    waiting = [asyncio.create_task(live.revocation_watcher.token_ended(world.viewer)) for _ in range(20)]
    unrelated = asyncio.create_task(live.revocation_watcher.token_ended(other))
    await asyncio.sleep(0)
    await revoke(live.database, world.viewer.token_id)
    await asyncio.wait_for(asyncio.gather(*waiting), 2)
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
    async with running(database, recheck_seconds=0.05) as live:
        waiting = asyncio.create_task(live.revocation_watcher.token_ended(world.viewer))
        lost = asyncio.create_task(right_lost(live.revocation_watcher, world.viewer, world.workspace_id, READ))
        await until(lambda: live.revocation_watcher._tokens and live.revocation_watcher._permission_watches)
        await revoke(database, world.viewer.token_id, silently=True)
        await set_role(database, world.workspace_id, world.user_id, None, silently=True)
        await soon(waiting)
        assert isinstance(await soon(lost), Forbidden)


@pytest.mark.behaviour("B59")
async def test_who_is_removed_from_a_workspace_loses_the_right_within_two_seconds(live: Live, world: World) -> None:
    viewer, _ = await factories.create_viewer(live.database, world.workspace_id, Role.VIEW)
    lost = asyncio.create_task(right_lost(live.revocation_watcher, viewer, world.workspace_id, READ))
    kept = asyncio.create_task(right_lost(live.revocation_watcher, world.viewer, world.workspace_id, READ))
    await until(lambda: len(live.revocation_watcher._permission_watches) == 2)
    await set_role(live.database, world.workspace_id, viewer.user_id, None)
    error = await asyncio.wait_for(lost, 2)
    assert (error.code, error.message) == ("FORBIDDEN", "You are no longer a member of this workspace.")
    assert not kept.done()
    kept.cancel()


@pytest.mark.behaviour("B59")
async def test_a_lesser_role_ends_only_what_it_does_not_allow(live: Live, world: World) -> None:
    viewer, _ = await factories.create_viewer(live.database, world.workspace_id, Role.CONNECT)
    connect = asyncio.create_task(right_lost(live.revocation_watcher, viewer, world.workspace_id, Permission.STUDIO_CONNECT))
    read = asyncio.create_task(right_lost(live.revocation_watcher, viewer, world.workspace_id, READ))
    await until(lambda: sum(map(len, live.revocation_watcher._permission_watches.values())) == 2)
    await set_role(live.database, world.workspace_id, viewer.user_id, Role.VIEW)
    assert "CONNECT or above" in (await soon(connect)).message
    assert not read.done()
    read.cancel()


async def test_a_right_that_was_never_there_is_lost_at_once(live: Live, world: World) -> None:
    stranger, _ = await factories.create_token(live.database, await factories.create_user(live.database))
    assert isinstance(await soon(right_lost(live.revocation_watcher, stranger, world.workspace_id, READ)), Forbidden)
    unscoped, _ = await factories.create_token(live.database, world.user_id, [TokenScope.CONNECT])
    assert "READ" in (await soon(right_lost(live.revocation_watcher, unscoped, world.workspace_id, READ))).message


async def test_a_role_is_read_once_until_it_changes(live: Live, world: World) -> None:
    async with live.revocation_watcher.watch_permission(world.viewer, world.workspace_id, READ, lambda error: None) as watch:
        await until(lambda: live.revocation_watcher._is_attached)
        assert await live.revocation_watcher.role_of(world.viewer, world.workspace_id) is Role.OWNER
        with live.database.count_statements() as counted:
            for _ in range(50):
                await live.revocation_watcher.check(watch)
        assert counted.statements == []
        await set_role(live.database, world.workspace_id, world.user_id, Role.VIEW)
        await until(lambda: not live.revocation_watcher._roles)
        assert await live.revocation_watcher.role_of(world.viewer, world.workspace_id) is Role.VIEW


async def test_it_listens_to_each_stream_once_and_forgets_when_nobody_asks(live: Live, world: World) -> None:
    watches = [live.revocation_watcher.watch_permission(world.viewer, world.workspace_id, READ, lambda error: None) for _ in range(10)]
    for watch in watches:
        await watch.__aenter__()
    assert live.broker.streams == {INSTALLATION_STREAM, world.workspace_id}
    for watch in watches:
        await watch.__aexit__(None, None, None)
    await until(lambda: live.broker.streams == {INSTALLATION_STREAM})
