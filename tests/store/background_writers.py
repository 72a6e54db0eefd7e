"""The transactions of proxies and controllers, as `tests.store.writers` wants them."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from services.checkpoints import saves
from services.checkpoints.saves import SaveKind
from services.compute.protocol import Saved
from services.connections.last_active import Activity
from services.connections.presence import NewConnection, Presence
from services.domain.actor import Actor
from services.domain.event_payloads import MigrationChanged, TabsChanged
from services.domain.ids import new_id
from services.domain.lifecycle import Trigger
from services.domain.statuses import BuildState, MigrationState
from services.live import log_history
from services.secrets.installation import replace_key
from services.secrets.secret_box import SecretBox
from services.store import (
    builds,
    checkpoints,
    cleanup_tasks,
    compute_environments,
    connections,
    installation,
    leases,
    migration_attempts,
    outbox,
    outputs,
    retention,
    sessions,
    stats,
    studios,
    tokens,
)
from services.store.cleanup_tasks import CheckpointCleanup, SessionCleanup
from services.store.db.database import Transaction
from services.store.leases import Exclusions
from services.store.stats import Measurement
from services.store.studios import StudioState
from services.store.tables import core
from services.studios.session_end import SessionEnd, end_session
from services.studios.stop import StopStudio
from services.studios.transitions import set_status_message
from tests.store.scene import OWNER, POLICY, WriterScene
from tests.store.writers import Writers

BACKGROUND = Writers()
PRESENCE = "services.connections.presence:Presence"
CONTROLLER = "services.controller.controller:Controller"
BUILDER = "services.controller.builds.builder"
OBSERVER = "services.controller.lifecycle.environment_observer:EnvironmentObserver"
LIFECYCLE = "services.controller.lifecycle"
LEASE = timedelta(seconds=15)


def tab(scene: WriterScene) -> NewConnection:
    world = scene.world
    return NewConnection(world.workspace_id, scene.ids.running, "Running", 1, world.user_id, "ada", world.viewer.token_id)


async def proxy_of(scene: WriterScene) -> Presence:
    """The proxy that the owner's tab is connected through."""
    presence = Presence(scene.database)
    async with scene.database.read() as reader:
        statement = select(core.connection.c.proxy_id).where(core.connection.c.id == scene.ids.tab)
        presence.proxy_id = (await reader.execute(statement)).scalar_one()
    return presence


@BACKGROUND.runs(f"{PRESENCE}.start")
async def a_proxy_starts(scene: WriterScene) -> None:
    await Presence(scene.database).start()


@BACKGROUND.runs(f"{PRESENCE}._insert")
async def a_tab_joins(scene: WriterScene) -> None:
    await (await proxy_of(scene)).join(tab(scene))


@BACKGROUND.runs(f"{PRESENCE}._end", f"{PRESENCE}.sweep")
async def a_tab_leaves(scene: WriterScene) -> None:
    await (await proxy_of(scene)).close()


@BACKGROUND.runs(f"{PRESENCE}.beat")
async def a_heartbeat(scene: WriterScene) -> None:
    await (await proxy_of(scene)).beat()


@BACKGROUND.runs(f"{PRESENCE}._reopen")
async def a_tab_is_opened_again(scene: WriterScene) -> None:
    async with scene.stream() as transaction:
        await connections.reopen(transaction, scene.ids.tab)
        await connections.bump_version(transaction, scene.ids.running)
        await outbox.append(transaction, scene.world.workspace_id, [])


@BACKGROUND.runs("services.connections.last_active:Activity._write")
async def tabs_are_used(scene: WriterScene) -> None:
    activity = Activity(scene.database)
    for tab_id in scene.ids.tabs:
        activity.tab(tab_id)
    await activity.flush()


@BACKGROUND.runs()
async def a_session_is_used(scene: WriterScene) -> None:
    activity = Activity(scene.database)
    activity.session(scene.ids.running, 1)
    await activity.flush()


@BACKGROUND.runs("services.connections.tab_count_events:TabCountEvents._append")
async def the_number_of_tabs_changes(scene: WriterScene) -> None:
    async with scene.stream() as transaction:
        await outbox.append(
            transaction, scene.world.workspace_id, [TabsChanged().event(Actor.system("test"), scene.ids.running, "Running")]
        )


