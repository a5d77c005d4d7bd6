"""The row about throughput and the quality of results."""

from infra.grafana.panels import Panel, Query, Words, graph
from infra.grafana.promql import BY_HOTEL, BY_PARTITION, quantile, rate

TITLE = "Throughput and quality"


def panels() -> list[Panel]:
    """The row's panels, from left to right."""
    return [*_amounts(), *_results()]


def _amounts() -> list[Panel]:
    return [
        graph(
            Words("Inputs", "Inputs committed each second, by partition. One at 0 while its inputs wait is stalled."),
            Query(f"sum by (partition) ({rate('audio_records_in_total', BY_PARTITION)})", "{{partition}}"),
            unit="reqps",
            stacked=True,
        ),
        graph(
            Words(
                "Audio by hotel",
                "Seconds of audio compressed each second: the number of simultaneous calls. The ten largest hotels.",
            ),
            Query(
                f"topk(10, sum by (hotel) ({rate('audio_hotel_audio_seconds_total', BY_HOTEL)}))",
                "{{hotel}}",
            ),
            unit="none",
            stacked=True,
        ),
        graph(
            Words(
                "Compression ratio",
                "Bytes in over bytes out, over five minutes. It falls when lossless hotels or noisy audio prevail.",
            ),
            Query("audio_compression_ratio", "bytes in / bytes out"),
            unit="none",
        ),
    ]


def _results() -> list[Panel]:
    return [
        graph(
            Words("Results by level", "1 and 2 are lossless, 3 is what `auto` chooses, 4 and 5 are smaller."),
            Query(f"sum by (level) ({rate('audio_results_total')})", "level {{level}}"),
            unit="reqps",
            stacked=True,
        ),
        graph(
            Words(
                "Reasons for levels",
                "Why results have their level: default, policy, load, audio. Much of `load`: too few workers.",
            ),
            Query(f"sum by (reason) ({rate('audio_choices_total')})", "{{reason}}"),
            unit="reqps",
            stacked=True,
        ),
        graph(
            Words(
                "Predicted quality",
                "Mean opinion score of the results, 1 to 5, as the quality model predicts it; 5 is lossless.",
            ),
            Query(quantile(0.5, "audio_quality"), "p50"),
            Query(quantile(0.05, "audio_quality"), "p5"),
            unit="none",
            top=5,
        ),
    ]
