"""Metrics of delivery: lag, lanes, transactions, outcomes and their delay."""

from streams.telemetry.metrics.definitions import CounterOf, Family, GaugeOf, HistogramOf

#: Bucket bounds in seconds. Fine around 0.2 s, the threshold of the alert on latency.
_LATENCIES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600)
_TRANSACTIONS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)


class LagMetrics(Family):
    """Lag: unprocessed records. Every worker exports all input partitions, also unowned ones and those of others.

    Dashboards use ``max by (topic, partition)``. The topic distinguishes live calls from recordings.
    """

    lag_records = GaugeOf(
        "audio_lag_records",
        "Offsets from the group's committed offset to the last stable offset, the end for read_committed consumers; 0"
        " if no record is among them. Transaction markers between unprocessed records count.",
        unit="records",
        labels=("topic", "partition"),
        advice="Growing everywhere: too little capacity. Growing on one partition: its owner, or one call.",
    )
    lag_seconds = GaugeOf(
        "audio_lag_seconds",
        "Age of the oldest unprocessed record, since its broker appended it; 0 without unprocessed records.",
        unit="seconds",
        labels=("topic", "partition"),
        advice="Above audio_lag_objective_seconds: busy if audio_records_in_total grows, stalled if it does not.",
    )
    lag_audio_seconds = GaugeOf(
        "audio_lag_audio_seconds",
        "Estimated duration of unprocessed audio: records times the mean duration of this worker's results.",
        unit="seconds of audio",
        labels=("topic", "partition"),
        advice="Divided by the rate of audio_seconds_total, it is the time to catch up.",
    )
    committed_beyond_end = GaugeOf(
        "audio_committed_beyond_end_records",
        "Offsets by which the group's committed offset is beyond the end of the log; normally 0.",
        unit="records",
        labels=("topic", "partition"),
        advice="Above 0 for more than a moment: the log has lost records, or the offset belongs to another log.",
    )
    lag_objective = GaugeOf(
        "audio_lag_objective_seconds",
        "The setting AUDIO_LAG_OBJECTIVE.",
        unit="seconds",
        advice="It should be the same on all workers.",
    )
    partition_assigned = GaugeOf(
        "audio_partition_assigned",
        "1 if this worker owns the input partition and reads it, otherwise 0.",
        unit="partitions",
        labels=("topic", "partition"),
        advice="Maximum over all workers 0: no worker reads the partition. Look at rebalances and ended workers.",
    )
    partitions_unservable = GaugeOf(
        "audio_partitions_unservable",
        "Input partitions without a partition for results, dead letters or the changelog: no worker reads them.",
        unit="partitions",
        advice="Above 0: run ./scripts/topics grow --partitions N, where N is the input topic's number.",
    )
    topics_missing = GaugeOf(
        "audio_topics_missing",
        "Missing topics: the input, or one that must have as many partitions.",
        unit="topics",
        advice="Above 0: the log line topics_missing names them; ./scripts/topics apply creates them, empty.",
    )
    lane_depth = GaugeOf(
        "audio_lane_depth",
        "Inputs accepted by the lane and not yet committed; 0 for partitions of other workers.",
        unit="records",
        labels=("topic", "partition"),
        advice="High while audio_commits_total does not grow: the first clip is slow, or brokers do not commit.",
    )


