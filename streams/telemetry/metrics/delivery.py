"""Metrics of the way in and out: lag, lanes, transactions, what was delivered and how late."""

from streams.telemetry.metrics.definitions import CounterOf, Family, GaugeOf, HistogramOf

#: Seconds. Fine around 0.2 s, where the alert on latency looks.
_LATENCIES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600)
_TRANSACTIONS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)


class LagMetrics(Family):
    """Lag: what waits. Every worker shows every input partition, also those of others and of nobody.

    Dashboards take ``max by (topic, partition)``.
    """

    lag_records = GaugeOf(
        "audio_lag_records",
        "Offsets from the group's committed one to the end of what read_committed consumers may read; 0 where no record"
        " is among them. Markers of senders' transactions between waiting records count.",
        unit="records",
        labels=("topic", "partition"),
        advice="Growing everywhere: too little capacity. Growing on one partition: its owner, or one call.",
    )
    lag_seconds = GaugeOf(
        "audio_lag_seconds",
        "Age of the oldest unprocessed record, since its broker took it; 0 when nothing waits.",
        unit="seconds",
        labels=("topic", "partition"),
        advice="Above audio_lag_objective_seconds: busy if audio_records_in_total grows, stalled if it stands.",
    )
    lag_audio_seconds = GaugeOf(
        "audio_lag_audio_seconds",
        "Audio that waits, estimated: records times the mean duration of what this worker has seen.",
        unit="seconds of audio",
        labels=("topic", "partition"),
        advice="Divided by the rate of audio_seconds_total it is the time to catch up.",
    )
    committed_beyond_end = GaugeOf(
        "audio_committed_beyond_end_records",
        "Offsets by which the group's committed one lies beyond the end of the log; 0 where all is well.",
        unit="records",
        labels=("topic", "partition"),
        advice="Above 0 for more than a moment: the log has lost records, or the offset is another log's.",
    )
    lag_objective = GaugeOf(
        "audio_lag_objective_seconds",
        "AUDIO_LAG_OBJECTIVE, as set.",
        unit="seconds",
        advice="It should be the same on all workers.",
    )
    partition_assigned = GaugeOf(
        "audio_partition_assigned",
        "1 where this worker owns the input partition and reads it, 0 where not.",
        unit="partitions",
        labels=("topic", "partition"),
        advice="Its maximum over the workers is 0: nobody reads the partition. Look at rebalances and ended workers.",
    )
    partitions_unservable = GaugeOf(
        "audio_partitions_unservable",
        "Partitions of the input topic that results, dead letters or the table's changelog lack: nobody reads them.",
        unit="partitions",
        advice="Above 0: ./scripts/topics grow --partitions N, with N the input's number.",
    )
    topics_missing = GaugeOf(
        "audio_topics_missing",
        "Topics that do not exist: the input, or one that must have its partitions.",
        unit="topics",
        advice="Above 0: the log's topics_missing names them; ./scripts/topics apply creates them, empty.",
    )
    lane_depth = GaugeOf(
        "audio_lane_depth",
        "Inputs taken and not yet committed; 0 for the partitions of others.",
        unit="records",
        labels=("partition",),
        advice="It stays high while audio_commits_total stands: the head is a slow clip, or brokers do not commit.",
    )


