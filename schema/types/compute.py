"""What runs, and where."""

from datetime import datetime

import strawberry

from resolvers.loads import compute_environments
from schema.enums import ComputeKind, TemplateStatus, Tool
from schema.fields import attribute, batched, exactly, node_id
from schema.types.node import Node
from services.rows.organizations import CapacityRow, ComputeEnvironmentRow, TemplateRow, UsageRow


@strawberry.type(description="What a Studio runs: one tool in one version.")
class Template(Node):
    """B71."""

    id: strawberry.ID = node_id("Template")
    name: str = attribute("Its name, unique in the workspace.")
    tool: Tool = attribute("What it shows in the browser.")
    image: str = attribute("What is run: a container image, or on a process compute environment the tool or its command.")
    tool_version: str = attribute("The version of the tool.")
    connect_version: str = attribute("The version of the part that connects the tool (major.minor.patch).")
    status: TemplateStatus = attribute("Whether it should be used.")
    icon_url: str | None = attribute("Where its icon is.")
    port: int = attribute("The port its tool listens on, in a container.")
    single_user: bool = attribute("Whether its tool serves one user at a time.")
    embeddable: bool = attribute("Whether its tool can be shown inside our page.")
    created_at: datetime = attribute("When it was added.")

    is_type_of = exactly(TemplateRow)


@strawberry.type(description="What a compute environment has.")
class ComputeCapacity:
    """As last checked."""

    cpu: float = attribute("CPU cores; 0 = not known yet.")
    memory_mib: int = attribute("Memory in MiB; 0 = not known yet.", name="memoryMiB")
    gpu: int = attribute("GPUs.")

    is_type_of = exactly(CapacityRow)


@strawberry.type(description="What sessions hold of a compute environment.")
class ComputeUsage:
    """B5."""

    sessions: int = attribute("How many sessions hold something.")
    cpu: float = attribute("CPU cores they were given.")
    memory_mib: int = attribute("Memory they were given, in MiB.", name="memoryMiB")
    gpu: int = attribute("GPUs they were given.")

    is_type_of = exactly(UsageRow)


@strawberry.type(description="A place where sessions run.")
class ComputeEnvironment(Node):
    """Of one kind; what it has and what is in use."""

    id: strawberry.ID = node_id("ComputeEnvironment")
    name: str = attribute("Its name, unique in the workspace.")
    kind: ComputeKind = attribute("How it runs sessions.")
    enabled: bool = attribute("Whether new sessions may start there.")
    reachable: bool = attribute("Whether it answered when it was last asked.")
    message: str | None = attribute("What is wrong with it, or what to know about it.")
    capacity: ComputeCapacity = attribute("What it has.")
    in_use: ComputeUsage = batched(compute_environments.usage, "What sessions hold of it.", of="id")
    created_at: datetime = attribute("When it was added.")

    is_type_of = exactly(ComputeEnvironmentRow)
