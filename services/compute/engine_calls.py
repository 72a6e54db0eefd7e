"""Counts and times the calls to the engine of one compute environment, for `/metrics`."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from services.compute.protocol import ComputeFailed, ComputeUnknown, EngineSilent
from services.runtime import metrics


class EngineCalls:
    """The calls to the engine of the compute environment `environment_id`."""

    def __init__(self, environment_id: str) -> None:
        self._environment_id = environment_id
        self.note_silent(is_silent=False)

    @contextmanager
    def call(self, operation: str) -> Iterator[None]:
        """Counts a call by how it ends; `operation` is a name in the code."""
        started, outcome = perf_counter(), "cancelled"
        try:
            yield
            outcome = "ok"
        except EngineSilent:
            outcome = "silent"
            raise
        except ComputeUnknown:
            outcome = "unknown"
            raise
        except ComputeFailed:
            outcome = "failed"
            raise
        except Exception:
            outcome = "error"
            raise
        finally:
            metrics.ENGINE_DURATION.labels(self._environment_id, operation).observe(perf_counter() - started)
            metrics.ENGINE_CALLS.labels(self._environment_id, operation, outcome).inc()

    def note_refusal(self, operation: str) -> None:
        """Counts a call that was not made, because the engine does not answer."""
        metrics.ENGINE_CALLS.labels(self._environment_id, operation, "refused").inc()

    def note_silent(self, *, is_silent: bool) -> None:
        """Records whether the engine is asked by probes alone."""
        metrics.ENGINE_SILENT.labels(self._environment_id).set(is_silent)
