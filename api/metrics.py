"""Metrics for Prometheus. Labels come from fixed sets: route templates, states, methods; never from a caller's input."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from api.store import State

MEDIA_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The service's metrics, in a registry of their own, so that two services in one process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "proofward_requests", "HTTP requests", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "proofward_request_seconds", "HTTP request duration in seconds", ["route"], registry=self._registry
        )
        self._steps = Histogram(
            "proofward_step_seconds",
            "duration of a step of a query in seconds",
            ["step"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600),
            registry=self._registry,
        )
        self._ended = Counter("proofward_queries_ended", "queries ended", ["outcome"], registry=self._registry)
        self._queries = Gauge("proofward_queries", "queries by state", ["state"], registry=self._registry)
        self._nodes = Gauge("proofward_nodes_connected", "hospital nodes connected", registry=self._registry)

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def observe_step(self, step: str, seconds: float) -> None:
        """Count one step of a query."""
        self._steps.labels(step).observe(seconds)

    def observe_end(self, outcome: str) -> None:
        """Count the end of a query: `done` or an error code."""
        self._ended.labels(outcome).inc()

    def render(self, counts: Callable[[], Mapping[State, int]], connected: int) -> bytes:
        """The exposition text. `counts` is asked now, so that the gauges are right after a restart too."""
        for state, count in counts().items():
            self._queries.labels(state.value).set(count)
        self._nodes.set(connected)
        return generate_latest(self._registry)