class DeliveryMetrics(Family):
    """Delivery: what was committed, how late, and what went wrong on the way."""

    records_in = CounterOf(
        "audio_records_in_total",
        "Input records whose outcome is committed.",
        unit="records",
        labels=("partition",),
        advice="It stands while audio_lag_seconds grows: the partition is stalled.",
    )
    commits = CounterOf(
        "audio_commits_total",
        "Kafka transactions committed.",
        unit="transactions",
        advice="It stands while records wait: brokers do not commit, or the head of each lane is a slow clip.",
    )
    transaction_seconds = HistogramOf(
        "audio_transaction_seconds",
        "Time of one Kafka transaction.",
        unit="seconds",
        buckets=_TRANSACTIONS,
        advice="Above 0.1 s at the median: brokers or network are slow; look at under-replicated partitions.",
    )
    processing_seconds = HistogramOf(
        "audio_processing_seconds",
        "From the reading of a record until its outcome is committed.",
        unit="seconds",
        buckets=_LATENCIES,
        advice="Compare audio_encode_seconds and audio_transaction_seconds: what is left is waiting for a turn.",
    )
    delivery_seconds = HistogramOf(
        "audio_delivery_seconds",
        "From the moment its broker took a record until its outcome is committed, by the brokers' clocks; an exemplar"
        " names the call of a late one.",
        unit="seconds",
        buckets=_LATENCIES,
        advice="Large with small audio_processing_seconds: records wait in Kafka.",
    )
    dead_letters = CounterOf(
        "audio_dead_letters_total",
        "Dead letters committed, by step and kind.",
        unit="records",
        labels=("stage", "code"),
        advice="A surge of one code is one sender or one release; the log's dead_letter lines say which.",
    )
    split_calls = CounterOf(
        "audio_split_calls_total",
        "Calls whose records lay in more than one partition, as far as one worker had both. Their order is lost.",
        unit="calls",
        advice="Any: the call's senders choose partitions differently; the log's call_in_two_partitions names them.",
    )
    misplaced_records = CounterOf(
        "audio_misplaced_records_total",
        "Inputs of results that did not lie where murmur2 of their key puts them.",
        unit="records",
        labels=("partition",),
        advice="A sender with another partitioner. It does no harm as long as all senders of a call have the same.",
    )
    breaker_fill_ratio = GaugeOf(
        "audio_breaker_fill_ratio",
        "Dead letters in a row over AUDIO_DEAD_LETTER_LIMIT, at which the worker ends.",
        unit="ratio, 0 to 1",
        advice="Rising: nothing succeeds. Look at the last dead letters, and at what was deployed.",
    )
    in_flight_clips = GaugeOf(
        "audio_in_flight_clips",
        "Clips that wait for a thread or are in one.",
        unit="records",
        advice="At AUDIO_MAX_CONCURRENCY for long: the worker is saturated.",
    )
    in_flight_bytes = GaugeOf(
        "audio_in_flight_bytes",
        "Input bytes of the clips taken and not yet committed.",
        unit="bytes",
        advice="At AUDIO_MAX_IN_FLIGHT for long: inputs are large; raise it if there is memory.",
    )
    abandoned_clips = GaugeOf(
        "audio_abandoned_clips",
        "Clips over their time whose thread has not come back.",
        unit="records",
        advice="As many as the worker has threads end it. Look at the dead letters with ProcessingTimeout.",
    )
    expired_records = CounterOf(
        "audio_expired_records_total",
        "Offsets of unread inputs that the log no longer had: they expired or were deleted, and have no outcome.",
        unit="records",
        labels=("partition",),
        advice="The log line inputs_expired says which. Workers were too slow, or away, for the topic's retention.",
    )
    reset_to_log_start = CounterOf(
        "audio_partitions_begun_again_total",
        "Partitions read from their log's start, because an offset that no worker had committed lay beyond its end.",
        unit="partitions",
        labels=("partition",),
        advice="The log line offset_beyond_log says which. Right for offsets of another cluster; see the runbook.",
    )
    clock_ahead = GaugeOf(
        "audio_clock_ahead_seconds",
        "How far this worker's clock is ahead of a broker's, by what the broker said about the last writes; negative"
        " where it is behind, 0 while they may agree.",
        unit="seconds",
        labels=("broker",),
        advice="One worker and all brokers: that worker's clock is wrong. All workers and one broker: that broker's.",
    )
    rebalances = CounterOf(
        "audio_rebalances_total",
        "Assignments of partitions to this worker.",
        unit="assignments",
        advice="Several a minute: workers come and go, or miss heartbeats. Look at audio_worker_exits_total.",
    )


class HotelMetrics(Family):
    """Hotels: the first 200 that a worker meets have series of their own, all others share ``other``."""

    hotel_records = CounterOf(
        "audio_hotel_records_total",
        "Results and dead letters committed.",
        unit="records",
        labels=("hotel",),
        advice="A hotel that falls to nothing: its PBX or gateway, or its network.",
    )
    hotel_audio_seconds = CounterOf(
        "audio_hotel_audio_seconds_total",
        "Audio in results.",
        unit="seconds of audio",
        labels=("hotel",),
        advice="One hotel far above its usual share: a looping call, or a sender that repeats itself.",
    )
    hotel_dead_letters = CounterOf(
        "audio_hotel_dead_letters_total",
        "Dead letters committed.",
        unit="records",
        labels=("hotel",),
        advice="One hotel alone: its sender. All of them: the worker, or a release of the senders' software.",
    )
    hotel_wrong_times = CounterOf(
        "audio_hotel_wrong_times_total",
        "Inputs committed whose ce_time or record timestamp lies more than 10 s ahead of the brokers' time, or whose"
        " record is more than a year old.",
        unit="records",
        labels=("hotel",),
        advice="The sender's clock or its unit of time is wrong; the log's sender_time_wrong names it. No harm here.",
    )
    hotel_delivery_seconds = GaugeOf(
        "audio_hotel_delivery_seconds",
        "Delay of the last outcome: from the moment its broker took the record until it was committed.",
        unit="seconds",
        labels=("hotel",),
        advice="One hotel alone: its calls share a slow partition.",
    )
