"""The row about loss and delay: what an operator has to see within ten seconds."""

from infra.grafana.panels import GREEN, LIMIT, ORANGE, RED, YELLOW, Panel, Query, Words, graph, stat
from infra.grafana.promql import BY_HOTEL, BY_PARTITION, JOB, none_yet, quantile, rate

TITLE = "Is anything lost or late?"


def panels() -> list[Panel]:
    """The row's panels, from left to right."""
    return [*_workers(), *_service(), *_waiting(), *_outcomes(), *_order()]


def _workers() -> list[Panel]:
    ready = f"sum(min by (instance) (audio_ready{{{JOB}}})) or 0 * count(up{{{JOB}}})"
    return [
        stat(
            Words("Alerts", "Alerts that are firing; Alertmanager has their summaries, the runbook what to do."),
            # This series does not exist while no alert fires: show 0 then.
            Query('count(count by (alertname) (ALERTS{alertstate="firing"})) or vector(0)', "firing"),
            unit="none",
            steps=[(1, RED)],
        ),
        stat(
            Words(
                "Workers missing",
                "Required less ready workers, and ready workers. A worker is ready if all conditions of "
                "/health/ready hold. Calls wait while none is ready.",
                ("AudioWorkersAbsent", "AudioWorkersBelowMinimum", "AudioWorkerNotReady"),
            ),
            Query(f"clamp_min(max(audio_workers_minimum) - ({ready}), 0)", "missing"),
            Query(ready, "ready"),
            unit="none",
            steps=[(1, RED)],
        ),
        stat(
            Words(
                "Partitions without owner",
                "Their calls wait. Seconds mean a rebalance; longer, workers are missing or cannot join.",
                ("AudioPartitionWithoutOwner",),
            ),
            Query("sum(1 - max by (topic, partition) (audio_partition_assigned))", "without owner"),
            unit="none",
            steps=[(1, RED)],
        ),
    ]


def _service() -> list[Panel]:
    return [
        stat(
            Words(
                "Dead letters",
                "Share of the inputs of five minutes that were refused. Each is intact in audio.dead-letter.",
                ("AudioErrorRateHigh",),
            ),
            Query("audio_error_rate", "of inputs"),
            unit="percentunit",
            steps=[(0.001, YELLOW), (0.05, RED)],
        ),
        stat(
            Words(
                "Oldest input, of the objective",
                "How long the oldest unprocessed input has waited, as a share of AUDIO_LAG_OBJECTIVE.",
                ("AudioLagBurnsFast", "AudioLagBurnsSlowly"),
            ),
            Query("max(audio_lag_seconds) / max(audio_lag_objective_seconds)", "waited"),
            unit="percentunit",
            steps=[(0.5, YELLOW), (1, RED)],
        ),
        stat(
            Words(
                "Load",
                "Effect of the load on workers: none, less effort (steps 1 to 3), or higher levels within the "
                "policies (4 and 5). A high load alone is no error: calls are neither lost nor late.",
                ("AudioQualityReduced",),
            ),
            Query("max(audio_pressure_steps)", "steps"),
            unit="none",
            steps=[(1, YELLOW), (4, ORANGE)],
            texts={
                0: ("in time", GREEN),
                **{step: (f"effort -{step}", YELLOW) for step in (1, 2, 3)},
                **{step: (f"level +{step - 3}", ORANGE) for step in (4, 5)},
            },
        ),
    ]


def _waiting() -> list[Panel]:
    return [
        graph(
            Words(
                "Oldest input waiting",
                "Age of each partition's oldest unprocessed input by its timestamp, whether a worker owns it or not. "
                "One partition above the others: a call with much audio, or a stalled worker.",
                ("AudioLagBurnsFast", "AudioLagBurnsSlowly"),
            ),
            Query(f"max by (topic, partition) (audio_lag_seconds{{{BY_PARTITION}}})", "{{topic}} {{partition}}"),
            Query("max(audio_lag_objective_seconds)", LIMIT),
            unit="s",
        ),
        graph(
            Words(
                "Inputs waiting",
                "Inputs not yet committed, by partition; transaction markers do not count.",
                ("AudioNoProgress",),
            ),
            Query(f"max by (topic, partition) (audio_lag_records{{{BY_PARTITION}}})", "{{topic}} {{partition}}"),
            unit="short",
            stacked=True,
        ),
        graph(
            Words(
                "Inputs that the log no longer has",
                "Unread inputs that expired, in an hour, and offsets that are committed beyond the end of a log. Both "
                "should be 0: expired inputs have no outcome.",
                ("AudioInputsExpired", "AudioOffsetBeyondLog", "AudioPartitionBegunAgain"),
            ),
            Query(none_yet("sum(increase(audio_expired_records_total[1h]))"), "expired"),
            Query("sum(max by (topic, partition) (audio_committed_beyond_end_records))", "beyond the end"),
            unit="short",
        ),
        graph(
            Words("Audio waiting", "Seconds of audio in the waiting inputs."),
            Query(f"sum(max by (topic, partition) (audio_lag_audio_seconds{{{BY_PARTITION}}}))", "audio"),
            unit="s",
        ),
    ]


def _outcomes() -> list[Panel]:
    dead_letters = "audio_dead_letters_total"
    return [
        graph(
            Words(
                "Time to the result",
                "Processing: from fetched to committed. Delivery: from the input's timestamp to committed, "
                "including its time in Kafka.",
                ("AudioProcessingSlow",),
            ),
            Query("audio_processing_latency_p95", "processing p95"),
            Query(quantile(0.5, "audio_processing_seconds"), "processing p50"),
            Query(quantile(0.95, "audio_delivery_seconds"), "delivery p95"),
            unit="s",
            steps=[(0.2, RED)],
        ),
        graph(
            Words(
                "Dead letters by reason",
                "Step and rule that refused the input. Many of one kind: a sender or a release of ours has changed.",
                ("AudioDeadLetterSurge", "AudioBreakerFills", "AudioBreakerOpened"),
            ),
            Query(none_yet(f"60 * sum({rate(dead_letters)})"), "all"),
            Query(f"60 * sum by (stage, code) ({rate(dead_letters)})", "{{stage}} {{code}}"),
            unit="opm",
        ),
    ]


def _order() -> list[Panel]:
    return [
        graph(
            Words(
                "Calls out of order",
                "Calls found in two partitions in a quarter of an hour: senders choose partitions differently, and "
                "their order is lost. Other partitioner: inputs that are not in murmur2's partition; harmless "
                "alone.",
                ("AudioCallsSplit",),
            ),
            Query("sum(increase(audio_split_calls_total[15m]))", "split calls"),
            Query(none_yet(f"60 * sum({rate('audio_misplaced_records_total')})"), "other partitioner, inputs a minute"),
            unit="short",
        ),
        graph(
            Words(
                "Delay by hotel",
                "How long after its timestamp each hotel's last input was committed. One hotel above the others: "
                "its calls, or its clocks.",
            ),
            Query(f"max by (hotel) (audio_hotel_delivery_seconds{{{BY_HOTEL}}})", "{{hotel}}"),
            unit="s",
        ),
    ]
