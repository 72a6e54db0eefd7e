"""The columns of a table whose rows limit what their sessions may hold together."""

from sqlmodel import SQLModel


class QuotaColumns(SQLModel):
    """The limits of sessions, cores, MiB and GPUs at a time (B18). Null is no limit, 0 lets nothing start."""

    max_sessions: int | None = None
    max_cpu: float | None = None
    max_memory_mib: int | None = None
    max_gpu: int | None = None
