"""Metrics of the archive."""

from streams.telemetry.metrics.definitions import CounterOf, Family, GaugeOf


class ArchiveMetrics(Family):
    """Archive: results that are kept in the object stores beyond the retention of their topic."""

    archive_lag = GaugeOf(
        "audio_archive_lag_seconds",
        "Age of the oldest result that this worker is about to archive, since its broker appended it; while it cannot,"
        " at least since then. 0 when nothing waits.",
        unit="seconds",
        advice="Growing: the stores do not work, or the account lacks a right; archive_delayed in the log says which."
        " What is not archived within the retention of audio.compressed is lost to the archive.",
    )
    archived = CounterOf(
        "audio_archived_total",
        "Results stored in the archive. After a crash some are stored again, with the same names and bytes.",
        unit="results",
        advice="0 although a hotel's policy archives: see audio_archive_lag_seconds.",
    )
    archived_bytes = CounterOf(
        "audio_archived_bytes_total",
        "Bytes of their files; without those by reference, whose objects are there already.",
        unit="bytes",
        advice="Its rate is how fast the archive grows.",
    )
    archive_failures = CounterOf(
        "audio_archive_failures_total",
        "Attempts to archive that ended with an error, and are made again.",
        unit="attempts",
        advice="Rising: archive_delayed in the log has the reason.",
    )
