"""Metrics of sealing."""

from streams.telemetry.metrics.definitions import CounterOf, Family, GaugeOf


class SealingMetrics(Family):
    """Sealing: results and dead letters under a key for each call."""

    keys_awaited = GaugeOf(
        "audio_keys_awaited",
        "1 while something has to be sealed and no key can be made or used; nothing is written in clear meanwhile.",
        unit="0 or 1",
        advice="1: the key store or the topic audio.keys cannot be read; keys_awaited in the log has the reason.",
    )
    inputs_gone = CounterOf(
        "audio_inputs_gone_total",
        "Sealed inputs that were erased or have expired, by code: they were read, and nothing was written.",
        unit="records",
        labels=("code",),
        advice="Expected after an erasure or the end of a retention; otherwise see the audit for who erased.",
    )
    keys_living = GaugeOf(
        "audio_keys_living",
        "Data keys that are not erased, of the whole installation: every worker knows all of them.",
        unit="keys",
        advice="Each takes about 350 bytes of memory. Grows without end: the hotels' policies have no retentionDays.",
    )
    keys_erased = GaugeOf(
        "audio_keys_erased",
        "Data keys that were erased; their marks stay.",
        unit="keys",
        advice="Grows after an erasure, and with a turn by the calls whose retention is over.",
    )
    key_epoch_age = GaugeOf(
        "audio_key_epoch_age_seconds",
        "Time since the first key was written under the newest epoch; 0 before there is one.",
        unit="s",
        advice="Over a day: the daily turn of the keys fails or does not run, and what was erased is not final yet.",
    )
