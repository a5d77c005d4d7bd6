"""The row about the HTTP API: what is asked of it, how fast it answers, and whether its index is up to date."""

from infra.grafana.panels import RED, Panel, Query, Words, graph
from infra.grafana.promql import RATE, rate

TITLE = "HTTP API"


def panels() -> list[Panel]:
    """The row's panels, from left to right."""
    return [
        graph(
            Words(
                "Requests by status",
                "Answered requests. 5xx: overload, or brokers that do not answer; 429: beyond a limit of requests.",
                ("AudioApiAbsent", "AudioApiErrors"),
            ),
            Query(f"sum by (status) ({rate('audio_api_requests_total')})", "{{status}}"),
            unit="reqps",
            stacked=True,
        ),
        graph(
            Words("Time to answer", "The time that 95 % of the requests of a route stay below."),
            Query(
                f"histogram_quantile(0.95, sum by (route, le) (rate(audio_api_request_seconds_bucket[{RATE}])))",
                "{{route}}",
            ),
            unit="s",
        ),
        graph(
            Words(
                "Index behind",
                "Time since an index had everything that is in the topics; the dashed line is the alert's limit.",
                ("AudioApiIndexBehind",),
            ),
            Query("max by (instance) (audio_api_index_behind_seconds)", "{{instance}}"),
            unit="s",
            steps=[(60, RED)],
        ),
    ]
