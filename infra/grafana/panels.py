"""The three kinds of panels of the dashboard, with the options that all panels of a kind share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import common as options
from grafana_foundation_sdk.builders.dashboard import DashboardLink, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.stat import Panel as StatPanel
from grafana_foundation_sdk.builders.statetimeline import Panel as TimelinePanel
from grafana_foundation_sdk.builders.timeseries import Panel as GraphPanel
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)

Panel = GraphPanel | StatPanel | TimelinePanel
_P = TypeVar("_P", GraphPanel, StatPanel, TimelinePanel)

GREEN, YELLOW, ORANGE, RED = "green", "yellow", "orange", "red"
DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
#: Legend of a series that is a limit, not a measurement.
LIMIT = "limit"

_GRAPH_WIDTH, _GRAPH_HEIGHT = 8, 8  # in the grid's 24 columns, and in its units of 30 pixels
_STAT_WIDTH, _STAT_HEIGHT = 4, 4
_FILL = 10  # percent


@dataclass(frozen=True, slots=True)
class Words:
    """Title, description and alerts of a panel.

    Attributes:
        title: Unique on the dashboard.
        description: What the panel shows, and what a bad value means.
        alerts: Names of the alerts on the same subject; each becomes a link into the runbook.
    """

    title: str
    description: str
    alerts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel.

    Attributes:
        expr: PromQL, with Grafana's variables.
        legend: The name of its series; labels as ``{{label}}``.
    """

    expr: str
    legend: str


Steps = Sequence[tuple[float, str]]
"""From which value on which colour; green below the first."""


def graph(
    words: Words, *queries: Query, unit: str, steps: Steps = (), stacked: bool = False, top: float | None = None
) -> GraphPanel:
    """A graph of series over time, from 0 upwards.

    Args:
        words: Title, description and alerts.
        queries: The series to draw.
        unit: Grafana's id of the unit.
        steps: Thresholds of the alerts, drawn as dashed lines.
        stacked: Whether the series are parts of a whole.
        top: The largest possible value; with None, the scale follows the data.
    """
    panel = GraphPanel().min(0).fill_opacity(_FILL).line_width(1).show_points(common.VisibilityMode.NEVER)
    if top is not None:
        panel.max(top)
    if stacked:
        panel.fill_opacity(4 * _FILL).stacking(options.StackingConfig().mode(common.StackingMode.NORMAL))
    if steps:
        panel.thresholds_style(options.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED))
    panel.legend(
        options.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.LIST)
        .placement(common.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    panel.tooltip(options.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    panel.override_by_name(
        LIMIT,
        [
            DynamicConfigValue("color", {"mode": "fixed", "fixedColor": RED}),
            DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 8]}),
            DynamicConfigValue("custom.fillOpacity", 0),
        ],
    )
    return _common(panel.span(_GRAPH_WIDTH).height(_GRAPH_HEIGHT), words, queries, unit, steps)


def stat(
    words: Words, *queries: Query, unit: str, steps: Steps, texts: Mapping[int, tuple[str, str]] | None = None
) -> StatPanel:
    """The last value as a large number, on a background whose colour rates the value.

    Args:
        words: Title, description and alerts.
        queries: The values to show.
        unit: Grafana's id of the unit.
        steps: Colours of the background, by value.
        texts: For some values, the text to show instead, and its colour.
    """
    panel = StatPanel().color_mode(common.BigValueColorMode.BACKGROUND).graph_mode(common.BigValueGraphMode.AREA)
    panel.reduce_options(options.ReduceDataOptions().calcs(["last"])).no_value("no data")
    if texts:
        panel.mappings([_texts(texts)])
    return _common(panel.span(_STAT_WIDTH).height(_STAT_HEIGHT), words, queries, unit, steps)


def timeline(words: Words, *queries: Query, texts: Mapping[int, tuple[str, str]]) -> TimelinePanel:
    """States over time, as one band per series.

    Args:
        words: Title, description and alerts.
        queries: The series to show.
        texts: Name and colour of each state.
    """
    panel = TimelinePanel().mappings([_texts(texts)]).show_value(common.VisibilityMode.NEVER)
    return _common(panel.span(_GRAPH_WIDTH).height(_GRAPH_HEIGHT), words, queries, "none", ())


def _common(panel: _P, words: Words, queries: Sequence[Query], unit: str, steps: Steps) -> _P:
    levels = [Threshold(None, GREEN), *(Threshold(value, color) for value, color in steps)]
    panel.title(words.title).description(words.description).datasource(DATASOURCE).unit(unit)
    panel.thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(levels))
    panel.links([_runbook(alert) for alert in words.alerts])
    for letter, query in zip("ABCDE", queries, strict=False):
        target = Dataquery().ref_id(letter).expr(query.expr).legend_format(query.legend).range()
        panel.with_target(target.datasource(DATASOURCE))
    return panel


def _runbook(alert: str) -> DashboardLink:
    return DashboardLink(alert).type(DashboardLinkType.LINK).url(f"${{runbook}}#{alert.lower()}").target_blank(True)


def _texts(texts: Mapping[int, tuple[str, str]]) -> ValueMap:
    return ValueMap({str(value): ValueMappingResult(text=text, color=color) for value, (text, color) in texts.items()})