@BACKGROUND.runs("services.connections.tool_errors:ToolErrors._append")
async def a_tool_cannot_be_reached(scene: WriterScene) -> None:
    async with scene.stream() as transaction:
        await outbox.append(transaction, scene.world.workspace_id, [])


@BACKGROUND.runs("services.identity.tokens:Tokens._record_use")
async def a_token_is_used(scene: WriterScene) -> None:
    async with scene.database.write() as transaction:
        await tokens.record_use(transaction, scene.world.viewer.token_id, transaction.now)


@BACKGROUND.runs(f"{CONTROLLER}._claim")
async def studios_are_claimed(scene: WriterScene) -> None:
    async with scene.database.write(reserved=True) as transaction:
        await leases.claim(transaction, "c" * 32, LEASE, 10, Exclusions(verified=[scene.ids.environment.id]))


@BACKGROUND.runs(f"{CONTROLLER}._renew")
async def a_lease_is_renewed(scene: WriterScene) -> None:
    async with scene.database.write(reserved=True) as transaction:
        await leases.STUDIOS.renew(transaction, scene.ids.running, 1, LEASE)


@BACKGROUND.runs(f"{CONTROLLER}._release")
async def a_lease_is_released(scene: WriterScene) -> None:
    async with scene.database.write(reserved=True) as transaction:
        await leases.STUDIOS.release(transaction, scene.ids.running, 1, transaction.now, transaction.now)


@BACKGROUND.runs(f"{CONTROLLER}.close")
async def a_controller_stops(scene: WriterScene) -> None:
    async with scene.database.write(reserved=True) as transaction:
        await leases.release_owned(transaction, OWNER)


@BACKGROUND.runs(f"{OBSERVER}._mark_due")
async def a_session_changes(scene: WriterScene) -> None:
    async with scene.database.write() as transaction:
        await leases.mark_due(transaction, scene.ids.running, 1)


@BACKGROUND.runs(f"{OBSERVER}._mark_all_due")
async def an_engine_returns(scene: WriterScene) -> None:
    async with scene.database.write() as transaction:
        await leases.mark_environment_due(transaction, scene.ids.environment.id)


@BACKGROUND.runs(f"{OBSERVER}._check")
async def an_environment_is_checked(scene: WriterScene) -> None:
    async with scene.database.write() as transaction:
        await compute_environments.change(transaction, scene.ids.environment.id, message="It answers.")


@BACKGROUND.runs("services.compute.registry:Computes._compare")
async def an_engine_is_recorded(scene: WriterScene) -> None:
    async with scene.database.write() as transaction:
        await compute_environments.record_engine(transaction, scene.ids.environment.id, "e" * 32)


async def studio_of(transaction: Transaction, studio_id: str) -> StudioState:
    studio = await studios.find_locked(transaction, studio_id)
    assert studio is not None
    return studio


@BACKGROUND.runs(
    f"{LIFECYCLE}.claimed_studio:ClaimedStudio.result",
    f"{LIFECYCLE}.claimed_studio:ClaimedStudio.report_step",
    f"{LIFECYCLE}.run:_advance",
    f"{LIFECYCLE}.run:_update_upstream",
    f"{LIFECYCLE}.run:_report_unknown",
    f"{LIFECYCLE}.run:_warn",
    f"{LIFECYCLE}.start:_start",
    f"{LIFECYCLE}.start_failure:report_unknown",
    f"{LIFECYCLE}.stop:_report_unknown",
)
async def a_step_reports(scene: WriterScene) -> None:
    async with scene.stream() as transaction:
        await set_status_message(transaction, await studio_of(transaction, scene.ids.running), "Waiting.")
        await sessions.change(transaction, scene.ids.session, warned_at=transaction.now)


@BACKGROUND.runs(
    f"{LIFECYCLE}.run:_begin_stop_of_exited", f"{LIFECYCLE}.run:_end", f"{LIFECYCLE}.start:_complete", f"{LIFECYCLE}.build:_start"
)
async def a_step_begins_a_stop(scene: WriterScene) -> None:
    async with scene.stream() as transaction:
        await sessions.change(transaction, scene.ids.session, exit_code=0)
        studio = await studio_of(transaction, scene.ids.running)
        await StopStudio(POLICY).begin(transaction, studio, Trigger.EXITED, Actor.system("test"), "It ended.")


