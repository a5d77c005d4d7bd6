"""Metrics of recordings."""

from streams.telemetry.metrics.definitions import CounterOf, Family, GaugeOf

OUTCOMES = ("compressed", "refused", "cancelled")
STEPS = ("analyse", "encode")


class RecordingMetrics(Family):
    """Recordings: audio of any length, which is processed apart from live calls."""

    recordings = CounterOf(
        "audio_recordings_total",
        "Recordings by what became of them: compressed or refused when their outcome is committed, cancelled when their"
        " partition went to another worker, which begins them again.",
        unit="recordings",
        labels=("outcome",),
        values=OUTCOMES,
        advice="Many cancelled: workers come and go more often than a recording takes.",
    )
    recordings_in_progress = GaugeOf(
        "audio_recordings_in_progress",
        "Recordings that are being processed, including those that wait for a store or for disk space.",
        unit="recordings",
        advice="Above 0 while audio_recording_seconds_total is constant: see audio_recordings_waiting.",
    )
    recordings_waiting = GaugeOf(
        "audio_recordings_waiting",
        "Recordings in progress that wait for an object store or for disk space; they go on by themselves.",
        unit="recordings",
        advice="Above 0: the log line recording_waits has the reason.",
    )
    recording_seconds = CounterOf(
        "audio_recording_seconds_total",
        "Seconds of audio of recordings that were processed, also of those that were cancelled later: analysed in a"
        " first pass, encoded in a second.",
        unit="seconds of audio",
        labels=("step",),
        values=STEPS,
        advice="Its rate is the speed in times of real time. It falls while live calls need the processors.",
    )
