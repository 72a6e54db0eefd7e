"""Counts and times operations by type, root field and outcome, for `/metrics`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from graphql import FieldNode, OperationDefinitionNode, OperationType

from schema.execution_results import Answer
from schema.request_errors import OperationRejected
from services.runtime import metrics

UNKNOWN = "unknown"
"""The type and field of operations whose documents were rejected: what a client wrote is no label."""
SEVERAL = "several"
"""The field of operations with more than one root field, or with a fragment there."""


@dataclass(slots=True)
class OperationMeasurement:
    """One operation, from the request to its end. What raises or is cancelled ends as that, unless `outcome` says otherwise."""

    type: str = UNKNOWN
    root_field: str = UNKNOWN
    outcome: str = "cancelled"
    started: float = field(default_factory=perf_counter)

    def begin(self, node: OperationDefinitionNode) -> None:
        """Records the valid operation: only of such is the root field one of the schema."""
        self.type = node.operation.value
        self.root_field = _root_field(node)

    def answer(self, answer: Answer) -> Answer:
        """Records the outcome of an answer, and returns it."""
        if answer.rejection_code is not None:
            self.outcome = answer.rejection_code.lower()
        else:
            self.outcome = "errors" if answer.has_errors else "ok"
        return answer

    def end(self) -> None:
        """Counts the operation."""
        metrics.OPERATIONS.labels(self.type, self.root_field, self.outcome).inc()
        if self.type not in (UNKNOWN, OperationType.SUBSCRIPTION.value):
            metrics.OPERATION_DURATION.labels(self.type, self.root_field).observe(perf_counter() - self.started)


@contextmanager
def measured() -> Iterator[OperationMeasurement]:
    """Measures the operation that runs in the block, however the block ends."""
    measurement = OperationMeasurement()
    try:
        yield measurement
    except OperationRejected as rejection:
        measurement.outcome = rejection.code.lower()
        raise
    except Exception:
        measurement.outcome = "internal"
        raise
    finally:
        measurement.end()


def _root_field(node: OperationDefinitionNode) -> str:
    """Returns the name of the one root field of a valid operation, or SEVERAL."""
    selections = node.selection_set.selections
    first = selections[0]
    return first.name.value if len(selections) == 1 and isinstance(first, FieldNode) else SEVERAL
