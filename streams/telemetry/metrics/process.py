"""Metrics that workers and API processes have alike: versions, readiness, decoders, logins, log, and the policies."""

from streams.telemetry.metrics.definitions import CounterOf, Family, GaugeOf, InfoOf


class ProcessMetrics(Family):
    """Process: versions, readiness, policies, decoders, logins, and log, of workers and API processes alike."""

    policies = GaugeOf(
        "audio_policies",
        "Hotels with a policy in force.",
        unit="hotels",
        advice="Different between processes for more than seconds, or falling: look at the topic audio.policy.",
    )
    policies_awaited = GaugeOf(
        "audio_policies_awaited",
        "Hotels whose policy was lost with the topic audio.policy; their audio is coded losslessly.",
        unit="hotels",
        advice="Above 0: publish the policies that the log's policies_awaited names, or a tombstone for each hotel.",
    )
    policies_refused = CounterOf(
        "audio_policies_refused_total",
        "Policies that were refused; the last valid policy stays in force.",
        unit="records",
        labels=("code",),
        advice="The log line policy_refused has hotel and reason. Every process counts each policy once.",
    )
    build = InfoOf(
        "audio_build_info",
        "Versions of the product and its libraries.",
        unit="1",
        labels=("version", "python", "faust", "aiokafka"),
        advice="Several at a time: a rollout is in progress, or was not completed.",
    )
    ready = GaugeOf(
        "audio_ready",
        "Conditions of /health/ready: 1 if the condition holds, else 0.",
        unit="conditions",
        labels=("condition",),
        advice="0 for minutes: assigned and recovered need the group and its tables, brokers_answer the brokers,"
        " index_loaded that an API process has read the topics.",
    )
    sandbox_protection = GaugeOf(
        "audio_sandbox_protection",
        "What confines the decoders beside limits and a user of their own: 1 if it is in force, else 0. files, network,"
        " signals: denied by Landlock; system_calls: seccomp ends a decoder that makes others than it needs.",
        unit="protections",
        labels=("kind",),
        advice="0: an old kernel, or a container engine or systemd that forbids landlock(7) or prctl(PR_SET_SECCOMP).",
    )
    logins_refused = CounterOf(
        "audio_logins_refused_total",
        "Requests for guarded pages that were refused, by the reason; forbidden: who asked is known, and may not.",
        unit="requests",
        labels=("reason",),
        advice="Many of unknown_key or unknown_token: somebody tries keys; the log has the addresses. expired_key,"
        " expired_token: a program needs a new one.",
    )
    log_lines_dropped = CounterOf(
        "audio_log_lines_dropped_total",
        "Log lines that were not written, because standard error is not read or its disk is full.",
        unit="lines",
        advice="The log collector does not read. The process continues, but log lines are lost.",
    )
