"""Fields that check what they require before their body runs: the body receives an `AuthorizedViewer` instead of `info`."""

import inspect
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import strawberry

from resolvers.batches import Load
from resolvers.context import Context
from resolvers.rights import missing_scope
from schema.field_metadata import Mark, Policy, described, metadata
from services.domain.access import Permission

Info = strawberry.Info[Context, None]
Body = Callable[..., Any]

VIEWER_PARAMETER = "viewer"
"""The name of the parameter by which a body receives its `AuthorizedViewer`."""


@dataclass(frozen=True, slots=True)
class AuthorizedViewer:
    """The viewer of an operation, after the check that their access token has the scope which the field requires.

    Only the decorators of this module make one. Membership of a workspace is not part of the check: the reads themselves show a
    viewer only what they may see (B92).
    """

    context: Context

    @property
    def user_id(self) -> str:
        return self.context.viewer.user_id

    def load(self, load: Load, parent: Any, arguments: Hashable = None) -> Any:
        """What `load` gives for `parent`, in the batch of this level of the operation."""
        return self.context.batches.load(load, parent, arguments)


def check(context: Context, requires: Policy) -> None:
    """Raises Forbidden if the scopes of the viewer's token do not include the one that `requires` needs."""
    if isinstance(requires, Permission) and requires not in context.rights:
        raise missing_scope(requires, context.viewer)


def field(description: str, requires: Policy, *, marks: tuple[Mark, ...] = ()) -> Callable[[Body], Any]:
    """The decorator of a field whose body has arguments of its own and a parameter `viewer: AuthorizedViewer`."""

    def decorate(body: Body) -> Any:
        return strawberry.field(
            resolver=_enforce(body, requires), description=described(description, marks), metadata=metadata(requires, marks)
        )

    return decorate


def stream(description: str, requires: Policy, *, marks: tuple[Mark, ...] = ()) -> Callable[[Body], Any]:
    """The decorator of a root field of Subscription, whose body returns the generator of frames and has a parameter `viewer`.

    The membership of the stream's workspace is checked when the stream opens, and again for each frame, by the stream itself.
    """

    def decorate(body: Body) -> Any:
        return strawberry.subscription(
            resolver=_enforce(body, requires), description=described(description, marks), metadata=metadata(requires, marks)
        )

    return decorate


def _enforce(body: Body, requires: Policy) -> Body:
    """A resolver that checks `requires`, then calls `body`. An awaitable or a generator that `body` makes is passed on as it is."""

    @wraps(body)
    def resolve(*positional: Any, info: Info, **arguments: Any) -> Any:
        check(info.context, requires)
        return body(*positional, **{VIEWER_PARAMETER: AuthorizedViewer(info.context)}, **arguments)

    signature = inspect.signature(body)
    info = inspect.Parameter("info", inspect.Parameter.KEYWORD_ONLY, annotation=Info)
    parameters = [parameter for name, parameter in signature.parameters.items() if name != VIEWER_PARAMETER]
    resolve.__signature__ = signature.replace(parameters=[*parameters, info])  # type: ignore[attr-defined]  # inspect reads it; typeshed lacks it
    return resolve
