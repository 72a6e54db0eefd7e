"""The tables of templates and compute environments."""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from services.store.tables import columns
from services.store.tables.quotas import QuotaColumns


class Template(SQLModel, table=True):
    """An image of one tool. `tool` is a word of `services.domain.statuses`; the status is derived (`services.domain.template_status`).

    `recipe` is the directory of images/ that the image is built from where it is missing; null = it is pulled. `revision` counts edits
    only; `version` counts every change that a reader can see. `prefix_capable`: the tool honours $CONNECT_TOOL_PATH_PREFIX.
    """

    __table_args__ = (UniqueConstraint("workspace_id", "name_key"),)

    id: str = columns.key()
    workspace_id: str = columns.reference("workspace.id")
    name: str = columns.text()
    name_key: str = columns.sort_key()
    tool: str = Field(max_length=32)
    image: str = columns.text()
    recipe: str | None = Field(default=None, max_length=64)
    tool_version: str = Field(max_length=64)
    connect_version: str = Field(max_length=32)
    experimental: bool = False
    icon_url: str | None = columns.text(nullable=True)
    port: int
    ready_path: str = columns.text(default="/")
    single_user: bool = False
    embeddable: bool = True
    prefix_capable: bool = False
    created_at: datetime = columns.time()
    revision: int = 1
    version: int = 1


class ComputeEnvironment(QuotaColumns, table=True):
    """Where sessions run. `kind` is `process` or `docker`; `settings` belong to the kind. Capacity as last checked.

    `engine_id` marks the engine or data directory that its sessions and checkpoints are on; null until it was first checked.
    """

    __table_args__ = (UniqueConstraint("workspace_id", "name_key"),)

    id: str = columns.key()
    workspace_id: str = columns.reference("workspace.id")
    name: str = columns.text()
    name_key: str = columns.sort_key()
    kind: str = Field(max_length=16)
    settings: Any = columns.json()
    enabled: bool = True
    reachable: bool = True
    message: str | None = columns.text(nullable=True)
    cpu: float = 0
    memory_mib: int = 0
    gpu: int = 0
    environment: Any = columns.json()
    engine_id: str | None = columns.text(nullable=True)
    created_at: datetime = columns.time()
    version: int = 1
