"""The requests that commands on templates take, and their outcomes. Ids are those of rows."""

from dataclasses import dataclass, field

from services.domain.provided_release import DEFAULT_PORT, DEFAULT_READY_PATH, ProvidedRelease
from services.domain.statuses import Tool
from services.domain.unset import UNSET, Maybe
from services.domain.versions import CONNECT_VERSION


@dataclass(frozen=True, slots=True)
class NewTemplate:
    """A template to be added.

    `image` is an image reference, or what the process kind runs: a word it knows, or for CUSTOM a shell-quoted command line. With a
    `recipe` (a directory of images/) a container image is built where sessions run, rather than pulled.
    """

    name: str
    tool: Tool
    image: str
    tool_version: str
    recipe: str | None = None
    connect_version: str = CONNECT_VERSION
    experimental: bool = False
    icon_url: str | None = None
    port: int = DEFAULT_PORT
    ready_path: str = DEFAULT_READY_PATH
    single_user: bool = False
    embeddable: bool = True
    prefix_capable: bool = False

    @classmethod
    def of_release(cls, release: ProvidedRelease, name: str, recipe: str, image: str, icon_url: str | None = None) -> "NewTemplate":
        """Returns the template of a provided recipe, whose image has the reference `image`; its icon is the recipe's if none is given."""
        return cls(
            name=name,
            tool=release.tool,
            image=image,
            tool_version=release.tool_version,
            recipe=recipe,
            connect_version=release.connect_version,
            icon_url=icon_url or release.icon_url,
            port=release.port,
            ready_path=release.ready_path,
            single_user=release.single_user,
            embeddable=release.embeddable,
            prefix_capable=release.prefix_capable,
        )


@dataclass(frozen=True, slots=True)
class TemplateChanges:
    """What is to be changed of a template; UNSET leaves a value. An `image` takes the place of the recipe, too.

    The tool cannot be changed: Studios and migrations rely on it.
    """

    name: Maybe[str] = UNSET
    image: Maybe[str] = UNSET
    tool_version: Maybe[str] = UNSET
    connect_version: Maybe[str] = UNSET
    experimental: Maybe[bool] = UNSET
    icon_url: Maybe[str | None] = UNSET
    port: Maybe[int] = UNSET
    ready_path: Maybe[str] = UNSET
    single_user: Maybe[bool] = UNSET
    embeddable: Maybe[bool] = UNSET
    prefix_capable: Maybe[bool] = UNSET


@dataclass(frozen=True, slots=True)
class CreateTemplateRequest:
    """The request to add a template, from an image or from a recipe: exactly one of them is given.

    The fields that are UNSET have the values of the recipe, if it is a provided one, or the defaults of NewTemplate.
    """

    workspace_id: str
    name: str
    image: str | None = None
    recipe: str | None = None
    tool: Maybe[Tool] = UNSET
    tool_version: Maybe[str] = UNSET
    connect_version: Maybe[str] = UNSET
    port: Maybe[int] = UNSET
    ready_path: Maybe[str] = UNSET
    single_user: Maybe[bool] = UNSET
    embeddable: Maybe[bool] = UNSET
    prefix_capable: Maybe[bool] = UNSET
    experimental: bool = False
    icon_url: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateTemplateRequest:
    template_id: str
    changes: TemplateChanges = field(default_factory=TemplateChanges)
    expected_revision: int | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class RefreshTemplatesRequest:
    """The request to refresh the templates of a workspace; `add_missing`: also to add the provided recipes that it has no template of."""

    workspace_id: str
    add_missing: bool = False
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class RefreshOutcome:
    """The ids of the templates that a refresh added, and of those whose image it replaced."""

    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()

    def __add__(self, other: "RefreshOutcome") -> "RefreshOutcome":
        return RefreshOutcome(self.added + other.added, self.updated + other.updated)
