"""Masks unexpected errors in responses: clients get an id to look up in the server's log. Expected errors pass unchanged."""

import logging
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from graphql import FieldNode, GraphQLError
from strawberry.exceptions import StrawberryInputCoercionError

from schema.request_errors import Code, OperationRejected
from services.domain.errors import DomainError
from services.store.db.database import DatabaseUnavailable

logger = logging.getLogger(__name__)

UNAVAILABLE = "The database is not available at the moment. Try again in a few seconds; repeat a mutation with the same idempotency key."


def public_error(error: GraphQLError, code: Code = Code.INVALID_INPUT) -> dict[str, Any]:
    """Returns the error as clients see it, with `extensions.code`.

    Public are a DomainError (with its own code), what GraphQL itself says about the request, and what a scalar says about its
    input by raising ValueError. Anything else is masked and logged. `code` is for GraphQL's own errors.
    """
    root = _root(error)
    if isinstance(root, DomainError):
        return _formatted(error, root.message, root.extensions)
    if _is_about_input(error, root):
        extensions = dict(root.extensions or {}) if isinstance(root, GraphQLError) else {}
        return _formatted(error, error.message, {"code": code.value} | extensions)
    return _formatted(error, *masked(root))


def masked(cause: BaseException) -> tuple[str, dict[str, Any]]:
    """Returns the message and the extensions to send instead of `cause`.

    A database that is not available is logged in one line; anything else with its traceback, under the id that the message names.
    """
    if isinstance(cause, DatabaseUnavailable):
        logger.warning("%s", cause)
        return UNAVAILABLE, {"code": Code.SERVICE_UNAVAILABLE.value}
    error_id = uuid.uuid4().hex
    logger.error("Internal error, id %s", error_id, exc_info=cause)
    return f"Internal error, id {error_id}. Send this id to the operator of the server.", {"code": Code.INTERNAL.value, "id": error_id}


def masked_rejection(cause: BaseException) -> OperationRejected:
    """Returns a rejection to send instead of `cause`, which failed outside any field and is logged."""
    message, extensions = masked(cause)
    return OperationRejected(Code(extensions["code"]), [{"message": message, "extensions": extensions}])


def outage(errors: Iterable[GraphQLError]) -> DatabaseUnavailable | None:
    """Returns the first error that came from a database which is not available; None if there is none."""
    return next((root for root in map(_root, errors) if isinstance(root, DatabaseUnavailable)), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.original_error if isinstance(error, GraphQLError) else None


def _root(error: GraphQLError) -> BaseException:
    *_, root = _causes(error)
    return root


def _is_about_input(error: GraphQLError, root: BaseException) -> bool:
    """Request errors have no path. Errors about an argument point at its value, where failures of resolvers and of the
    completion of their results (which quote those results) point at a field or at nothing."""
    if not isinstance(root, GraphQLError | ValueError):
        return False
    if error.path is None or isinstance(root, StrawberryInputCoercionError):
        return True
    if isinstance(root, GraphQLError) and root.extensions and "code" in root.extensions:
        return True
    inner = [link for link in _causes(error) if isinstance(link, GraphQLError) and link is not error]
    return any(link.nodes and not isinstance(link.nodes[0], FieldNode) for link in inner)


def _formatted(error: GraphQLError, message: str, extensions: dict[str, Any]) -> dict[str, Any]:
    """Returns the error as GraphQL writes it: at the locations and the path of `error`."""
    formatted: dict[str, Any] = {"message": message, "extensions": extensions}
    if error.locations:
        formatted["locations"] = [location.formatted for location in error.locations]
    if error.path is not None:
        formatted["path"] = list(error.path)
    return formatted
