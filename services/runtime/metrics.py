"""Defines the metrics of a process in Prometheus' terms, and gives them in its text format (docs/metrics.md).

No label takes a value from a client: names are looked up in the closed sets that LABELS describes.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    Summary,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE", "exposition"]

disable_created_metrics()  # type: ignore[no-untyped-call]  # a time of creation for each series would double their number

_REGISTRY = CollectorRegistry()
ProcessCollector(registry=_REGISTRY)

LATENCY_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Bounds of histograms of what should take milliseconds."""
DELAY_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)

MAX_SAMPLES_PER_PART = 250
HEADER = re.compile(rb"^#[^\n]*\n", re.MULTILINE)
"""The lines that begin the text of a metric, which all but its first part leave out."""

LABELS = {
    "loop": "The name of the background loop, a constant of the code.",
    "route": "What answered: `graphql`, `health`, `metrics`, `page`, `login`, `session` (the origin of a session) or `other`.",
    "method": "The HTTP method, `WEBSOCKET`, or `other` for an unknown one.",
    "status": "The class of the HTTP status: `1xx` (an accepted WebSocket) to `5xx`, `other` beyond, `none` without a response.",
    "type": "`query`, `mutation`, `subscription`, or `unknown` for a rejected document.",
    "field": "The root field of the operation, as the schema names it; `several`, or `unknown` for a rejected document.",
    "outcome": "How it ended. Of operations: `ok`, `errors` (some field failed), `cancelled` (the client went away or unsubscribed), or "
    "the code of the rejection in lower case. Of calls to an engine: `ok`, `failed` (the engine refused), `unknown` (not understood, or "
    "another engine), `silent` (no answer), `refused` (not made, since the engine is silent), `cancelled` or `error`. Of steps of the "
    "controller: `ok`, `lease_lost`, `cancelled` or `error`.",
    "code": "The stable code of the error.",
    "access": "`read` or `write`: the kind of transaction.",
    "kind": "`studio` or `build` for leases, `session` or `checkpoint` for removals.",
    "environment": "The id of the compute environment, which `studiograph_compute_environment_info` names.",
    "compute_kind": "The kind of the compute environment.",
    "name": "The name of the compute environment, which the operator gave it.",
    "operation": "The call, a method of `Compute`.",
    "studio_status": "The status of the Studio.",
}
"""What each label says, and its possible values."""


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """A metric as the documentation lists it. `is_shared`: it describes the installation, so that every process gives the same value."""

    name: str
    type: str
    description: str
    labels: tuple[str, ...]
    is_shared: bool


DEFINITIONS: list[MetricDefinition] = []
"""All metrics but those of the process, in the order of the documentation."""


def _list(name: str, metric: type, description: str, labels: Sequence[str], *, is_shared: bool = False) -> None:
    DEFINITIONS.append(MetricDefinition(name, metric.__name__.lower(), description, tuple(labels), is_shared))


def _counter(name: str, description: str, labels: Sequence[str] = ()) -> Counter:
    _list(f"{name}_total", Counter, description, labels)
    return Counter(name, description, labels, registry=_REGISTRY)


def _gauge(name: str, description: str, labels: Sequence[str] = (), *, is_shared: bool = False) -> Gauge:
    _list(name, Gauge, description, labels, is_shared=is_shared)
    return Gauge(name, description, labels, registry=_REGISTRY)


def _histogram(name: str, description: str, labels: Sequence[str] = (), *, buckets: Sequence[float] = LATENCY_SECONDS) -> Histogram:
    _list(name, Histogram, description, labels)
    return Histogram(name, description, labels, buckets=buckets, registry=_REGISTRY)


def _summary(name: str, description: str, labels: Sequence[str]) -> Summary:
    _list(name, Summary, description, labels)
    return Summary(name, description, labels, registry=_REGISTRY)


LOOP_RUNS = _counter("studiograph_loop_runs", "Runs of a background loop, failed ones included.", ["loop"])
LOOP_FAILURES = _counter("studiograph_loop_failures", "Runs of a background loop that raised an error.", ["loop"])
LOOP_DURATION = _histogram(
    "studiograph_loop_duration_seconds", "How long one run of a background loop took.", ["loop"], buckets=Histogram.DEFAULT_BUCKETS
)
EVENT_LOOP_DELAY = _histogram(
    "studiograph_event_loop_delay_seconds",
    "How much later than requested a timer of the event loop fired, measured ten times a second.",
    buckets=DELAY_SECONDS,
)

HTTP_REQUESTS = _counter(
    "studiograph_http_requests", "Requests and WebSockets, counted when the response begins.", ["route", "method", "status"]
)
HTTP_RESPONSE_START = _histogram(
    "studiograph_http_response_start_seconds",
    "From the head of a request to the beginning of its response.",
    ["route"],
)
HTTP_OPEN = _gauge("studiograph_http_open_requests", "Requests, streams and WebSockets that are open.", ["route"])
ANONYMOUS_CONNECTIONS = _gauge(
    "studiograph_http_anonymous_connections",
    "Connections whose clients have not authenticated; the oldest are closed over the bound.",
)
UNFINISHED_MESSAGE_BYTES = _gauge("studiograph_unfinished_message_bytes", "Memory, in bytes, of WebSocket messages whose end has not come.")

