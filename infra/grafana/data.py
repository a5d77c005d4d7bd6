"""The data of the dashboard's queries as Grafana would show them, read from Prometheus directly."""

import json
import math
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.grafana.reading import Board, Target, filled_in

_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Span:
    """The time range of a query, and its resolution.

    Attributes:
        begin: Seconds since 1970.
        end: Seconds since 1970.
        step: Seconds between two points.
        scrape_interval: Seconds between two scrapes by Prometheus.
    """

    begin: float
    end: float
    step: float
    scrape_interval: float


@dataclass(frozen=True, slots=True)
class Curve:
    """One series of a query, without values that are not numbers.

    Attributes:
        legend: The series' name on the panel.
        times: Seconds since 1970.
        values: One value for each of the times.
    """

    legend: str
    times: tuple[float, ...]
    values: tuple[float, ...]


class DashboardData:
    """A dashboard's data from one Prometheus.

    Args:
        url: The address of Prometheus.
        board: The dashboard.
        span: The time range.
        chosen: The selected values of some variables; of the other variables, all values are selected.
    """

    def __init__(self, url: str, board: Board, span: Span, chosen: Mapping[str, Sequence[str]] | None = None) -> None:
        self._url = url
        self._span = span
        self.chosen = {
            variable.name: self._label_values(variable.metric, variable.label) for variable in board.variables
        }
        self.chosen |= chosen or {}

    def curves(self, target: Target) -> list[Curve]:
        """The series of one query, sorted by legend.

        Raises:
            OSError: If Prometheus does not answer, or rejects the query.
        """
        span = self._span
        expr = filled_in(target.expr, self.chosen, step=span.step, scrape_interval=span.scrape_interval)
        found = self._ask("query_range", {"query": expr, "start": span.begin, "end": span.end, "step": span.step})
        curves = [_curve(target, one) for one in found["result"]]
        return sorted((curve for curve in curves if curve.values), key=lambda curve: _natural(curve.legend))

    def _label_values(self, metric: str, label: str) -> Sequence[str]:
        span = {"start": self._span.begin, "end": self._span.end}
        found: list[str] = self._ask(f"label/{label}/values", {"match[]": metric, **span})
        return found

    def _ask(self, path: str, parameters: Mapping[str, str | float]) -> Any:  # noqa: ANN401  decoded JSON has any type
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310  # nosec B310 # the caller's Prometheus
            return json.load(answer)["data"]


def _curve(target: Target, series: Mapping[str, Any]) -> Curve:
    samples = [(at, float(value)) for at, value in series["values"]]
    samples = [(at, value) for at, value in samples if math.isfinite(value)]
    return Curve(target.label(series["metric"]), tuple(at for at, _ in samples), tuple(value for _, value in samples))


def _natural(legend: str) -> tuple[int, str]:
    """A sort key that compares numbers as numbers: partition 2 before partition 10."""
    return (len(legend) if legend.isdigit() else 0, legend)
