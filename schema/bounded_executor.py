"""Executes operations with a bound on the objects that they make, where lists turn out longer than the cost limit assumed."""

from typing import Any

from graphql import GraphQLObjectType
from graphql.execution import Executor

from schema.request_errors import Code, OperationRejected


class TooManyObjects(OperationRejected):
    """The execution made more objects than the cost limit allows."""

    def __init__(self, limit: int) -> None:
        message = f"The result has more than {limit} objects and was stopped. Request less. After a mutation, read the current state first."
        super().__init__(Code.LIMIT_EXCEEDED, [{"message": message, "extensions": {"code": Code.LIMIT_EXCEEDED.value}}])


class BoundedExecutor(Executor[Any]):
    """An executor that raises TooManyObjects once it has made more than `max_objects` objects.

    The cost limit refuses most such operations before they begin. It assumes a length for lists without a page size; this bound holds
    for what they really have. The types of introspection do not count.
    """

    def __init__(self, *args: Any, max_objects: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self._max_objects = max_objects
        self._objects = 0

    def complete_object_value(self, return_type: GraphQLObjectType, *rest: Any) -> Any:
        """Counts the object, then completes it."""
        if not return_type.name.startswith("__"):
            self._objects += 1
            if self._objects > self._max_objects:
                raise TooManyObjects(self._max_objects)
        return super().complete_object_value(return_type, *rest)

    def handle_field_error(self, raw_error: Exception, *rest: Any) -> None:
        """Lets TooManyObjects end the operation, where another error nulls one field and the others go on."""
        if isinstance(raw_error, TooManyObjects):
            raise raw_error
        super().handle_field_error(raw_error, *rest)

    def build_per_event_executor(self, payload: Any) -> "BoundedExecutor":
        """Returns the executor of one event of a subscription, which has the whole bound for itself."""
        executor = super().build_per_event_executor(payload)
        assert isinstance(executor, BoundedExecutor)
        executor._objects = 0
        return executor
