"""The metrics of each kind of process: a catalogue with unit, meaning and advice for each metric."""

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics

from streams.telemetry.metrics.api import ApiMetrics
from streams.telemetry.metrics.archive import ArchiveMetrics
from streams.telemetry.metrics.cache import CacheMetrics
from streams.telemetry.metrics.compression import CompressionMetrics
from streams.telemetry.metrics.definitions import Family
from streams.telemetry.metrics.delivery import DeliveryMetrics, HotelMetrics, LagMetrics
from streams.telemetry.metrics.process import ProcessMetrics
from streams.telemetry.metrics.recordings import RecordingMetrics
from streams.telemetry.metrics.sealing import SealingMetrics
from streams.telemetry.metrics.stores import StoreMetrics
from streams.telemetry.metrics.worker import WorkerMetrics

__all__ = ["FAMILIES", "ApiProcessMetrics", "Metrics"]

#: The catalogue, in the order of docs/METRICS.md.
FAMILIES: tuple[type[Family], ...] = (
    LagMetrics,
    DeliveryMetrics,
    HotelMetrics,
    RecordingMetrics,
    CompressionMetrics,
    CacheMetrics,
    StoreMetrics,
    ArchiveMetrics,
    SealingMetrics,
    WorkerMetrics,
    ProcessMetrics,
    ApiMetrics,
)


class _Registered(Family):
    """Metrics in a registry of their own, with those of the process itself."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        super().__init__(self.registry)
        ProcessCollector(registry=self.registry)


class Metrics(
    _Registered,
    LagMetrics,
    DeliveryMetrics,
    HotelMetrics,
    RecordingMetrics,
    CompressionMetrics,
    CacheMetrics,
    StoreMetrics,
    ArchiveMetrics,
    SealingMetrics,
    WorkerMetrics,
    ProcessMetrics,
):
    """All metrics of a worker.

    The values of labels are bounded: partitions of two topics, five levels, codecs, stages and codes of rejections,
    about thirty reasons of a choice, media types of raw audio, 200 hotels, the configured stores. Call ids are never
    labels.
    """


class ApiProcessMetrics(_Registered, StoreMetrics, ProcessMetrics, ApiMetrics):
    """All metrics of an API process. Values of labels are the patterns of routes, their methods, and statuses."""
