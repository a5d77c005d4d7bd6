"""Draws a dashboard in one picture for the page of a document: the tiles at some times, and the graphs in `SHOWN`."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from PIL import Image

from infra.grafana.data import Curve, DashboardData
from infra.grafana.reading import Board, Panel
from tests.pictures.kinds import TEXT, draw_graph, draw_tile, draw_timeline
from tests.pictures.timeline import Event, Timeline

#: Titles of the graphs in the picture; all of them would be too small to read.
SHOWN = (
    "Oldest input waiting",
    "Time to the result",
    "Dead letters by reason",
    "Load by worker",
    "Results by level",
    "Predicted quality",
    "Hit rate",
    "Processor",
)
_ACROSS = 2
#: A page shows 900 pixels across: the picture has twice as many, for sharp screens, and fonts of 8 points and more.
_DPI = 180
_WIDTH = 10.0  # inches, as all of these
_EVENTS_HEIGHT, _TILES_HEIGHT, _GRAPHS_HEIGHT, _HEADING_HEIGHT = 0.35, 0.95, 2.25, 0.35
_COLORS_OF_A_PNG = 128

_Band = tuple[str, float, Callable[[SubFigure], None]]


class Picture:
    """One picture of a dashboard.

    Args:
        board: The dashboard.
        data: Its data.
        timeline: The events of the run.
        progress: Called after each part.
    """

    def __init__(self, board: Board, data: DashboardData, timeline: Timeline) -> None:
        self._data = data
        self._timeline = timeline
        self._bands = [self._events(), *self._bands_of(board)]
        self.parts = len(self._bands)

    def save(self, file: Path, progress: Callable[[], None]) -> None:
        """Draw it.

        Args:
            file: The PNG file.
            progress: Called after each part.
        """
        bands = self._bands
        heights = [height for _, height, _ in bands]
        figure = Figure(figsize=(_WIDTH, sum(heights)), dpi=_DPI, layout="constrained")
        parts = np.ravel(np.array(figure.subfigures(len(bands), 1, height_ratios=heights)))
        for part, (heading, _, draw) in zip(parts, bands, strict=True):
            if heading:
                part.suptitle(heading, x=0.005, ha="left", fontsize=12, fontweight="bold", color=TEXT)
            draw(part)
            progress()
        _save(figure, file)

    def _bands_of(self, board: Board) -> list[_Band]:
        tiles = [
            (row.title, found) for row in board.rows if (found := [one for one in row.panels if one.kind == "stat"])
        ]
        graphs = {panel.title: panel for panel in board.panels}
        lines = [SHOWN[first : first + _ACROSS] for first in range(0, len(SHOWN), _ACROSS)]
        return [
            *(self._tiles(title, panels, moment) for title, panels in tiles for moment in self._timeline.moments),
            *(self._graphs([graphs[title] for title in line]) for line in lines),
        ]

    def _tiles(self, title: str, panels: Sequence[Panel], moment: Event) -> _Band:
        def draw(part: SubFigure) -> None:
            for axes, panel in zip(_axes(part, len(panels)), panels, strict=True):
                draw_tile(axes, panel, self._curves(panel), moment.at)

        heading = f"{title}   At {self._timeline.minutes(moment.at):.1f} min, {moment.what}:"
        return heading, _TILES_HEIGHT + _HEADING_HEIGHT, draw

    def _graphs(self, panels: Sequence[Panel]) -> _Band:
        def draw(part: SubFigure) -> None:
            for axes, panel in zip(_axes(part, _ACROSS), panels, strict=False):
                kind = draw_timeline if panel.kind == "state-timeline" else draw_graph
                kind(axes, panel, self._curves(panel), self._timeline)

        return "", _GRAPHS_HEIGHT, draw

    def _events(self) -> _Band:
        def draw(part: SubFigure) -> None:
            named = [f"{number}  {event.what}" for number, event in enumerate(self._timeline.events, 1)]
            part.text(0.005, 0.5, "     ".join(named), fontsize=9, color=TEXT, va="center")

        return "Five minutes of two workers", _HEADING_HEIGHT + _EVENTS_HEIGHT, draw

    def _curves(self, panel: Panel) -> list[Curve]:
        return [curve for target in panel.targets for curve in self._data.curves(target)]


def _axes(part: SubFigure, count: int) -> list[Axes]:
    axes: list[Axes] = np.ravel(np.array(part.subplots(1, count))).tolist()
    for one in axes:
        one.set_axis_off()  # until something is drawn there
    return axes


def _save(figure: Figure, file: Path) -> None:
    """Save with few colours, for a small file."""
    with io.BytesIO() as drawn:
        figure.savefig(drawn, format="png")
        Image.open(drawn).convert("RGB").quantize(_COLORS_OF_A_PNG, dither=Image.Dither.NONE).save(file, optimize=True)
