"""The payload of each kind of event is one class, and its stored form is read back."""

from datetime import UTC, datetime

import pytest

from services.domain import event_payloads as p
from services.domain.access import Role
from services.domain.events import Kind
from services.domain.statuses import CheckpointStatus, ConnectionErrorCode, MigrationState, StopReason, StudioStatus

PAYLOADS: list[tuple[p.EventPayload, dict[str, object]]] = [
    (p.StudioCreated(StudioStatus.STOPPED), {"status": "STOPPED"}),
    (
        p.StudioStatusChanged(StudioStatus.RUNNING, StudioStatus.STOPPING, "Idle.", StopReason.IDLE, 3),
        {"previous_status": "RUNNING", "status": "STOPPING", "status_message": "Idle.", "stop_reason": "IDLE", "session_number": 3},
    ),
    (p.StudioMessageChanged("Slow."), {"status_message": "Slow."}),
    (p.StudioEdited(2, ("cpu", "name")), {"revision": 2, "fields": ["cpu", "name"]}),
    (p.StudioDeleted(), {}),
    (
        p.CheckpointChanged("c", "a_1", CheckpointStatus.INVALID, p.CheckpointChange.INVALIDATED),
        {"checkpoint_id": "c", "name": "a_1", "status": "INVALID", "change": "invalid"},
    ),
    (p.PresenceChanged("u", "ada", p.PresenceChange.LEFT), {"user_id": "u", "user_name": "ada", "change": "left"}),
    (p.TabsChanged(), {}),
    (
        p.ConnectionFailed(ConnectionErrorCode.ACCESS_REVOKED, "Gone.", False, 3, "t"),
        {"code": "ACCESS_REVOKED", "reason": "Gone.", "retryable": False, "session_number": 3, "token_id": "t"},
    ),
    (
        p.DisruptionPlanned(ConnectionErrorCode.STUDIO_STOPPED, "Soon.", datetime(2026, 1, 2, tzinfo=UTC), 3),
        {"code": "STUDIO_STOPPED", "reason": "Soon.", "at": "2026-01-02T00:00:00+00:00", "session_number": 3},
    ),
    (p.StarChanged(), {}),
    (p.OperationChanged("o"), {"operation_id": "o"}),
    (p.MigrationChanged("a", MigrationState.WITH_ISSUES), {"attempt_id": "a", "state": "WITH_ISSUES"}),
    (p.MemberChanged("w", "u", Role.OWNER), {"workspace_id": "w", "user_id": "u", "role": "OWNER"}),
    (
        p.TemplateChanged("t", "JupyterLab", p.TemplateChange.EDITED, ("image", "port")),
        {"template_id": "t", "name": "JupyterLab", "change": "edited", "fields": ["image", "port"]},
    ),
    (p.WorkspaceSettingsChanged(("max_cpu",)), {"fields": ["max_cpu"]}),
    (p.TokenRevoked("t"), {"token_id": "t"}),
]


@pytest.mark.parametrize(("payload", "stored"), PAYLOADS)
def test_a_payload_is_stored_and_read_back(payload: p.EventPayload, stored: dict[str, object]) -> None:
    assert payload.to_json() == stored
    assert type(payload).from_json(stored) == payload


def test_each_kind_has_exactly_one_payload_class() -> None:
    classes = [value for value in vars(p).values() if isinstance(value, type) and issubclass(value, p.EventPayload)]
    kinds = [payload.KIND for payload in classes if payload is not p.EventPayload]
    assert sorted(kinds) == sorted(Kind)
    assert sorted(payload.KIND for payload, _ in PAYLOADS) == sorted(Kind)


def test_payloads_of_earlier_releases_are_read() -> None:
    error = p.ConnectionFailed(ConnectionErrorCode.STUDIO_STOPPED, "")
    assert p.ConnectionFailed.from_json({"code": "STUDIO_STOPPED", "reason": ""}) == error
    assert p.MemberChanged.from_json({"user_id": "u", "role": None}) == p.MemberChanged(None, "u", None)
