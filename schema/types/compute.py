"""The GraphQL types of templates and compute environments."""

from datetime import datetime

import strawberry

from resolvers.loaders import compute_environments, templates
from schema.enums import ComputeKind, TemplateStatus, Tool
from schema.fields import attribute, batched, derived, exactly, node_id
from schema.types.node import Node
from services.rows.organizations import CapacityRow, ComputeEnvironmentRow, TemplateRow, UsageRow


@strawberry.type(description="A template of Studios: one tool in one version.")
class Template(Node):
    """B71."""

    id: strawberry.ID = node_id("Template")
    name: str = attribute("The name of the template, unique in the workspace.")
    tool: Tool = attribute("The tool that the sessions show in the browser.")
    image: str = attribute(
        "The container image that sessions run. For compute environments of the kind PROCESS, the name of a tool or a command line."
    )
    tool_version: str = attribute("The version of the tool, for example `4.2.5`.")
    connect_version: str = attribute("The version of the component that connects the tool with Studiograph, as major.minor.patch.")
    recipe: str | None = attribute(
        "The name of the recipe from which the server builds the image where sessions run. Null if the image is pulled from a registry."
    )
    is_built_here: bool = derived(
        lambda recipe: recipe is not None, "Whether the server builds the image itself, from `recipe`, before the first start.", of="recipe"
    )
    status: TemplateStatus = batched(
        templates.statuses, "How well the template is supported. It follows from all templates of the workspace and changes with them."
    )
    experimental: bool = attribute("Whether the template is marked as experimental. It is UNSUPPORTED all the same once it is too old.")
    icon_url: str | None = attribute("The URL of an icon of the template. Null if it has none.")
    port: int = attribute("The TCP port on which the tool listens in its container.")
    single_user: bool = attribute("Whether the tool serves only one user at a time.")
    embeddable: bool = attribute(
        "Whether the browser shows the tool inside a page of Studiograph, which displays warnings. If not, the tool fills the tab."
    )
    prefix_capable: bool = attribute(
        "Whether the tool can serve below a path prefix, which it then takes from the variable CONNECT_TOOL_PATH_PREFIX."
    )
    revision: int = attribute("The number of the edit that made the present values: 1 for a new template, one more with each edit.")
    created_at: datetime = attribute("The time at which the template was added to the workspace.")

    is_type_of = exactly(TemplateRow)


@strawberry.type(description="The resources of a compute environment, as found by the last check.")
class ComputeCapacity:
    """As last checked."""

    cpu: float = attribute("The number of CPU cores. 0 if not known yet.")
    memory_mib: int = attribute("The memory in MiB. 0 if not known yet.", name="memoryMiB")
    gpu: int = attribute("The number of GPUs; may be 0.")

    is_type_of = exactly(CapacityRow)


@strawberry.type(description="The resources of a compute environment that sessions hold.")
class ComputeUsage:
    """B5."""

    sessions: int = attribute("The number of sessions that hold resources.")
    cpu: float = attribute("The CPU cores of these sessions, in total, as configured.")
    memory_mib: int = attribute("The memory of these sessions in MiB, in total, as configured.", name="memoryMiB")
    gpu: int = attribute("The GPUs of these sessions, in total, as configured.")

    is_type_of = exactly(UsageRow)


@strawberry.type(description="A compute environment: the place where sessions run, for example a Docker Engine.")
class ComputeEnvironment(Node):
    """Of one kind; what it has and what is in use."""

    id: strawberry.ID = node_id("ComputeEnvironment")
    name: str = attribute("The name of the compute environment, unique in the workspace.")
    kind: ComputeKind = attribute("The technology that runs the sessions.")
    enabled: bool = attribute("Whether new sessions can be started in the compute environment.")
    reachable: bool = attribute("Whether the compute environment answered the last check. It is checked every minute.")
    message: str | None = attribute(
        "Why the compute environment does not answer, or warnings about it, as text for people. Null if there is nothing to report."
    )
    capacity: ComputeCapacity = attribute("The resources of the compute environment.")
    in_use: ComputeUsage = batched(compute_environments.usage, "The resources that sessions hold at present.", of="id")
    created_at: datetime = attribute("The time at which the compute environment was added to the workspace.")

    is_type_of = exactly(ComputeEnvironmentRow)
