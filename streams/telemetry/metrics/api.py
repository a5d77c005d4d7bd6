"""Metrics of the HTTP API."""

from streams.telemetry.metrics.definitions import CounterOf, Family, GaugeOf, HistogramOf


class ApiMetrics(Family):
    """API: requests over HTTP, and the index of recordings."""

    api_requests = CounterOf(
        "audio_api_requests_total",
        "Answered requests, by the route's pattern, method and status; other paths have the route none.",
        unit="requests",
        labels=("route", "method", "status"),
        advice="5xx: 503 is overload, or brokers that do not answer; 500 is a bug: request_failed in the log."
        " Many of 429: a program needs a key of its own, or a higher AUDIO_API_KEY_RATE.",
    )
    api_request_seconds = HistogramOf(
        "audio_api_request_seconds",
        "Time from a request's head to its last byte, by the route's pattern.",
        unit="seconds",
        labels=("route",),
        buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
        advice="Growing for POST /v1/recordings: the brokers are slow, or this process is; then start more.",
    )
    api_in_flight = GaugeOf(
        "audio_api_in_flight",
        "Requests that are being answered, without readers of events.",
        unit="requests",
        advice="At its limit of 512 further requests get 503: start more processes.",
    )
    api_event_readers = GaugeOf(
        "audio_api_event_readers",
        "Readers of /v1/events.",
        unit="connections",
        advice="At its limit of 4096 further ones get 503: start more processes.",
    )
    api_index_records = CounterOf(
        "audio_api_index_records_total",
        "Records that were read into the index.",
        unit="records",
        advice="Its rate after a start without an index file is the speed at which the index is made anew.",
    )
    api_index_behind = GaugeOf(
        "audio_api_index_behind_seconds",
        "Time since the index had everything that was committed to its topics.",
        unit="seconds",
        advice="Growing: more is written than this process reads, its disk is slow or full, or brokers do not answer;"
        " index_delayed in the log.",
    )
    api_index_loaded = GaugeOf(
        "audio_api_index_loaded",
        "Whether the index has what was in the topics when it began to read: 1 if so, else 0.",
        unit="1",
        advice="0 for long: a large index is being made anew, or the brokers do not answer; index_delayed in the log.",
    )
