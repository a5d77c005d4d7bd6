"""Shows the pools of the object stores as metrics, and their changes in the log."""

from functools import partial

import structlog

from streams.stores import Stores
from streams.stores.breaker import Snapshot
from streams.stores.pool import Pool
from streams.telemetry.metrics.stores import StoreMetrics

log = structlog.get_logger(__name__)


class StoreObserver:
    """Counts what happens in pools, and logs which endpoints come and go.

    Args:
        metrics: The process's metrics.
    """

    def __init__(self, metrics: StoreMetrics) -> None:
        self._metrics = metrics

    def attempt(self, store: str, endpoint: str, operation: str, seconds: float, reason: str | None) -> None:  # noqa: ARG002  the metric counts by endpoint
        """Count an attempt."""
        self._metrics.pool_operation_seconds.labels(operation).observe(seconds)
        if reason is not None:
            self._metrics.pool_failures.labels(endpoint).inc()

    def failover(self, store: str, endpoint: str) -> None:  # noqa: ARG002  the metric counts by store
        """Count a failover."""
        self._metrics.pool_failovers.labels(store).inc()

    def changed(self, store: str, endpoint: str, state: Snapshot) -> None:
        """Log that an endpoint is down or up again."""
        if state.state == "open":
            log.warning("store_down", store=store, endpoint=endpoint, reason=state.reason)
        elif state.state == "closed":
            log.info("store_up", store=store, endpoint=endpoint)


def show_pools(metrics: StoreMetrics, stores: Stores) -> None:
    """Connect the metrics of connections and health to their values."""
    for pool in stores.pools:
        metrics.pool_failovers.labels(pool.store)
        for endpoint in pool.endpoints:
            up = metrics.pool_endpoint_up.labels(pool.store, endpoint.address)
            up.set_function(partial(_is_up, pool, endpoint.address))
            metrics.pool_failures.labels(endpoint.address)
        for state, value in (("in_use", _in_use), ("idle", _idle), ("waiting", _waiting)):
            metrics.pool_connections.labels(pool.store, state).set_function(partial(value, pool))
    metrics.pool_health_score.set_function(partial(_health_score, stores))


def _is_up(pool: Pool, address: str) -> float:
    return pool.states[address].state == "closed"


def _in_use(pool: Pool) -> float:
    return pool.in_use


def _idle(pool: Pool) -> float:
    return pool.idle


def _waiting(pool: Pool) -> float:
    return pool.waiting


def _health_score(stores: Stores) -> float:
    endpoints = sum(len(pool.endpoints) for pool in stores.pools)
    return 100 * sum(pool.healthy for pool in stores.pools) / endpoints
