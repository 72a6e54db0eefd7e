"""The metrics of this process in Prometheus' terms: runs, failures and durations of its background loops."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE

__all__ = ["CONTENT_TYPE", "LOOP_DURATION", "LOOP_FAILURES", "LOOP_RUNS", "exposition"]

_REGISTRY = CollectorRegistry()

LOOP_RUNS = Counter("studiograph_loop_runs", "Runs of a background loop, failed ones included.", ["loop"], registry=_REGISTRY)
LOOP_FAILURES = Counter("studiograph_loop_failures", "Runs of a background loop that raised an error.", ["loop"], registry=_REGISTRY)
LOOP_DURATION = Histogram("studiograph_loop_duration_seconds", "How long one run of a background loop took.", ["loop"], registry=_REGISTRY)


def exposition() -> bytes:
    """Returns all metrics in the text format of Prometheus (CONTENT_TYPE)."""
    return generate_latest(_REGISTRY)
