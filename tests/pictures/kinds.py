"""Draws the three kinds of panels in Grafana's style."""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from infra.grafana.data import Curve
from infra.grafana.panels import LIMIT
from infra.grafana.reading import Panel
from tests.pictures.timeline import Timeline

TEXT = "#24292e"
_FAINT, _GRID = "#6a737d", "#e8eaed"
_COLORS = {"green": "#3a9d5d", "yellow": "#d9a514", "orange": "#e07b26", "red": "#cf3f3f"}
_NO_DATA = "#9aa0a6"
_PALETTE = (
    "#3b75af",
    "#e1812c",
    "#4a9a55",
    "#8f6bb0",
    "#c9544f",
    "#7f6a5b",
    "#d57fbe",
    "#b3a136",
    "#3fa9b5",
    "#7f7f7f",
)
_SHOWN_LEGENDS = 4
_TILE_WORDS = 20  # characters of a line of a tile's title
_FRESH_S = 15.0  # how old a tile's value may be
_KIBI = 1024
_BYTES = ("B", "KiB", "MiB", "GiB")
_SUFFIXES = {"none": "", "short": "", "s": " s", "reqps": "/s", "opm": "/min"}

Floats = NDArray[np.float64]


def draw_tile(axes: Axes, panel: Panel, curves: Sequence[Curve], at: float) -> None:
    """Draw a stat panel at a time of the run.

    Args:
        axes: The axes.
        panel: The panel.
        curves: Its data.
        at: The time, in seconds since 1970.
    """
    values = [(curve.legend, value) for curve in curves if (value := _value(curve, at)) is not None]
    color = _COLORS[panel.color(values[0][1])] if values else _NO_DATA
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[], facecolor=color)
    axes.spines[:].set_visible(False)
    axes.set_title(textwrap.fill(panel.title, _TILE_WORDS), loc="left", fontsize=9, color=TEXT, pad=4)
    words = [panel.texts[value][0] if value in panel.texts else _written(value, panel.unit) for _, value in values]
    words[1:] = [f"({word} {legend})" for word, (legend, _) in zip(words[1:], values[1:], strict=True)]
    axes.text(0.5, 0.47, " ".join(words) or "no data", ha="center", va="center", fontsize=14, color="white")


def draw_graph(axes: Axes, panel: Panel, curves: Sequence[Curve], timeline: Timeline) -> None:
    """A panel with curves.

    Args:
        axes: The axes.
        panel: The panel.
        curves: Its data.
        timeline: The events of the run.
    """
    _prepare(axes, panel, timeline)
    measured = [curve for curve in curves if curve.legend != LIMIT]
    colors = [_PALETTE[number % len(_PALETTE)] for number in range(len(measured))]
    if not measured:
        axes.text(0.5, 0.5, "no data", ha="center", va="center", color=_FAINT, transform=axes.transAxes)
    elif panel.stacked:
        times, parts = _aligned(measured)
        labels = [curve.legend for curve in measured]
        axes.stackplot(_minutes(times, timeline), parts, colors=colors, alpha=0.8, linewidth=0, labels=labels)
    else:
        for curve, color in zip(measured, colors, strict=True):
            axes.plot(*_broken(curve, timeline), color=color, linewidth=1.6, label=curve.legend)
    for limit in (curve for curve in curves if curve.legend == LIMIT):
        axes.plot(*_broken(limit, timeline), color=_COLORS["red"], linewidth=1, linestyle="--", label=LIMIT)
    for value, color in panel.steps[1:]:
        axes.axhline(value, color=_COLORS[color], linewidth=1, linestyle="--")
    axes.set_ylim(bottom=0, top=panel.top and panel.top * 1.02)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _written(value, panel.unit)))
    _legend(axes)


def draw_timeline(axes: Axes, panel: Panel, curves: Sequence[Curve], timeline: Timeline) -> None:
    """A panel with a band of states for each series; as `draw_graph`."""
    _prepare(axes, panel, timeline)
    for height, curve in enumerate(curves):
        minutes = _minutes(np.array(curve.times), timeline)
        bars = list(zip(minutes, np.diff(minutes), strict=False))
        colors = [_COLORS[panel.color(value)] for value in curve.values[:-1]]
        axes.broken_barh(bars, (height - 0.4, 0.8), facecolors=colors, linewidth=0)
    axes.set_yticks(range(len(curves)), [curve.legend for curve in curves])
    axes.grid(visible=False)


def _prepare(axes: Axes, panel: Panel, timeline: Timeline) -> None:
    axes.set_axis_on()
    axes.set_title(panel.title, loc="left", fontsize=11, color=TEXT, pad=12)
    axes.grid(visible=True, color=_GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9, colors=_FAINT, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlim(0, timeline.minutes(timeline.end))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda minutes, _: f"{minutes:g} min" if minutes else ""))
    for number, event in enumerate(timeline.events, 1):
        minute = timeline.minutes(event.at)
        axes.axvline(minute, color=_FAINT, linewidth=0.8, linestyle=":")
        setup = axes.get_xaxis_transform()
        axes.text(minute, 1.0, str(number), fontsize=8.5, color=_FAINT, ha="center", va="bottom", transform=setup)


def _legend(axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > _SHOWN_LEGENDS:
        rest = len(labels) - _SHOWN_LEGENDS + 1
        handles, labels = handles[:_SHOWN_LEGENDS], [*labels[: _SHOWN_LEGENDS - 1], f"and {rest} more"]
    if labels:
        axes.legend(
            handles,
            labels,
            loc="upper left",
            bbox_to_anchor=(0, -0.12),
            ncols=2,
            columnspacing=1,
            handlelength=1.2,
            fontsize=9,
            labelcolor=_FAINT,
            frameon=False,
        )


def _value(curve: Curve, at: float) -> float | None:
    """The last value before a time, if it is recent."""
    number = int(np.searchsorted(curve.times, at, side="right")) - 1
    return curve.values[number] if number >= 0 and at - curve.times[number] <= _FRESH_S else None


def _aligned(curves: Sequence[Curve]) -> tuple[Floats, list[Floats]]:
    """All times of some curves, and their values, 0 where missing."""
    times = np.unique(np.concatenate([curve.times for curve in curves])) if curves else np.zeros(0)
    parts = [np.zeros(len(times)) for _ in curves]
    for part, curve in zip(parts, curves, strict=True):
        part[np.searchsorted(times, curve.times)] = curve.values
    return times, parts


def _broken(curve: Curve, timeline: Timeline) -> tuple[Floats, Floats]:
    """Minutes and values of a curve, with gaps where values are missing."""
    times, values = np.array(curve.times), np.array(curve.values)
    steps = np.diff(times)
    gaps = np.flatnonzero(steps > 1.5 * steps.min(initial=np.inf)) + 1
    return np.insert(_minutes(times, timeline), gaps, np.nan), np.insert(values, gaps, np.nan)


def _minutes(times: Floats, timeline: Timeline) -> Floats:
    return (times - timeline.begin) / 60


def _written(value: float, unit: str) -> str:
    """A value with its unit, as short as Grafana writes it."""
    match unit:
        case "percentunit":
            return f"{_short(100 * value)} %"
        case "bytes":
            exponent = min(int(math.log(max(value, 1), _KIBI)), len(_BYTES) - 1)
            return f"{_short(value / _KIBI**exponent)} {_BYTES[exponent]}"
        case "s" if 0 < abs(value) < 1:
            return f"{_short(1000 * value)} ms"
        case _:
            return f"{_short(value)}{_SUFFIXES[unit]}"


def _short(value: float) -> str:
    """Three digits, or more before the point."""
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
