"""The enumerations of the domain: statuses, reasons, kinds and error codes. GraphQL enums are made from these."""

from enum import StrEnum


class StudioStatus(StrEnum):
    """The status of a Studio (B2)."""

    BUILDING = "BUILDING"
    BUILD_FAILED = "BUILD_FAILED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    ERRORED = "ERRORED"


class StopReason(StrEnum):
    """Why a session ended."""

    USER_REQUEST = "USER_REQUEST"
    FORCED = "FORCED"
    LIFESPAN_EXPIRED = "LIFESPAN_EXPIRED"
    IDLE = "IDLE"
    EXITED = "EXITED"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    BUILD_FAILED = "BUILD_FAILED"
    START_FAILED = "START_FAILED"
    START_TIMEOUT = "START_TIMEOUT"
    SAVE_FAILED = "SAVE_FAILED"
    CHECKPOINT_MISSING = "CHECKPOINT_MISSING"
    COMPUTE_ENV_DELETED = "COMPUTE_ENV_DELETED"
    COMPUTE_ENV_LOST = "COMPUTE_ENV_LOST"


class CheckpointStatus(StrEnum):
    """The status of a checkpoint (B30)."""

    EMPTY = "EMPTY"
    INTERIM = "INTERIM"
    FINALIZED = "FINALIZED"
    INVALID = "INVALID"


class CheckpointUseKind(StrEnum):
    """Why the data of a checkpoint is needed (B35)."""

    NEXT_START = "NEXT_START"
    SESSION = "SESSION"


class TemplateStatus(StrEnum):
    """The support status of a template (B71)."""

    RECOMMENDED = "RECOMMENDED"
    DEPRECATED = "DEPRECATED"
    EXPERIMENTAL = "EXPERIMENTAL"
    UNSUPPORTED = "UNSUPPORTED"


class Tool(StrEnum):
    """The tool that a template runs (B70)."""

    JUPYTERLAB = "JUPYTERLAB"
    R_IDE = "R_IDE"
    VSCODE = "VSCODE"
    XPRA = "XPRA"
    CUSTOM = "CUSTOM"


class OperationKind(StrEnum):
    """The kind of an operation."""

    START = "START"
    STOP = "STOP"
    CHECKPOINT = "CHECKPOINT"


class OperationState(StrEnum):
    """The state of an operation: RUNNING until it has ended."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class BuildState(StrEnum):
    """The state of an image build."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class LogSource(StrEnum):
    """The source of a log: a session or an image build (B84)."""

    SESSION = "SESSION"
    BUILD = "BUILD"


class MigrationState(StrEnum):
    """How far an attempt to migrate a Studio to a newer template is (B74, B75)."""

    MIGRATING = "MIGRATING"
    SUCCEEDED = "SUCCEEDED"
    WITH_ISSUES = "WITH_ISSUES"
    FAILED = "FAILED"
    DISCARDED = "DISCARDED"


class MigrationIssueKind(StrEnum):
    """What is wrong in a migrated session (B74)."""

    TOOL_NOT_STARTED = "TOOL_NOT_STARTED"
    FILE_CONFLICT = "FILE_CONFLICT"
    PACKAGE_BROKEN = "PACKAGE_BROKEN"
    INTERPRETER_MISSING = "INTERPRETER_MISSING"
    LIBRARY_MISSING = "LIBRARY_MISSING"
    EXTENSION_REFUSED = "EXTENSION_REFUSED"
    CHECK_INCOMPLETE = "CHECK_INCOMPLETE"


class MigrationDifferenceKind(StrEnum):
    """In what two templates of one tool differ (B73)."""

    TOOL_VERSION = "TOOL_VERSION"
    CONNECT_VERSION = "CONNECT_VERSION"
    IMAGE = "IMAGE"


class StepState(StrEnum):
    """The state of one step of an operation (B84)."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    ERRORED = "ERRORED"


class ConnectionErrorCode(StrEnum):
    """Why a connection to a session ended or will end (B57)."""

    STUDIO_STOPPED = "STUDIO_STOPPED"
    STUDIO_ERRORED = "STUDIO_ERRORED"
    LIFESPAN_EXPIRED = "LIFESPAN_EXPIRED"
    IDLE_STOPPED = "IDLE_STOPPED"
    CREDENTIALS_CHANGED = "CREDENTIALS_CHANGED"
    COMPUTE_ENV_DELETED = "COMPUTE_ENV_DELETED"
    COMPUTE_ENV_UNREACHABLE = "COMPUTE_ENV_UNREACHABLE"
    ACCESS_REVOKED = "ACCESS_REVOKED"
    TOOL_UNREACHABLE = "TOOL_UNREACHABLE"
    REPLACED_BY_OTHER_USER = "REPLACED_BY_OTHER_USER"
    PROXY_RESTARTED = "PROXY_RESTARTED"


class ComputeKind(StrEnum):
    """How a compute environment runs sessions; the values are those of `computeenvironment.kind`."""

    PROCESS = "process"
    DOCKER = "docker"
