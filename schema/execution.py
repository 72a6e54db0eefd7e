"""Executes operations: takes a request and its viewer, and returns encoded bytes or a stream of them.

HTTP, WebSockets and tests call it; a further transport needs nothing else. Payloads carry no id of a subscriber, so that later
one execution can serve all subscribers of the same document, variables and rights: that belongs into `Executor.stream`,
where an `Operation` (its document's key, its name, its variables) meets the events.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Any

from graphql import ExecutionResult, GraphQLSchema, OperationDefinitionNode, OperationType
from graphql.execution import create_source_event_stream, execute_root_selection_set, execute_subscription_event

from resolvers.shielded_tasks import ShieldedTasks
from schema.bounded_executor import BoundedExecutor
from schema.documents import Document, Documents
from schema.encoding import encode
from schema.error_masking import masked_rejection, public_error
from schema.execution_results import Answer, encoded, rejected_answer, stream_error, within
from schema.introspection_answers import IntrospectionAnswers, request_key
from schema.limits import Limits
from schema.operation_metrics import OperationMeasurement, measured
from schema.request_errors import Code, OperationRejected, operation_rejected
from schema.requests import OperationRequest
from schema.root_value import RootValue
from services.domain.access import Viewer
from services.runtime import metrics

CLOSE_TIMEOUT_S = 30.0
"""Seconds that a closing executor waits for mutations, unless it is told otherwise."""
STREAM_NEEDED = (
    "A subscription needs a stream: open a WebSocket (graphql-transport-ws) on this URL, or accept `text/event-stream` "
    "or `multipart/mixed;subscriptionSpec=1.0`."
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation about to run: what to execute, and for whom."""

    document: Document
    node: OperationDefinitionNode
    variables: Mapping[str, Any]
    viewer: Viewer

    @property
    def kind(self) -> OperationType:
        return self.node.operation

    @property
    def name(self) -> str | None:
        return self.node.name.value if self.node.name else None