@BACKGROUND.runs(
    f"{LIFECYCLE}.run:_save",
    f"{LIFECYCLE}.stop:_record",
    f"{LIFECYCLE}.requested_save:_complete",
    f"{LIFECYCLE}.former_sessions:_save",
    "services.controller.rebasing:_record",
)
async def a_step_records_a_save(scene: WriterScene) -> None:
    async with scene.stream() as transaction:
        studio = await studio_of(transaction, scene.ids.running)
        session = await sessions.find(transaction, studio.id, 1)
        assert session is not None
        await saves.record(transaction, studio, session, Saved(scene.ids.attempt_reference, "sha256:1", 1), SaveKind.PERIODIC)


@BACKGROUND.runs(
    f"{LIFECYCLE}.run:_end_lost",
    f"{LIFECYCLE}.stop:_complete",
    f"{LIFECYCLE}.stop:_end_lost",
    f"{LIFECYCLE}.stop:_end_unsaved",
    f"{LIFECYCLE}.start_failure:fail_start",
    f"{LIFECYCLE}.start_failure:fail_without_former_session",
    f"{LIFECYCLE}.start_failure:fail_without_source",
    f"{LIFECYCLE}.build:_fail",
    f"{LIFECYCLE}.requested_save:_abandon",
)
async def a_step_ends_a_session(scene: WriterScene) -> None:
    async with scene.stream() as transaction:
        studio = await studio_of(transaction, scene.ids.running)
        end = SessionEnd(Trigger.COMPUTE_ENV_LOST, Actor.system("test"), "It is gone.", cleanup=scene.session_name)
        await end_session(transaction, studio, end)
        await outputs.close(transaction, scene.ids.session)


@BACKGROUND.runs(f"{LIFECYCLE}.session_save:_is_reserved", "services.controller.flattening:flatten", "services.controller.rebasing:rebase")
async def a_save_is_announced(scene: WriterScene) -> None:
    async with scene.stream() as transaction:
        await studio_of(transaction, scene.ids.running)
        reference = scene.ids.attempt_reference
        await cleanup_tasks.add_save_attempt(transaction, scene.ids.environment.id, scene.ids.attempt, reference, LEASE)


@BACKGROUND.runs("services.controller.migration.check:_record")
async def a_migration_is_checked(scene: WriterScene) -> None:
    async with scene.stream() as transaction:
        studio = await studio_of(transaction, scene.ids.running)
        await migration_attempts.of_studio(transaction, studio.id)
        await migration_attempts.end(transaction, new_id(), MigrationState.SUCCEEDED, [])
        event = MigrationChanged(new_id(), MigrationState.SUCCEEDED).event(Actor.system("test"), studio.id, studio.name)
        await outbox.append(transaction, studio.workspace_id, [event])


@BACKGROUND.runs(f"{LIFECYCLE}.session_save:_give_back")
async def a_save_is_given_back(scene: WriterScene) -> None:
    async with scene.database.write() as transaction:
        await cleanup_tasks.take_save_attempt(transaction, scene.ids.attempt, scene.ids.attempt_reference)


async def cleanup_of(scene: WriterScene) -> tuple[SessionCleanup, CheckpointCleanup]:
    async with scene.database.read() as reader:
        here, later = [scene.ids.environment.id], datetime.now(UTC) + LEASE
        [session] = await cleanup_tasks.due_sessions(reader, scene.world.installation_id, later, here, 1)
        [checkpoint] = await cleanup_tasks.due_checkpoints(reader, later, here, 1)
    return session, checkpoint


@BACKGROUND.runs("services.controller.maintenance.resource_cleaner:ResourceCleaner._remove_checkpoint")
async def the_removal_of_a_save_begins(scene: WriterScene) -> None:
    _, checkpoint = await cleanup_of(scene)
    async with scene.database.write() as transaction:
        await cleanup_tasks.begin_removal(transaction, checkpoint)


@BACKGROUND.runs(
    "services.controller.maintenance.resource_cleaner:ResourceCleaner._finish", f"{LIFECYCLE}.former_sessions:clean_up_former_sessions"
)
async def a_removal_ends(scene: WriterScene) -> None:
    session, _ = await cleanup_of(scene)
    async with scene.database.write() as transaction:
        await cleanup_tasks.complete(transaction, session)


