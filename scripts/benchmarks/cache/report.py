"""The report of a replay, as JSON and as a table."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from rich.table import Table

from scripts.benchmarks.cache.replay import PEERS, POLICIES, Maker, Score, measure, optimum
from scripts.benchmarks.cache.traces import Trace
from scripts.tables import ReportTable


@dataclass(frozen=True, slots=True)
class CacheReport:
    """The scores of all policies on one trace.

    Attributes:
        name: Name of the trace.
        trace: The requests.
        budget: Size of the caches in bytes.
        policies: The scores of the product's policies, by name.
        libraries: The scores of other libraries' policies, by name.
        belady: The scores of the optimum.
    """

    name: str
    trace: Trace
    budget: int
    policies: Mapping[str, Score]
    libraries: Mapping[str, Score]
    belady: Score

    def as_json(self) -> dict[str, object]:
        """The figures, rates between 0 and 1."""
        return {
            "trace": self.name,
            "requests": len(self.trace),
            "keys": len(self.trace.sizes),
            "bytes": self.trace.footprint,
            "repeatable": float(self.trace.repeatable.mean()),
            "budget": self.budget,
            "policies": {name: asdict(score) for name, score in self.policies.items()},
            "libraries": {name: asdict(score) for name, score in self.libraries.items()},
            "belady": {name: value for name, value in asdict(self.belady).items() if value is not None},
        }

    def table(self) -> Table:
        """A row for each policy."""
        size, cached = self.trace.footprint / 1e6, self.budget / 1e6
        title = f"{len(self.trace)} requests, {len(self.trace.sizes)} keys of {size:.1f} MB, {cached:.1f} MB cached"
        table = ReportTable(title=title)
        for name in ("policy", "hit rate", "by bytes", "repeatable, warm", "ns per request"):
            table.add_column(name, justify="left" if name == "policy" else "right")
        for name, score in {**self.policies, **self.libraries, "Belady's optimum": self.belady}.items():
            rates = (score.hit_rate, score.byte_hit_rate, score.warm_hit_rate)
            cost = "" if score.ns_per_op is None else f"{score.ns_per_op:.0f}"
            table.add_row(name, *(f"{rate:.2%}" for rate in rates), cost)
        return table


#: Steps of `replay_all`.
STEPS = len(POLICIES) + len(PEERS) + 1


def replay_all(name: str, trace: Trace, budget: int, advance: Callable[[], None]) -> CacheReport:
    """Replay a trace against every policy, and find the optimum.

    Args:
        name: Name of the trace.
        trace: The requests.
        budget: Bytes for each cache.
        advance: Called after each of `STEPS`.
    """

    def scores(makers: Mapping[str, Maker]) -> dict[str, Score]:
        found = {}
        for policy, make in makers.items():
            found[policy] = measure(trace, budget, make)
            advance()
        return found

    policies, libraries = scores(POLICIES), scores(PEERS)
    best = optimum(trace, budget)
    advance()
    return CacheReport(name, trace, budget, policies, libraries, best)
