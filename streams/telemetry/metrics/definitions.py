"""What a metric is, in the catalogue: name, type, labels, unit, meaning, and what to do when it looks wrong."""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Generic, Self, TypeVar, overload

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.samples import Sample

log = structlog.get_logger(__name__)

_Series = TypeVar("_Series", Counter, Gauge, Histogram, Info)


class Definition(Generic[_Series]):
    """One metric of the catalogue, written as an attribute of a `Family`.

    On the class the attribute is this definition, on an instance it is the metric to count with; there it is found in
    the instance's own dictionary, so that it costs no more than any attribute.

    Args:
        name: As Prometheus shows it; a counter's ends in ``_total``, an info's in ``_info``.
        meaning: What it counts or measures, one or two sentences.
        unit: What a value of one stands for.
        advice: What to look at, or to do, when it looks wrong.
        labels: Names of its labels. What they can be is bounded.
        values: What its one label can be, where that is known beforehand: these series begin with the process. A
            series that begins with its first event would hide that event from Prometheus' ``increase``.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        name: str,
        meaning: str,
        *,
        unit: str,
        advice: str,
        labels: tuple[str, ...] = (),
        values: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.meaning = meaning
        self.unit = unit
        self.advice = advice
        self.labels = labels
        self.values = values

    def __set_name__(self, family: type, attribute: str) -> None:
        self.attribute = attribute

    @overload
    def __get__(self, family: None, owner: type) -> Self: ...

    @overload
    def __get__(self, family: object, owner: type) -> _Series: ...

    def __get__(self, family: object, owner: type) -> Self | _Series:
        if family is None:
            return self
        raise AttributeError(f"{owner.__name__}.__init__ has not made {self.name}")

    def make(self, registry: CollectorRegistry) -> _Series:
        """Make the metric, on a registry."""
        raise NotImplementedError


class CounterOf(Definition[Counter]):
    """Something that happened, so many times or so much; only ever grows."""

    kind = "counter"

    def make(self, registry: CollectorRegistry) -> Counter:
        """Make the metric, on a registry."""
        return Counter(self.name, self.meaning, self.labels, registry=registry)


class _GuardedGauge(Gauge):
    """A gauge whose function may fail: its sample is missing then, and every other metric is still shown.

    A registry lets the exception through, so that one function that fails would cost the whole of ``/metrics``.
    """

    _failing = False

    def _samples(self) -> Iterable[Sample]:
        try:
            samples = list(super()._samples())
        except Exception as error:  # noqa: BLE001  whatever a function raises
            if not self._failing:  # once, not with every look
                log.warning("gauge_failed", metric=self._name, error=type(error).__name__, reason=str(error))
            self._failing = True
            return []
        self._failing = False
        return samples


class GaugeOf(Definition[Gauge]):
    """How much there is now."""

    kind = "gauge"

    def make(self, registry: CollectorRegistry) -> Gauge:
        """Make the metric, on a registry."""
        return _GuardedGauge(self.name, self.meaning, self.labels, registry=registry)


class HistogramOf(Definition[Histogram]):
    """How values are distributed.

    Args:
        buckets: Upper bounds, in the metric's unit.
        rest: As for every `Definition`.
    """

    kind = "histogram"

    def __init__(self, name: str, meaning: str, *, buckets: tuple[float, ...], **rest: Any) -> None:
        super().__init__(name, meaning, **rest)
        self.buckets = buckets

    def make(self, registry: CollectorRegistry) -> Histogram:
        """Make the metric, on a registry."""
        return Histogram(self.name, self.meaning, self.labels, buckets=self.buckets, registry=registry)


class InfoOf(Definition[Info]):
    """Facts in words; the labels say them, the value is always 1."""

    kind = "gauge"

    def make(self, registry: CollectorRegistry) -> Info:
        """Make the metric, on a registry."""
        return Info(self.name.removesuffix("_info"), self.meaning, registry=registry)


class Family:
    """Metrics on one subject. The first line of a family's docstring is its heading in docs/METRICS.md.

    Args:
        registry: Where they are shown.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        for definition in self.definitions():
            series = self.__dict__[definition.attribute] = definition.make(registry)
            for value in definition.values:
                series.labels(value)

    @classmethod
    def definitions(cls) -> Iterator[Definition[Any]]:
        """Every definition of the family and those that it is made of, in the order of writing."""
        for family in reversed(cls.__mro__):
            yield from (value for value in vars(family).values() if isinstance(value, Definition))
