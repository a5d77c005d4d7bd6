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
