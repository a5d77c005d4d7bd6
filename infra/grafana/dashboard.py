"""The dashboard as Grafana's JSON: variables, rows and panels."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DatasourceVariable,
    QueryVariable,
    Row,
    TextBoxVariable,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from infra.grafana.panels import DATASOURCE, Panel
from infra.grafana.rows import api, archive, cache, lateness, recordings, throughput, workers

FILE = Path(__file__).parent / "dashboards" / "hotel-audio.json"
"""What is provisioned into Grafana; generated, and checked by the tests."""

_RUNBOOK = "docs/MONITORING_RUNBOOK.md"


def as_json() -> str:
    """The content of `FILE`."""
    board = (
        Dashboard("Hotel audio")
        .uid("hotel-audio")
        .description("Whether calls are lost, late or merely many; and what the workers do about it.")
        .tags(["hotel-audio"])
        .time("now-1h", "now")
        .refresh("10s")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
    )
    for variable in (_datasource(), _values("hotel", "audio_hotel_records_total"), _values("partition"), _runbook()):
        board.with_variable(variable)
    numbers = itertools.count(1)
    for title, panels in _rows():
        board.with_row(Row(title).id(next(numbers)))
        for panel in panels():
            board.with_panel(panel.id(next(numbers)))
    return json.dumps(board.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _rows() -> list[tuple[str, Callable[[], list[Panel]]]]:
    return [(row.TITLE, row.panels) for row in (lateness, throughput, recordings, cache, archive, api, workers)]


def _datasource() -> DatasourceVariable:
    return DatasourceVariable("datasource").label("Prometheus").type("prometheus")


def _values(label: str, metric: str = "audio_lag_records") -> QueryVariable:
    """A variable with a label's values, from which the reader selects some or all."""
    return (
        QueryVariable(label)
        .label(label.capitalize())
        .query({"query": f"label_values({metric}, {label})", "refId": label})
        .datasource(DATASOURCE)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.NUMERICAL_ASC if label == "partition" else VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def _runbook() -> TextBoxVariable:
    return TextBoxVariable("runbook").label("Runbook").default_value(_RUNBOOK)