class Executor:
    """Runs operations of one schema.

    `make_context` is called for each operation, and for each event of a subscription, so that nothing loaded for one is seen by
    another. `suggestions` lets GraphQL say "did you mean": helpful to developers, and a map for others.
    """

    def __init__(
        self, schema: GraphQLSchema, make_context: Callable[[Viewer], object], limits: Limits | None = None, *, suggestions: bool = False
    ) -> None:
        self.limits = limits or Limits()
        self._schema = schema
        self._make_context = make_context
        self._suggestions = suggestions
        self._documents = Documents(schema, self.limits, suggestions=suggestions)
        self._introspection = IntrospectionAnswers()
        self._mutations = ShieldedTasks()
        self._root_value = RootValue(self.limits, self._mutations)

    def prepare(self, request: OperationRequest, viewer: Viewer | None) -> Operation:
        """Parses and validates the request; its variables are coerced later. Raises OperationRejected."""
        if viewer is None:
            raise operation_rejected(Code.UNAUTHENTICATED, "This needs an access token: send `Authorization: Bearer <token>`.")
        document = self._documents.get(request.query)
        node = document.operation(request.operation_name)
        return Operation(document, node, request.variables or {}, viewer)

    def operation_type(self, request: OperationRequest) -> OperationType | None:
        """Returns the type of the operation. None for an invalid request: `prepare` says what is wrong."""
        try:
            return self._documents.get(request.query).operation(request.operation_name).operation
        except Exception:  # noqa: BLE001 - the answer tells, whatever it is
            return None

    async def run(self, request: OperationRequest, viewer: Viewer | None) -> Answer:
        """Executes a query or a mutation. Cancelling this call stops a query; a mutation that began runs to its end."""
        with measured() as measurement:
            try:
                operation = self.prepare(request, viewer)
                measurement.begin(operation.node)
                if operation.kind is OperationType.SUBSCRIPTION:
                    raise operation_rejected(Code.WRONG_TRANSPORT, STREAM_NEEDED)
                return measurement.answer(await self._answer(operation))
            except OperationRejected as rejection:
                return measurement.answer(rejected_answer(rejection))
            except Exception as error:  # noqa: BLE001 - whatever fails, the client gets an answer and an id
                return measurement.answer(rejected_answer(masked_rejection(error)))

    async def stream(self, request: OperationRequest, viewer: Viewer | None) -> AsyncGenerator[bytes, None]:
        """Yields the payloads of any operation: one for a query or mutation, one for each event of a subscription.

        Raises OperationRejected before the first. Closing the iterator ends the subscription and runs its clean-up.
        """
        with measured() as measurement:
            operation = self.prepare(request, viewer)
            measurement.begin(operation.node)
            if operation.kind is not OperationType.SUBSCRIPTION:
                yield measurement.answer(await self._answer(operation)).body
                return
            with metrics.SUBSCRIPTIONS.labels(measurement.root_field).track_inprogress():
                async with aclosing(self._payloads(operation, measurement)) as payloads:
                    async for payload in payloads:
                        yield payload

    async def _payloads(self, operation: Operation, measurement: OperationMeasurement) -> AsyncGenerator[bytes, None]:
        core = self._core(operation)
        source: AsyncIterable[Any] | ExecutionResult = await within(self.limits.query_seconds, lambda: create_source_event_stream(core))
        if isinstance(source, ExecutionResult):
            raise OperationRejected(Code.DENIED, [public_error(error) for error in source.errors or ()])
        started = False
        async with AsyncExitStack() as stack:
            if hasattr(source, "aclose"):
                stack.push_async_callback(source.aclose)
            try:
                async for event in source:
                    started = True
                    yield await self._event(operation, core, event)
                    await asyncio.sleep(0)  # a source that never waits must not starve the others
                measurement.outcome = "ok"
            except OperationRejected as rejection:
                # An event took too long. The stream ends, so that its reader resumes by cursor and misses nothing.
                yield measurement.answer(rejected_answer(rejection)).body
            except Exception as error:  # noqa: BLE001 - the reader gets any error that ends the stream
                errors = [stream_error(core.operation, error)]
                if not started:  # a generator checks its viewer only when the first frame is requested
                    raise OperationRejected(Code.DENIED, errors) from None
                measurement.outcome = "errors"
                yield encode({"data": None, "errors": errors})

    async def close(self, timeout: float = CLOSE_TIMEOUT_S) -> None:
        """Waits for the mutations whose clients went away and for the commands that outlived a time limit, `timeout` seconds at most."""
        await self._mutations.close(timeout)

    async def _answer(self, operation: Operation) -> Answer:
        if operation.kind is OperationType.QUERY:
            return await self._query_answer(operation)
        core = self._core(operation)
        run = within(self.limits.mutation_seconds, lambda: execute_root_selection_set(core))
        return encoded(await self._mutations.run(run, name=f"mutation {operation.name or ''}".strip()))

    async def _query_answer(self, operation: Operation) -> Answer:
        key = request_key(operation.document.key, operation.node, operation.variables)
        body = self._introspection.find(key)
        if body is not None:
            return Answer(body)
        core = self._core(operation)
        answer = encoded(await within(self.limits.query_seconds, lambda: execute_root_selection_set(core)))
        if not answer.has_errors:
            self._introspection.keep(key, answer.body)
        return answer

    async def _event(self, operation: Operation, core: BoundedExecutor, event: object) -> bytes:
        event_core = core.build_per_event_executor(event)
        event_core.context_value = self._make_context(operation.viewer)
        return encoded(await within(self.limits.query_seconds, lambda: execute_subscription_event(event_core))).body

    def _core(self, operation: Operation) -> BoundedExecutor:
        core = BoundedExecutor.build(
            self._schema,
            operation.document.ast,
            root_value=self._root_value,
            context_value=self._make_context(operation.viewer),
            raw_variable_values=dict(operation.variables),
            operation_name=operation.name,
            hide_suggestions=not self._suggestions,
            max_objects=self.limits.cost,
        )
        if isinstance(core, list):
            raise OperationRejected(Code.INVALID_VARIABLES, [public_error(error, Code.INVALID_VARIABLES) for error in core])
        assert isinstance(core, BoundedExecutor)
        self._documents.check_cost(operation.document, operation.node, core.variable_values.coerced)
        return core
