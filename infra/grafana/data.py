"""What the dashboard's queries give: the data that Grafana would show, asked of Prometheus directly."""

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
    """What is looked at.

    Attributes:
        begin: In seconds since 1970.
        end: Likewise.
        step: Seconds between two points.
        scrape_interval: Seconds between two samples of Prometheus.
    """

    begin: float
    end: float
    step: float
    scrape_interval: float


@dataclass(frozen=True, slots=True)
class Curve:
    """One series of a query; what is no number is left out.

    Attributes:
        legend: Its name on the panel.
        times: In seconds since 1970.
        values: One for each of the times.
    """

    legend: str
    times: tuple[float, ...]
    values: tuple[float, ...]


class DashboardData:
    """A dashboard's data from one Prometheus.

    Args:
        url: Of Prometheus.
        board: The dashboard.
        span: What is looked at.
        chosen: Values chosen of some variables; all of the others are.
    """

    def __init__(self, url: str, board: Board, span: Span, chosen: Mapping[str, Sequence[str]] | None = None) -> None:
        self._url = url
        self._span = span
        self.chosen = {
            variable.name: self._label_values(variable.metric, variable.label) for variable in board.variables
        }
        self.chosen |= chosen or {}

    def curves(self, target: Target) -> list[Curve]:
        """What one query gives, in the order of the legends.

        Raises:
            OSError: If Prometheus does not answer, or not this query.
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

    def _ask(self, path: str, parameters: Mapping[str, str | float]) -> Any:  # noqa: ANN401  decoded JSON is what it is
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310  the Prometheus that was given
            return json.load(answer)["data"]


def _curve(target: Target, series: Mapping[str, Any]) -> Curve:
    samples = [(at, float(value)) for at, value in series["values"]]
    samples = [(at, value) for at, value in samples if math.isfinite(value)]
    return Curve(target.label(series["metric"]), tuple(at for at, _ in samples), tuple(value for _, value in samples))


def _natural(legend: str) -> tuple[int, str]:
    """Numbers among themselves: partition 2 before partition 10."""
    return (len(legend) if legend.isdigit() else 0, legend)
