"""Metrics of compression: levels and codecs, reasons, quality, time and size."""

from streams.telemetry.metrics.definitions import CounterOf, Family, GaugeOf, HistogramOf

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 120)
_SCORES = (2.5, 3.0, 3.3, 3.5, 3.85, 4.0, 4.1, 4.2, 4.3, 4.4, 4.6, 5.0)


class CompressionMetrics(Family):
    """Compression: levels and codecs, reasons, quality, time and size."""

    results = CounterOf(
        "audio_results_total",
        "Compressed results committed.",
        unit="records",
        labels=("level", "codec", "cache"),
        advice="An unexpected level or codec: look at audio_choices_total and the hotels' policies.",
    )
    choices = CounterOf(
        "audio_choices_total",
        "Compressed results committed, by the reason for their level and codec (ce_reason).",
        unit="records",
        labels=("level", "reason"),
        advice="Reasons with load: the workers are behind. A sudden rise of tones or music: look at the sender's line.",
    )
    corrected_labels = CounterOf(
        "audio_corrected_labels_total",
        "Results whose input had a wrong label (media type).",
        unit="records",
        labels=("labelled", "found"),
        advice="Inform the sender: its media type or byte order is wrong.",
    )
    repaired = CounterOf(
        "audio_repaired_total",
        "Results whose input file had something wrong and was decoded all the same, by kind (ce_repaired).",
        unit="records",
        labels=("kind",),
        advice="docs/REFUSALS.md has the kinds. A sudden rise: a recorder or a transfer does not finish its files.",
    )
    quality = HistogramOf(
        "audio_quality",
        "Predicted mean opinion score of results; 5 when lossless.",
        unit="MOS, 1 to 5",
        buckets=_SCORES,
        advice="A lower median: load has raised the level, or policies allow a lower quality.",
    )
    pressure = GaugeOf(
        "audio_pressure_steps",
        "Steps by which load has reduced effort and raised the level, 0 to 5.",
        unit="steps",
        advice="Above 0 for minutes: too little capacity. 4 and 5 cost quality where policies allow it.",
    )
    bytes_in = CounterOf(
        "audio_bytes_in_total",
        "Size of the audio in inputs with a result.",
        unit="bytes",
        advice="Its rate divided by that of audio_bytes_out_total is the compression ratio.",
    )
    bytes_out = CounterOf(
        "audio_bytes_out_total",
        "Size of the audio in results.",
        unit="bytes",
        advice="Near audio_bytes_in_total: inputs are compressed already, or policies ask for lossless files.",
    )
    audio_seconds = CounterOf(
        "audio_seconds_total",
        "Duration of the audio in results.",
        unit="seconds of audio",
        advice="Its rate is the average number of calls in progress, as each sends one second of audio per second.",
    )
    encode_seconds = HistogramOf(
        "audio_encode_seconds",
        "Time from decoding a clip to the finished file, in its thread.",
        unit="seconds",
        buckets=_SECONDS,
        advice="Rising at constant load: other processes use the CPU. Long clips take longer.",
    )
    decoder_deaths = CounterOf(
        "audio_decoder_deaths_total",
        "Decoder processes that crashed or were killed because of an input, by code.",
        unit="processes",
        labels=("code",),
        advice="Files that crash decoders: look at the dead letters of the same minute, and at their sender.",
    )
