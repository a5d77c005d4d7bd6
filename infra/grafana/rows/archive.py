"""The row about the archive: whether it keeps up, and what it stores."""

from infra.grafana.panels import RED, Panel, Query, Words, graph
from infra.grafana.promql import rate

TITLE = "Archive"


def panels() -> list[Panel]:
    """The row's panels, from left to right."""
    return [
        graph(
            Words(
                "Archive lag",
                "Age of the oldest result that waits to be archived; the dashed line is the alert's limit.",
                ("AudioArchiveBehind", "AudioArchiveExpires"),
            ),
            Query("max(audio_archive_lag_seconds)", "archive lag"),
            unit="s",
            steps=[(900, RED)],
        ),
        graph(
            Words("Archived", "Results that are stored, and attempts that failed and are made again."),
            Query(f"sum({rate('audio_archived_total')})", "results"),
            Query(f"sum({rate('audio_archive_failures_total')})", "failed attempts"),
            unit="reqps",
        ),
        graph(
            Words("Archive growth", "Bytes of the files that are stored; without those by reference."),
            Query(f"sum({rate('audio_archived_bytes_total')})", "bytes"),
            unit="Bps",
        ),
    ]
