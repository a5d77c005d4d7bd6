"""A worker's metrics follow Prometheus' conventions for names, types and units."""

import subprocess

from prometheus_client import generate_latest

from infra.monitoring.programs import ensure_programs
from streams.telemetry.metrics import Metrics
from streams.telemetry.metrics.recorder import MetricsRecorder


def test_the_names_follow_prometheus_conventions() -> None:
    metrics = Metrics()
    MetricsRecorder(metrics, late=5).delivered("lisbon", "call-1", 0.1)
    metrics.lag_records.labels("audio.raw", 0).set(1)
    exposition = generate_latest(metrics.registry)
    done = subprocess.run(
        [*ensure_programs(print).promtool, "check", "metrics"], input=exposition, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == b""
