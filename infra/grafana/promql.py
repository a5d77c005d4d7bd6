"""PromQL expressions that several of the dashboard's queries use."""

RATE = "$__rate_interval"
"""Grafana's shortest window that always holds enough samples."""

JOB = 'job="audio-workers"'
BY_PARTITION = 'partition=~"$partition"'
BY_HOTEL = 'hotel=~"$hotel"'


def rate(counter: str, matchers: str = "") -> str:
    """The increase of a counter per second."""
    return f"rate({counter}{{{matchers}}}[{RATE}])"


def quantile(share: float, histogram: str) -> str:
    """A quantile over the observations of all workers, in the histogram's unit."""
    return f"histogram_quantile({share}, sum by (le) ({rate(f'{histogram}_bucket')}))"


def none_yet(total: str) -> str:
    """The total of a counter that has no series before its first event: 0 as long as any worker reports.

    Args:
        total: A query whose result has no labels.
    """
    return f"{total} or 0 * max(audio_build_info)"
