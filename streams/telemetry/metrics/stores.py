"""Metrics of the object stores: connections, operations, failovers and health."""

from streams.telemetry.metrics.definitions import CounterOf, Family, GaugeOf, HistogramOf

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class StoreMetrics(Family):
    """Stores: connections to object stores, operations, failovers and health."""

    pool_connections = GaugeOf(
        "audio_pool_connections",
        "Connections to a store: in use by an operation, idle (free for one at a healthy endpoint); and operations that"
        " wait for one.",
        unit="connections",
        labels=("store", "state"),
        advice="Waiting above 0 for minutes: no endpoint is healthy, the store is slow, or AUDIO_POOL_SIZE is too low.",
    )
    pool_operation_seconds = HistogramOf(
        "audio_pool_operation_seconds",
        "Time of one attempt of an operation at an endpoint, also of one that failed; check is a health check.",
        unit="seconds",
        labels=("operation",),
        buckets=_SECONDS,
        advice="Rising at constant size: the store or the way to it is slow. 8 s: it does not answer.",
    )
    pool_failures = CounterOf(
        "audio_pool_failures_total",
        "Attempts and checks at an endpoint that failed by the store's fault.",
        unit="attempts",
        labels=("endpoint",),
        advice="At one endpoint only: it is damaged, and the others do its work. The log's store_down has the reason.",
    )
    pool_failovers = CounterOf(
        "audio_pool_failovers_total",
        "Operations that failed at an endpoint and went on at another one.",
        unit="operations",
        labels=("store",),
        advice="Now and then is what failover is for. Constantly: look at audio_pool_failures_total by endpoint.",
    )
    pool_endpoint_up = GaugeOf(
        "audio_pool_endpoint_up",
        "1 if an endpoint of a store is healthy, else 0.",
        unit="endpoints",
        labels=("store", "endpoint"),
        advice="0: the log's store_down has the reason; the endpoint is checked until it answers again.",
    )
    pool_health_score = GaugeOf(
        "audio_pool_health_score",
        "Healthy endpoints out of all endpoints of all stores, in percent.",
        unit="percent, 0 to 100",
        advice="Below 80: endpoints are down. At 0 nothing large is stored or read, and its partitions wait.",
    )
