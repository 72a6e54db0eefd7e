"""The closed sets of words of the domain. GraphQL enums are made from these."""

from enum import StrEnum


class StudioStatus(StrEnum):
    """B2: exactly these."""

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
    """B30."""

    EMPTY = "EMPTY"
    INTERIM = "INTERIM"
    FINALIZED = "FINALIZED"
    INVALID = "INVALID"


class TemplateStatus(StrEnum):
    """B71."""

    RECOMMENDED = "RECOMMENDED"
    DEPRECATED = "DEPRECATED"
    EXPERIMENTAL = "EXPERIMENTAL"
    UNSUPPORTED = "UNSUPPORTED"


class Tool(StrEnum):
    """B70."""

    JUPYTERLAB = "JUPYTERLAB"
    R_IDE = "R_IDE"
    VSCODE = "VSCODE"
    XPRA = "XPRA"
    CUSTOM = "CUSTOM"


class OperationKind(StrEnum):
    """What an operation record is the story of."""

    CREATE = "CREATE"
    START = "START"
    STOP = "STOP"
    DELETE = "DELETE"


class OperationState(StrEnum):
    """RUNNING until it ended one way or the other."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class BuildState(StrEnum):
    """How the build of an image stands."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class LogSource(StrEnum):
    """B84: what printed an output."""

    SESSION = "SESSION"
    BUILD = "BUILD"


class StepState(StrEnum):
    """B84: the state of one step of an operation."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    ERRORED = "ERRORED"


class ConnectionErrorCode(StrEnum):
    """B57: why somebody's connection to a session ended or will end."""

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