@BACKGROUND.runs("services.controller.maintenance.checkpoint_audit:CheckpointAudit._look")
async def a_checkpoint_is_valid_again(scene: WriterScene) -> None:
    async with scene.stream() as transaction:
        checkpoint = await checkpoints.find(transaction, scene.ids.checkpoint)
        assert checkpoint is not None
        await saves.invalidate(transaction, checkpoint.id)
        await saves.revalidate(transaction, checkpoint)


@BACKGROUND.runs("services.controller.stats.stats_sampler:StatsSampler._write")
async def sessions_are_measured(scene: WriterScene) -> None:
    async with scene.database.write() as transaction:
        await stats.write(transaction, [Measurement(scene.ids.session, transaction.now, 1, 1, 1, 1, 1, 1)])
        await stats.remove_outdated(transaction)


@BACKGROUND.runs("services.controller.logs.log_follower:open_output", f"{BUILDER}:_BuildAttempt._begin")
async def an_output_begins(scene: WriterScene) -> None:
    async with scene.database.write() as transaction:
        await builds.mark_studios_due(transaction, scene.ids.build)
        await outputs.find_or_add(transaction, new_id())


@BACKGROUND.runs("services.controller.logs.log_writer:LogWriter._append", "services.controller.logs.log_drain:_store")
async def output_is_stored(scene: WriterScene) -> None:
    async with scene.database.write() as transaction:
        for output_id in sorted((scene.ids.session, scene.ids.build)):
            await outputs.append(transaction, await outputs.find_or_add(transaction, output_id), b"printed", None)


@BACKGROUND.runs("services.controller.logs.log_follower:LogFollower._collect")
async def an_output_ends(scene: WriterScene) -> None:
    async with scene.database.write() as transaction:
        await outputs.close(transaction, scene.ids.session)


@BACKGROUND.runs(f"{BUILDER}:Builder._claim")
async def builds_are_claimed(scene: WriterScene) -> None:
    async with scene.database.write() as transaction:
        await builds.claim(transaction, OWNER, LEASE, 4, [], [scene.ids.environment.id])


@BACKGROUND.runs(f"{BUILDER}:_BuildAttempt._renew", f"{BUILDER}:Builder.close")
async def a_build_is_renewed(scene: WriterScene) -> None:
    async with scene.database.write() as transaction:
        await builds.BUILDS.renew(transaction, scene.ids.build, 0, LEASE)
        await builds.release_owned(transaction, OWNER)


@BACKGROUND.runs(f"{BUILDER}:_BuildAttempt._flush", f"{BUILDER}:_BuildAttempt._set_message", f"{BUILDER}:_BuildAttempt._end")
async def a_build_ends(scene: WriterScene) -> None:
    async with scene.database.write() as transaction:
        build = await builds.find(transaction, scene.ids.build)
        assert build is not None
        await builds.mark_studios_due(transaction, build.id)
        await builds.set_message(transaction, build, "Step 2")
        await builds.end(transaction, build, BuildState.FAILED, "It failed.")
        await outputs.close(transaction, build.id)


@BACKGROUND.runs("services.store.retention:trim")
async def old_rows_are_deleted(scene: WriterScene) -> None:
    for table, condition in retention.expired_rows(scene.database.now(), -LEASE):
        async with scene.database.write() as transaction:
            await transaction.execute(table.delete().where(condition))


@BACKGROUND.runs("services.store.retention:_trim_outputs")
async def old_outputs_are_deleted(scene: WriterScene) -> None:
    async with scene.database.write() as transaction:
        await outputs.remove(transaction, [scene.ids.session, scene.ids.build])


@BACKGROUND.runs("services.store.retention:trim_stream")
async def old_events_are_deleted(scene: WriterScene) -> None:
    await retention.trim_stream(scene.database, scene.world.workspace_id, datetime.now(UTC) + LEASE)


@BACKGROUND.runs("services.live.log_history:mark_restored", "services.live.log_history:LogHistory._verify")
async def a_backup_is_restored(scene: WriterScene) -> None:
    await log_history.mark_restored(scene.database)


@BACKGROUND.runs("services.secrets.installation:replace_key", "services.secrets.installation:require_key")
async def the_key_is_replaced(scene: WriterScene) -> None:
    await replace_key(scene.database, SecretBox(SecretBox.new_key()))


@BACKGROUND.runs("services.secrets.installation:ensure_installation")
async def the_installation_is_locked(scene: WriterScene) -> None:
    async with scene.database.write() as transaction:
        await installation.lock(transaction)
