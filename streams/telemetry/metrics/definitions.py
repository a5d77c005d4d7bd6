"""Definition of a metric in the catalogue: name, type, labels, unit, meaning, and advice for unusual values."""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Generic, Self, TypeVar, overload

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.samples import Sample

log = structlog.get_logger(__name__)

_Series = TypeVar("_Series", Counter, Gauge, Histogram, Info)


class Definition(Generic[_Series]):
    """One metric of the catalogue, a descriptor in the class body of a `Family`.

    As an attribute of the class it is this definition, as an attribute of an instance it is Prometheus' metric. The
    latter is in the instance's own dictionary, so that access is as fast as for any attribute.

    Args:
        name: Name in Prometheus; a counter's ends in ``_total``, an info's in ``_info``.
        meaning: What it counts or measures, in one or two sentences.
        unit: Unit of the values.
        advice: What to check or do if the values are unusual.
        labels: Names of its labels, whose values are bounded.
        values: Values of its only label, if they are known beforehand: these series start with the process. Prometheus'
            ``increase`` does not see the first event of a series that starts with it.
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
        """Create the metric in a registry."""
        raise NotImplementedError


class CounterOf(Definition[Counter]):
    """A counter: a number of events, or an amount, that only grows."""

    kind = "counter"

    def make(self, registry: CollectorRegistry) -> Counter:
        """Create the metric in a registry."""
        return Counter(self.name, self.meaning, self.labels, registry=registry)


class _GuardedGauge(Gauge):
    """A gauge whose function may fail: only its own sample is then missing.

    A registry does not catch the exception, so that one failing function would make all of ``/metrics`` fail.
    """

    _failing = False

    def _samples(self) -> Iterable[Sample]:
        try:
            samples = list(super()._samples())
        except Exception as error:  # noqa: BLE001  a function may raise anything
            if not self._failing:  # once, not with every scrape
                log.warning("gauge_failed", metric=self._name, error=type(error).__name__, reason=str(error))
            self._failing = True
            return []
        self._failing = False
        return samples


class GaugeOf(Definition[Gauge]):
    """A gauge: a present value."""

    kind = "gauge"

    def make(self, registry: CollectorRegistry) -> Gauge:
        """Create the metric in a registry."""
        return _GuardedGauge(self.name, self.meaning, self.labels, registry=registry)


class HistogramOf(Definition[Histogram]):
    """A histogram: the distribution of values.

    Args:
        buckets: Upper bounds of the buckets, in the metric's unit.
        rest: Arguments of `Definition`.
    """

    kind = "histogram"

    def __init__(self, name: str, meaning: str, *, buckets: tuple[float, ...], **rest: Any) -> None:
        super().__init__(name, meaning, **rest)
        self.buckets = buckets

    def make(self, registry: CollectorRegistry) -> Histogram:
        """Create the metric in a registry."""
        return Histogram(self.name, self.meaning, self.labels, buckets=self.buckets, registry=registry)


class InfoOf(Definition[Info]):
    """An info metric: its labels are texts, its value is always 1."""

    kind = "gauge"

    def make(self, registry: CollectorRegistry) -> Info:
        """Create the metric in a registry."""
        return Info(self.name.removesuffix("_info"), self.meaning, registry=registry)


class Family:
    """Metrics on one subject. The first word of its docstring, before the colon, is the heading in docs/METRICS.md.

    Args:
        registry: The registry in which the metrics are created.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        for definition in self.definitions():
            series = self.__dict__[definition.attribute] = definition.make(registry)
            for value in definition.values:
                series.labels(value)

    @classmethod
    def definitions(cls) -> Iterator[Definition[Any]]:
        """Yield all definitions of the family and of its base classes, in the order of the source."""
        for family in reversed(cls.__mro__):
            yield from (value for value in vars(family).values() if isinstance(value, Definition))
