"""Checks the session of one migrated Studio, and records what was found (B74)."""

import asyncio
import logging
from dataclasses import replace
from secrets import token_hex

from services.compute.protocol import CheckpointMissing, ComputeFailed, ComputeUnknown, ImageSpec, Saved
from services.compute.session_programs import SessionFiles
from services.controller.controller_services import ControllerServices
from services.controller.error_text import describe_error
from services.controller.migration.probes import findings, is_complete, probes
from services.domain.lifecycle import ENDED
from services.domain.migration_checks import ProbeFinding, SessionReport, issues_of
from services.domain.migration_files import installed_software
from services.domain.migration_issues import MigrationIssue
from services.domain.migration_tools import RULES
from services.domain.session_name import SessionName
from services.domain.statuses import MigrationIssueKind, MigrationState, StudioStatus, Tool
from services.secrets.masking import forms, masked
from services.secrets.secret_box import CannotOpen
from services.secrets.session_secrets import session_secrets
from services.store import checkpoints, migration_attempts, outbox, sessions, studios, templates
from services.store.migration_attempts import AttemptState
from services.store.sessions import SessionState
from services.store.studios import StudioState
from services.store.templates import TemplateState
from services.studios.migration import attempts

logger = logging.getLogger(__name__)

MARK_BYTES = 12
TIMEOUT_S = 900.0
UNFINISHED = (
    "A program that looks at packages failed, or did not end within {seconds:g} s. There may be problems that are not listed: try the "
    "programs and packages that you need."
)


async def check_attempt(services: ControllerServices, attempt: AttemptState) -> None:
    """Looks at the session of the attempt's Studio, which runs or has ended, and ends the attempt, unless that changed meanwhile.
    Raises ComputeUnknown for one that runs."""
    async with services.database.read() as reader:
        studio = await studios.find(reader, attempt.studio_id)
        session = await sessions.find(reader, attempt.studio_id, studio.session_number) if studio else None
        template = await templates.find(reader, attempt.to_template_id)
    if studio is None or session is None or template is None:
        return
    if studio.status in ENDED and (session.running_at is not None or studio.status is StudioStatus.STOPPED):
        issues, state = [_ended(studio, template)], MigrationState.FAILED
    elif studio.status in ENDED:
        issues, state = await _issues_of_failed(services, attempt, studio, session, template), MigrationState.FAILED
    else:
        issues = await _issues_of_running(services, attempt, studio, session, template)
        state = MigrationState.WITH_ISSUES if issues else MigrationState.SUCCEEDED
    await _record(services, attempt, studio, state, issues)


async def _issues_of_failed(
    services: ControllerServices, attempt: AttemptState, studio: StudioState, session: SessionState, template: TemplateState
) -> list[MigrationIssue]:
    """Returns why the session could not be started, and the conflicts that may be the cause, as far as the engine tells them."""
    failure = MigrationIssue(MigrationIssueKind.TOOL_NOT_STARTED, template.name, studio.status_message or "The tool did not start.")
    name = SessionName(services.installation, studio.id, studio.public_id, session.number)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            files = await _session_files(services, attempt, name, session, template)
    except (ComputeFailed, ComputeUnknown, TimeoutError) as error:
        logger.warning("The files of the migration to Studio %s could not be compared: %s", studio.name, describe_error(error))
        return [failure]
    return [failure, *issues_of(RULES[Tool(template.tool)], SessionReport(installed_software(files.paths), files.conflicts, ()))]


async def _issues_of_running(
    services: ControllerServices, attempt: AttemptState, studio: StudioState, session: SessionState, template: TemplateState
) -> list[MigrationIssue]:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await _issues(services, attempt, studio, session, template)
    except ComputeFailed as error:
        return [_incomplete(template, describe_error(error))]
    except TimeoutError:
        return [_incomplete(template, f"it took longer than {TIMEOUT_S / 60:g} minutes.")]


def _ended(studio: StudioState, template: TemplateState) -> MigrationIssue:
    message = f"The session ended before it was checked. Start {studio.name} to have it checked."
    return MigrationIssue(MigrationIssueKind.CHECK_INCOMPLETE, template.name, message)


def _incomplete(template: TemplateState, reason: str) -> MigrationIssue:
    message = f"The tool answers, and the session could not be checked further: {reason}"
    return MigrationIssue(MigrationIssueKind.CHECK_INCOMPLETE, template.name, message)


async def _issues(
    services: ControllerServices, attempt: AttemptState, studio: StudioState, session: SessionState, template: TemplateState
) -> list[MigrationIssue]:
    compute = await services.computes.get(session.compute_environment_id)
    name = SessionName(services.installation, studio.id, studio.public_id, session.number)
    files = await _session_files(services, attempt, name, session, template)
    software = installed_software(files.paths)
    mark, reported = f"studiograph-{token_hex(MARK_BYTES)}", list[ProbeFinding]()
    secret_forms, gaps = forms(await _secrets(services, session)), [files.unread] if files.unread else []
    for probe in probes(software, mark):
        output = await compute.run(name, probe.program)
        reported += findings(output, mark, secret_forms)
        gaps += [] if is_complete(output, mark) else [UNFINISHED.format(seconds=probe.program.seconds)]
    issues = [_incomplete(template, gap) for gap in gaps[:1]]
    issues += issues_of(RULES[Tool(template.tool)], SessionReport(software, files.conflicts, reported))
    return [replace(issue, subject=masked(issue.subject, secret_forms), message=masked(issue.message, secret_forms)) for issue in issues]


async def _session_files(
    services: ControllerServices, attempt: AttemptState, name: SessionName, session: SessionState, template: TemplateState
) -> SessionFiles:
    """Compares the files with the checkpoint of the original; without its data, those over the new template tell what was added."""
    compute = await services.computes.get(session.compute_environment_id)
    reference = session.configuration.get("image") or template.image
    image = ImageSpec(template.tool, reference, template.tool_version, built=template.recipe is not None)
    for checkpoint_id in (attempt.source_checkpoint_id, attempt.checkpoint_id):
        async with services.database.read() as reader:
            checkpoint = await checkpoints.find(reader, checkpoint_id)
        if checkpoint is None or checkpoint.reference is None or checkpoint.deleted_at is not None:
            continue
        try:
            saved = Saved(checkpoint.reference, checkpoint.digest or "", checkpoint.size or 0)
            return await compute.session_files(name, saved, image)
        except CheckpointMissing:
            continue
    return SessionFiles((), unread="The data of the checkpoints that the migration began from is missing.")


async def _secrets(services: ControllerServices, session: SessionState) -> tuple[str, ...]:
    """Returns the secrets that are masked in what the session reports; none if they cannot be decrypted, as the session has none then."""
    try:
        return await session_secrets(services.database, services.seal, session)
    except CannotOpen:
        logger.warning("What session %s reports is not searched for secrets: they were sealed with another key", session.id)
        return ()


async def _record(
    services: ControllerServices, attempt: AttemptState, checked: StudioState, state: MigrationState, issues: list[MigrationIssue]
) -> None:
    """Ends the attempt, unless it was discarded, or its Studio has another status or session than when it was checked."""
    async with outbox.stream_transaction(services.database, attempt.workspace_id) as transaction:
        current = await migration_attempts.of_studio(transaction, attempt.studio_id)
        studio = await studios.find(transaction, attempt.studio_id)
        if current is None or current.state is not MigrationState.MIGRATING or studio is None:
            return
        if (studio.status, studio.session_number) == (checked.status, checked.session_number):
            await attempts.end(transaction, current, state, issues)
