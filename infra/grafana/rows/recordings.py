"""The row about recordings: whether they get on, and how many wait."""

from infra.grafana.panels import RED, Panel, Query, Words, graph
from infra.grafana.promql import rate

TITLE = "Recordings"


def panels() -> list[Panel]:
    """The row's panels, from left to right."""
    return [
        graph(
            Words(
                "Recordings in progress",
                "How many are being processed, and how many of them wait for a store or for disk space.",
                ("AudioRecordingsStand",),
            ),
            Query("sum(audio_recordings_in_progress)", "in progress"),
            Query("sum(audio_recordings_waiting)", "waiting"),
            unit="short",
        ),
        graph(
            Words(
                "Speed of recordings",
                "Seconds of audio analysed and encoded each second. It falls while live calls need the processors.",
            ),
            Query(f"sum by (step) ({rate('audio_recording_seconds_total')})", "{{step}}"),
            unit="none",
        ),
        graph(
            Words(
                "Recordings that wait",
                "Age of the oldest recording without an outcome. Recordings may wait for longer than calls.",
                ("AudioRecordingsWait",),
            ),
            Query('max(audio_lag_seconds{topic=~".*audio[.]recordings"})', "oldest"),
            unit="s",
            steps=[(21600, RED)],
        ),
    ]
