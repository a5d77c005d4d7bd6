"""Reads the dashboard's file for tests and the picture: its panels, and their queries with variables filled in."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Characters that Grafana escapes in a value, as the value is part of a regular expression in quotes.
_SPECIAL = re.compile(r"[\\^$*+?.()|\[\]{}]")
_LABEL_VALUES = re.compile(r"label_values\((\w+), (\w+)\)")
_MIN_SAMPLES = 4  # number of scrape intervals in Grafana's $__rate_interval


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel: PromQL with Grafana's variables, and the legend of its series."""

    expr: str
    legend: str

    def label(self, labels: Mapping[str, str]) -> str:
        """The legend of the series with these labels."""
        return re.sub(r"\{\{(\w+)\}\}", lambda name: labels.get(name[1], ""), self.legend)


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: its data, and how values are shown.

    Attributes:
        title: Its title.
        kind: Grafana's name of the visualization: ``timeseries``, ``stat`` or ``state-timeline``.
        description: The text that Grafana shows on request.
        unit: Grafana's id of the unit.
        targets: Its queries.
        steps: The colours, each with the value from which on it applies.
        texts: For some values, the text that is shown instead, and its colour.
        stacked: Whether its series are parts of a whole.
        top: The largest possible value, None if there is no limit.
        links: Addresses, with Grafana's variables.
    """

    title: str
    kind: str
    description: str
    unit: str
    targets: tuple[Target, ...]
    steps: tuple[tuple[float, str], ...]
    texts: Mapping[float, tuple[str, str]]
    stacked: bool
    top: float | None
    links: tuple[str, ...]

    def color(self, value: float) -> str:
        """The colour of a value."""
        if value in self.texts:
            return self.texts[value][1]
        return next((color for least, color in reversed(self.steps) if value >= least), self.steps[0][1])


@dataclass(frozen=True, slots=True)
class Row:
    """A title, and the panels below it."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable whose values are those of a metric's label."""

    name: str
    metric: str
    label: str


@dataclass(frozen=True, slots=True)
class Board:
    """The dashboard."""

    rows: tuple[Row, ...]
    variables: tuple[Variable, ...]

    @property
    def panels(self) -> list[Panel]:
        """The panels of all rows."""
        return [panel for row in self.rows for panel in row.panels]


def read(file: Path) -> Board:
    """Read a dashboard's file.

    Raises:
        ValueError: If a variable has a form that the dashboard's code does not generate.
    """
    content = json.loads(file.read_text())
    rows: list[tuple[str, list[Panel]]] = []
    for one in content["panels"]:
        if one["type"] == "row":
            rows.append((one["title"], []))
        else:
            rows[-1][1].append(_panel(one))
    queries = [one for one in content["templating"]["list"] if one["type"] == "query"]
    return Board(
        tuple(Row(title, tuple(panels)) for title, panels in rows),
        tuple(_variable(one["name"], one["query"]["query"]) for one in queries),
    )


def filled_in(expr: str, chosen: Mapping[str, Sequence[str]], *, step: float, scrape_interval: float) -> str:
    """Replace a query's variables with values, as Grafana does for Prometheus.

    Args:
        expr: PromQL with variables.
        chosen: The selected values of each variable.
        step: Seconds between two points of the graph.
        scrape_interval: The data source's scrape interval in seconds.
    """
    window = max(step + scrape_interval, _MIN_SAMPLES * scrape_interval)
    texts = {name: _alternatives(values) for name, values in chosen.items()}
    texts["__rate_interval"] = f"{max(1000 * window, 1):.0f}ms"
    return re.sub(r"\$(\w+)|\$\{(\w+)\}", lambda name: texts[name[1] or name[2]], expr)


def _alternatives(values: Sequence[str]) -> str:
    escaped = [_SPECIAL.sub(r"\\\\\g<0>", value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def _variable(name: str, query: str) -> Variable:
    if (found := _LABEL_VALUES.fullmatch(query)) is None:
        raise ValueError(f"the variable {name} is not of the form label_values(METRIC, LABEL): {query}")
    return Variable(name, found[1], found[2])


def _panel(one: Mapping[str, Any]) -> Panel:
    defaults = one["fieldConfig"]["defaults"]
    steps = defaults["thresholds"]["steps"]
    return Panel(
        title=one["title"],
        kind=one["type"],
        description=one["description"],
        unit=defaults["unit"],
        targets=tuple(Target(target["expr"], target["legendFormat"]) for target in one["targets"]),
        steps=tuple((float("-inf") if step["value"] is None else step["value"], step["color"]) for step in steps),
        texts={
            float(value): (result["text"], result["color"])
            for mapping in defaults.get("mappings", ())
            for value, result in mapping["options"].items()
        },
        stacked=defaults.get("custom", {}).get("stacking", {}).get("mode") == "normal",
        top=defaults.get("max"),
        links=tuple(link["url"] for link in one["links"]),
    )