class DeliveryMetrics(Family):
    """Delivery: committed outcomes, their delay, and problems."""

    records_in = CounterOf(
        "audio_records_in_total",
        "Input records whose outcome is committed.",
        unit="records",
        labels=("topic", "partition"),
        advice="Constant while audio_lag_seconds grows: the partition is stalled.",
    )
    commits = CounterOf(
        "audio_commits_total",
        "Kafka transactions committed.",
        unit="transactions",
        advice="Constant with unprocessed records: brokers do not commit, or the first clip of each lane is slow.",
    )
    transaction_seconds = HistogramOf(
        "audio_transaction_seconds",
        "Duration of a Kafka transaction.",
        unit="seconds",
        buckets=_TRANSACTIONS,
        advice="Median above 0.1 s: brokers or network are slow; look at under-replicated partitions.",
    )
    processing_seconds = HistogramOf(
        "audio_processing_seconds",
        "Time from reading a record to the commit of its outcome.",
        unit="seconds",
        buckets=_LATENCIES,
        advice="Compare audio_encode_seconds and audio_transaction_seconds: the rest is waiting for a thread.",
    )
    delivery_seconds = HistogramOf(
        "audio_delivery_seconds",
        "Time from a record's append by its broker to the commit of its outcome, by the brokers' clocks; exemplars have"
        " the call ids of late ones.",
        unit="seconds",
        buckets=_LATENCIES,
        advice="High with low audio_processing_seconds: records wait in Kafka.",
    )
    dead_letters = CounterOf(
        "audio_dead_letters_total",
        "Dead letters committed, by stage and code.",
        unit="records",
        labels=("stage", "code"),
        advice="A surge of one code: one sender or one release; see the log lines dead_letter.",
    )
    split_calls = CounterOf(
        "audio_split_calls_total",
        "Calls with records in more than one partition, as far as one worker read both. Their order is lost.",
        unit="calls",
        advice="Above 0: the call's senders use different partitioners; see the log line call_in_two_partitions.",
    )
    misplaced_records = CounterOf(
        "audio_misplaced_records_total",
        "Inputs of results that were in another partition than murmur2 of their key gives.",
        unit="records",
        labels=("partition",),
        advice="A sender with another partitioner: harmless if all senders of a call use the same one.",
    )
    breaker_fill_ratio = GaugeOf(
        "audio_breaker_fill_ratio",
        "Consecutive dead letters divided by AUDIO_DEAD_LETTER_LIMIT; at 1 the worker ends.",
        unit="ratio, 0 to 1",
        advice="Rising: nothing succeeds. Look at the latest dead letters and deployments.",
    )
    in_flight_clips = GaugeOf(
        "audio_in_flight_clips",
        "Clips that are being processed or wait for a thread.",
        unit="records",
        advice="At AUDIO_MAX_CONCURRENCY for long: the worker is saturated.",
    )
    in_flight_bytes = GaugeOf(
        "audio_in_flight_bytes",
        "Size of the inputs accepted and not yet committed.",
        unit="bytes",
        advice="At AUDIO_MAX_IN_FLIGHT for long: inputs are large; raise it if memory allows.",
    )
    abandoned_clips = GaugeOf(
        "audio_abandoned_clips",
        "Clips past their time limit whose thread is still busy.",
        unit="records",
        advice="The worker ends when all of its threads are. Look at the dead letters with ProcessingTimeout.",
    )
    expired_records = CounterOf(
        "audio_expired_records_total",
        "Offsets of unread inputs that expired or were deleted, and have no outcome.",
        unit="records",
        labels=("topic", "partition"),
        advice="The log line inputs_expired has the offsets. Workers were too slow, or stopped, for the retention.",
    )
    reset_to_log_start = CounterOf(
        "audio_partitions_begun_again_total",
        "Partitions read from the start of the log, because the group's offset was beyond its end and not committed"
        " by a worker.",
        unit="partitions",
        labels=("topic", "partition"),
        advice="The log line offset_beyond_log has details. Correct for offsets of another cluster; see the runbook.",
    )
    clock_ahead = GaugeOf(
        "audio_clock_ahead_seconds",
        "How far this worker's clock is ahead of a broker's, from the timestamps of the last writes; negative if it is"
        " behind, 0 while the clocks may agree.",
        unit="seconds",
        labels=("broker",),
        advice="One worker and all brokers: that worker's clock is wrong. All workers and one broker: that broker's.",
    )
    rebalances = CounterOf(
        "audio_rebalances_total",
        "Assignments of partitions to this worker.",
        unit="assignments",
        advice="Several per minute: workers start and stop, or miss heartbeats. Look at audio_worker_exits_total.",
    )


class HotelMetrics(Family):
    """Hotels: the first 200 hotels of a worker have series of their own, all others share ``other``."""

    hotel_records = CounterOf(
        "audio_hotel_records_total",
        "Results and dead letters committed.",
        unit="records",
        labels=("hotel",),
        advice="A hotel that falls to 0: its PBX or gateway, or its network.",
    )
    hotel_audio_seconds = CounterOf(
        "audio_hotel_audio_seconds_total",
        "Duration of the audio in results.",
        unit="seconds of audio",
        labels=("hotel",),
        advice="One hotel far above its usual share: a looping call, or a sender that sends audio repeatedly.",
    )
    hotel_dead_letters = CounterOf(
        "audio_hotel_dead_letters_total",
        "Dead letters committed.",
        unit="records",
        labels=("hotel",),
        advice="One hotel only: its sender. All hotels: the worker, or a release of the senders' software.",
    )
    hotel_wrong_times = CounterOf(
        "audio_hotel_wrong_times_total",
        "Committed inputs whose ce_time or record timestamp is more than 10 s ahead of the brokers' time, or whose"
        " record is more than a year old.",
        unit="records",
        labels=("hotel",),
        advice="The sender's clock or time unit is wrong; the log line sender_time_wrong names it. Harmless here.",
    )
    hotel_delivery_seconds = GaugeOf(
        "audio_hotel_delivery_seconds",
        "Delay of the last outcome: from the record's append by its broker to the commit.",
        unit="seconds",
        labels=("hotel",),
        advice="One hotel only: its calls share a slow partition.",
    )