OPERATIONS = _counter("studiograph_graphql_operations", "GraphQL operations, counted when they end.", ["type", "field", "outcome"])
OPERATION_DURATION = _histogram(
    "studiograph_graphql_operation_seconds",
    "How long a query or mutation took, from its parsing to its encoded result.",
    ["type", "field"],
)
COMMAND_ERRORS = _counter("studiograph_graphql_typed_errors", "Typed errors that mutations returned.", ["code"])
SUBSCRIPTIONS = _gauge("studiograph_graphql_subscriptions", "Subscriptions that are running.", ["field"])
SOCKETS = _gauge("studiograph_graphql_open_sockets", "Open WebSockets of the API.")
STREAMS = _gauge("studiograph_graphql_open_streams", "Open streams of the API over HTTP (server-sent events, multipart).")
SEND_QUEUE_BYTES = _gauge("studiograph_graphql_send_queue_bytes", "Bytes that wait for the clients of sockets and streams to read.")

EVENT_LAG = _histogram(
    "studiograph_event_lag_seconds",
    "From the transaction of an event to its hand-over to the subscribers of this process.",
)
EVENT_FEEDS = _gauge("studiograph_event_feeds", "Event streams that this process follows.")
EVENT_SUBSCRIBERS = _gauge("studiograph_event_subscribers", "Subscriptions of this process to event streams, the proxy's included.")
QUEUED_EVENTS = _gauge("studiograph_event_queue_events", "Events that wait for subscribers of this process to take them.")

SQL_STATEMENTS = _histogram(
    "studiograph_sql_statement_seconds",
    "SQL statements and their time, without BEGIN and COMMIT.",
    ["access"],
)
SQL_WAIT = _histogram(
    "studiograph_sql_begin_seconds",
    "How long a transaction waited to begin: for other writers of this process (SQLite), a connection, and BEGIN.",
    ["access"],
)
SQL_UNAVAILABLE = _counter("studiograph_sql_unavailable", "Transactions that failed because the database was not available.")
DATABASE_UP = _gauge("studiograph_database_up", "1 if the database answered the last scrape in time, else 0.")

PROXY_EXCHANGES = _gauge("studiograph_proxy_open_exchanges", "Requests and WebSockets that this process passes to tools at this moment.")
TABS = _gauge("studiograph_proxy_tabs", "Tabs with an open session that are connected through this process.")

STEPS = _counter(
    "studiograph_controller_steps",
    "Steps of the controller on Studios, by the status they began in.",
    ["studio_status", "outcome"],
)
STEPS_RUNNING = _gauge("studiograph_controller_running_steps", "Studios that this controller works on at this moment.")
LEASE_LOSSES = _counter(
    "studiograph_lease_losses",
    "Work that was given up because its lease was lost: a command changed the object, or another controller took it.",
    ["kind"],
)
for lease_kind in ("studio", "build"):
    LEASE_LOSSES.labels(lease_kind)  # shows 0 before the first loss, which a rate would miss otherwise
ENGINE_CALLS = _counter(
    "studiograph_engine_calls", "Calls to the engine of a compute environment.", ["environment", "operation", "outcome"]
)
ENGINE_DURATION = _summary(
    "studiograph_engine_call_seconds",
    "How long calls to the engine took; that of `follow` is as long as the output is followed.",
    ["environment", "operation"],
)
ENGINE_SILENT = _gauge(
    "studiograph_engine_silent", "1 while the engine is asked by probes alone, since it does not answer; else 0.", ["environment"]
)

STUDIOS = _gauge("studiograph_studios", "Studios by status.", ["studio_status"], is_shared=True)
DUE_STUDIOS = _gauge("studiograph_due_studios", "Studios that are due for a step and that no controller works on.", is_shared=True)
OLDEST_DUE = _gauge("studiograph_oldest_due_seconds", "How long the longest due of them is due; 0 if none is.", is_shared=True)
LATE_STUDIOS = _gauge(
    "studiograph_late_studios", "Studios that have passed the deadline of their status, and are still in it.", is_shared=True
)
OPEN_BUILDS = _gauge("studiograph_open_builds", "Builds of images that are queued or running.", is_shared=True)
REMOVALS = _gauge(
    "studiograph_due_removals",
    "Resources of ended sessions, and data of checkpoints, that are due to be removed.",
    ["kind"],
    is_shared=True,
)
ENVIRONMENT_REACHABLE = _gauge(
    "studiograph_compute_environment_reachable",
    "1 if the last check found the compute environment, else 0.",
    ["environment"],
    is_shared=True,
)
ENVIRONMENT_INFO = _gauge(
    "studiograph_compute_environment_info",
    "Always 1; names the compute environments that are in use.",
    ["environment", "compute_kind", "name"],
    is_shared=True,
)


def forget_environment(environment_id: str) -> None:
    """Removes what was counted of a compute environment that is in use no more."""
    for metric in (ENGINE_CALLS, ENGINE_DURATION, ENGINE_SILENT):
        metric.remove_by_labels({"environment": environment_id})


@dataclass(frozen=True, slots=True)
class _Families(Collector):
    """A registry of metrics that were collected already."""

    families: Sequence[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.families


def exposition() -> Iterator[bytes]:
    """Yields all metrics in the text format of Prometheus (CONTENT_TYPE), in parts that take a few milliseconds at most.

    The caller lets the event loop run between two parts. A thread would not help: Python's lock is held for 5 ms and more at a time.
    """
    for family in _REGISTRY.collect():
        for start in range(0, max(len(family.samples), 1), MAX_SAMPLES_PER_PART):
            part = Metric(family.name, family.documentation, family.type)
            part.samples = family.samples[start : start + MAX_SAMPLES_PER_PART]
            text = generate_latest(_Families([part]))
            yield HEADER.sub(b"", text) if start else text
