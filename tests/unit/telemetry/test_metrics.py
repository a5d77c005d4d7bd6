"""The catalogue of metrics, and the metrics recorder."""

from dataclasses import replace

import pytest
import structlog
from prometheus_client import generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.parser import text_string_to_metric_families

from schemas import MediaType, Rejection
from scripts.commands import metrics as command
from streams.telemetry.metrics import ApiProcessMetrics, Metrics
from streams.telemetry.metrics.hotels import MAX_HOTELS, OTHER
from streams.telemetry.metrics.recorder import MetricsRecorder
from tests.chaos.workers import ROOT
from tests.support.events import COMPRESSED

REFUSED = Rejection("contract", "MissingHeader", "ce_hotelid", "is missing")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_the_page_says_what_the_catalogue_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 0
    assert capsys.readouterr().out == (ROOT / "docs/METRICS.md").read_text(), "run ./scripts/metrics > docs/METRICS.md"


@pytest.mark.parametrize("kind", [Metrics, ApiProcessMetrics])
def test_each_process_exports_its_own_metrics_of_the_catalogue(kind: type[Metrics | ApiProcessMetrics]) -> None:
    shown = {
        family.name: family.type for family in text_string_to_metric_families(generate_latest(kind().registry).decode())
    }
    named = {one.name.removesuffix("_total"): one.kind for one in kind.definitions()}
    assert named.items() <= shown.items() | {("audio_build_info", "gauge")}
    assert all(name.startswith("process_") for name in shown.keys() - named.keys())


def test_a_process_has_no_metrics_of_the_other_kind() -> None:
    worker, api = ({one.name for one in kind.definitions()} for kind in (Metrics, ApiProcessMetrics))
    assert "audio_lag_records" not in api
    assert "audio_api_requests_total" not in worker
    assert {"audio_ready", "audio_build_info", "audio_policies", "audio_pool_connections"} <= api & worker


def test_series_of_known_labels_begin_with_the_process(metrics: Metrics) -> None:
    for reason in ("breaker", "fenced", "stalled", "crashed", "stopped"):
        assert value(metrics, "audio_worker_exits_total", reason=reason) == 0
    assert value(metrics, "audio_cache_lookups_total", outcome="miss") == 0


def test_results_are_counted_with_their_hotel_and_choice(metrics: Metrics) -> None:
    recorder = MetricsRecorder(metrics, late=5)
    result = replace(
        COMPRESSED,
        hotel_id="lisbon",
        duration_ms=1500,
        reason="default",
        corrected_type="audio/PCMU;rate=8000",
        repaired="riff-size, data-size",
    )
    for seconds in (1500, 2500):
        recorder.delivered("lisbon", "call-1", 0.25)
        recorder.result(replace(result, duration_ms=seconds), MediaType("audio/L16", (("rate", "8000"),)), 0.01)
    assert value(metrics, "audio_hotel_records_total", hotel="lisbon") == 2
    assert value(metrics, "audio_hotel_audio_seconds_total", hotel="lisbon") == 4
    assert value(metrics, "audio_hotel_delivery_seconds", hotel="lisbon") == 0.25
    assert value(metrics, "audio_delivery_seconds_sum") == 0.5
    assert value(metrics, "audio_corrected_labels_total", labelled="audio/L16", found="audio/PCMU") == 2
    assert value(metrics, "audio_repaired_total", kind="riff-size") == 2
    assert value(metrics, "audio_repaired_total", kind="data-size") == 2
    assert recorder.mean_seconds == 2
    assert recorder.choices() == [{"level": str(result.level), "reason": "default", "results": 2}]


def test_dead_letters_are_counted_for_their_hotel_or_for_other(metrics: Metrics) -> None:
    recorder = MetricsRecorder(metrics, late=5)
    recorder.dead_letter("lisbon", REFUSED)
    recorder.dead_letter(None, REFUSED)
    assert value(metrics, "audio_dead_letters_total", stage="contract", code="MissingHeader") == 2
    assert value(metrics, "audio_hotel_dead_letters_total", hotel="lisbon") == 1
    assert value(metrics, "audio_hotel_dead_letters_total", hotel=OTHER) == 1


def test_invented_hotel_ids_have_a_bounded_number_of_series(metrics: Metrics) -> None:
    recorder = MetricsRecorder(metrics, late=5)
    for number in range(10 * MAX_HOTELS):
        recorder.delivered(f"hotel-{number}", "call", 0.1)
    [shown] = metrics.hotel_records.collect()
    assert len(shown.samples) == MAX_HOTELS + 1
    assert value(metrics, "audio_hotel_records_total", hotel=OTHER) == 9 * MAX_HOTELS
    recorder.delivered("hotel-0", "call", 0.1)
    assert value(metrics, "audio_hotel_records_total", hotel="hotel-0") == 2


def test_a_late_call_is_named_and_a_punctual_or_endless_one_is_not(metrics: Metrics) -> None:
    recorder = MetricsRecorder(metrics, late=1)
    for call, delay in (("punctual", 0.5), ("late", 1.5), ("x" * 200, 3.0), ("at once", 0.0)):
        recorder.delivered("lisbon", call, delay)
    encode, _ = choose_encoder("application/openmetrics-text; version=1.0.0")
    exemplars = [line for line in encode(metrics.registry).decode().splitlines() if "{call=" in line]
    assert len(exemplars) == 1
    assert '{call="late"} 1.5' in exemplars[0]
    assert value(metrics, "audio_delivery_seconds_sum") == 5.0


def test_a_failing_gauge_does_not_affect_other_metrics(metrics: Metrics) -> None:
    failing = [True]

    def free() -> float:
        if failing[0]:
            raise FileNotFoundError("the state directory is gone")
        return 7

    metrics.state_disk_free_bytes.set_function(free)
    metrics.ready.labels("assigned").set_function(free)
    metrics.ready.labels("recovered").set_function(lambda: True)
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            shown = generate_latest(metrics.registry).decode()
    assert "\naudio_state_disk_free_bytes " not in shown
    assert "\naudio_cache_entries 0.0" in shown
    assert [value(metrics, "audio_ready", condition=name) for name in ("assigned", "recovered")] == [None, 1]
    assert [line["metric"] for line in lines] == ["audio_ready", "audio_state_disk_free_bytes"]
    failing[0] = False
    assert value(metrics, "audio_state_disk_free_bytes") == 7
    assert value(metrics, "audio_ready", condition="assigned") == 7
