"""The metrics of a worker: a catalogue, each with its unit, its meaning and advice, and what counts with it."""

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics

from streams.telemetry.metrics.cache import CacheMetrics
from streams.telemetry.metrics.compression import CompressionMetrics
from streams.telemetry.metrics.definitions import Family
from streams.telemetry.metrics.delivery import DeliveryMetrics, HotelMetrics, LagMetrics
from streams.telemetry.metrics.worker import WorkerMetrics

__all__ = ["FAMILIES", "Metrics"]

#: The catalogue, in the order of docs/METRICS.md.
FAMILIES: tuple[type[Family], ...] = (
    LagMetrics,
    DeliveryMetrics,
    HotelMetrics,
    CompressionMetrics,
    CacheMetrics,
    WorkerMetrics,
)


class Metrics(LagMetrics, DeliveryMetrics, HotelMetrics, CompressionMetrics, CacheMetrics, WorkerMetrics):
    """Every time series that a worker exports, on a registry of its own.

    Labels are bounded: partitions of one topic, five levels, the codecs, the stages and codes of rejection, the some
    thirty reasons of a choice, the media types of raw audio, 200 hotels. No call ever is a label.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        super().__init__(self.registry)
        ProcessCollector(registry=self.registry)
