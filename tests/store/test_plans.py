"""What runs every few seconds costs the same after years: no statement of it reads a large table from end to end, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from services.domain.events import Kind
from services.domain.quotas import QuotaResource, QuotaScope
from services.store import (
    access_facts,
    builds,
    checkpoints,
    cleanup_tasks,
    compute_environments,
    connections,
    disruptions,
    leases,
    log,
    output_sources,
    outputs,
    quotas,
    retention,
    sessions,
    stats,
    work_counts,
)
from services.store.db.database import Database
from services.store.leases import Exclusions
from services.store.reads import compute, connected, events
from services.store.reads.listing import Window
from services.store.tables import core
from tests.store.history import LongHistory, make, watched

pytestmark = pytest.mark.slow
NOW = datetime.now(UTC)


async def reads(history: LongHistory) -> None:
    """What controllers, proxies and feeds read again and again."""
    environments = [history.world.compute_environment_id]
    workspace, studio, viewer = history.world.workspace_id, history.studio_id, history.world.viewer
    async with history.database.read() as reader:
        await output_sources.list_open(reader, environments)
        await output_sources.find(reader, history.session_id)
        await stats.running(reader)
        await stats.has_outdated(reader)
        await stats.of_studios(reader, [studio])
        await leases.next_due(reader, Exclusions(verified=environments))
        await work_counts.waiting_work(reader)
        await cleanup_tasks.due_sessions(reader, "i", NOW, environments, 20)
        await cleanup_tasks.due_checkpoints(reader, NOW, environments, 20)
        await compute_environments.in_use(reader)
        await connections.tabs_of(reader, "p" * 32)
        await connections.tabs_of_other_proxies(reader, "p" * 32, NOW)
        await connections.people(reader, studio)
        await connections.is_open(reader, studio, viewer.user_id)
        await compute.usage(reader, viewer.user_id, environments)
        await quotas.uses(reader, viewer.user_id, [workspace])
        for scope, scope_id in ((QuotaScope.WORKSPACE, workspace), (QuotaScope.COMPUTE_ENVIRONMENT, environments[0])):
            await quotas.holders(reader, viewer.user_id, scope, scope_id, QuotaResource.CPU)
        await quotas.holders(reader, viewer.user_id, QuotaScope.ORGANIZATION, history.world.organization_id, QuotaResource.SESSIONS)
        await connected.of_studios(reader, viewer.user_id, [studio])
        await disruptions.of_token(reader, viewer.token_id)
        await disruptions.of_member(reader, workspace, viewer.user_id)
        await access_facts.facts(reader, "x", viewer.user_id, viewer.token_id, None)
        await access_facts.last_session_end(reader, workspace, studio, 1)
        await log.states(reader, [workspace])
        await log.page(reader, workspace, 90_000, 100)
        await log.page(reader, workspace, 0, 100, kinds=[Kind.STUDIO_MESSAGE])
        await log.page(reader, workspace, 0, 100, kinds=[Kind.STUDIO_STATUS], studio_id=studio)
        await sessions.unsaved_before(reader, studio, 1)
        await checkpoints.invalid(reader, environments, "", 20)
        for newest_first in (True, False):
            await events.of_studios(reader, viewer.user_id, [studio], Window(20), newest_first)
            await events.of_workspaces(reader, viewer.user_id, [workspace], Window(20), newest_first)


async def writes(history: LongHistory) -> None:
    """What they write again and again."""
    database, environments = history.database, [history.world.compute_environment_id]
    async with database.write() as transaction:
        await leases.claim(transaction, "me", timedelta(seconds=15), 20, Exclusions(verified=environments))
        await builds.claim(transaction, "me", timedelta(seconds=15), 20, [], environments)
        await leases.mark_due(transaction, history.studio_id, 1)
        await leases.mark_environment_due(transaction, history.world.compute_environment_id)
        await connections.beat(transaction, "p" * 32)
        await connections.note_activity(transaction, ["c" * 32])
        await connections.note_session_activity(transaction, history.studio_id, 1)
        await stats.remove_outdated(transaction)
        await outputs.expired(transaction, datetime(2020, 1, 1, tzinfo=UTC), 20)


async def trim(history: LongHistory) -> None:
    """Finds nothing that is old enough, as at most times."""
    await retention.trim(history.database, timedelta(days=3650))


async def test_nothing_that_runs_again_and_again_reads_all_of_the_history(database: Database) -> None:
    history = await make(database)
    async with database.write() as transaction:  # otherwise nothing is counted
        await transaction.execute(update(core.workspace).values(max_sessions=5))
    async with watched(database) as plans:
        for calls in (reads, writes, trim):
            await calls(history)
    assert len(plans.scans) > 40
    assert [f"{', '.join(scans)}: {statement}" for statement, scans in plans.scans.items() if scans] == []
