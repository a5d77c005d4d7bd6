"""The dashboard on a genuine Prometheus that watches a worker and an API process: every query of a panel has data."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infra.grafana.dashboard import FILE
from infra.grafana.data import DashboardData, Span
from infra.grafana.reading import Board, read
from infra.monitoring.configuration import Monitoring
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.workers import ROOT, Worker, running
from tests.chaos.workload import calls
from tests.e2e.test_worker import exact
from tests.pictures.drawing import Picture
from tests.pictures.timeline import Event, Timeline
from tests.support.api_process import ApiProcess, serving
from tests.support.brokers import Broker, Namespace
from tests.support.observability import observing

HOTELS = ("lisbon", "seaside")
BOARD = read(FILE)


@pytest.fixture
def worker(broker: Broker, namespace: Namespace, tmp_path: Path, topics: None) -> Worker:
    """A worker with a memory limit, as the dashboard shows memory as a share of it."""
    settings = {"AUDIO_MEMORY_LIMIT": "2GB"}
    return Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path, **settings)


@pytest.fixture
def api(broker: Broker, namespace: Namespace, tmp_path: Path, topics: None) -> Iterator[ApiProcess]:
    with serving(ApiProcess(broker.bootstrap_servers, namespace, tmp_path)) as process:
        yield process


def last(data: DashboardData, board: Board, title: str) -> dict[str, float]:
    """The last value of each curve of a panel."""
    [panel] = [panel for panel in board.panels if panel.title == title]
    return {curve.legend: curve.values[-1] for target in panel.targets for curve in data.curves(target)}


async def test_every_query_of_every_panel_has_data(
    worker: Worker, api: ApiProcess, oracle: DeliveryOracle, tmp_path: Path
) -> None:
    watched = Monitoring([f"127.0.0.1:{worker.port}"], scrape_interval="1s", apis=[f"127.0.0.1:{api.port}"])
    with running(worker), observing(tmp_path / "monitoring", watched) as seen:
        begin = time.time()
        await oracle.send(calls(50, name=1, bad_share=0.1, hotels=HOTELS))
        await asyncio.to_thread(seen.await_data, "audio_dead_letters_total")
        await asyncio.to_thread(seen.await_data, "audio_api_requests_total")
        await oracle.send(calls(50, name=2, bad_share=0.1, hotels=HOTELS))
        await exact(oracle)
        await asyncio.to_thread(seen.await_data, "sum(max by (topic, partition) (audio_lag_records)) == 0")
        # Prometheus counts steps from the beginning of the range: the last one must not be before now.
        span = Span(begin, time.time() + 1, step=1, scrape_interval=1)
        data = DashboardData(seen.url, BOARD, span)
        without = [
            f"{panel.title}: {target.expr}"
            for panel in BOARD.panels
            for target in panel.targets
            if not data.curves(target)
        ]
        assert without == []
        assert set(data.chosen["hotel"]) == {*HOTELS, "other"}  # bad inputs may have no hotel
        assert data.chosen["partition"] == [str(partition) for partition in range(8)]
        assert last(data, BOARD, "Workers missing") == {"missing": 0, "ready": 1}
        assert last(data, BOARD, "Partitions without owner") == {"without owner": 0}
        assert set(last(data, BOARD, "Inputs waiting").values()) == {0}
        chosen = DashboardData(seen.url, BOARD, span, {"hotel": HOTELS[:1], "partition": ["3"]})
        assert last(chosen, BOARD, "Delay by hotel").keys() == set(HOTELS[:1])
        assert last(chosen, BOARD, "Inputs").keys() == {"3"}
        draw(data, span, tmp_path / "dashboard.png")


def draw(data: DashboardData, span: Span, file: Path) -> None:
    """The picture of this data is a valid image, and no part of it is empty."""
    moments = (Event(span.end, "at the end"),)
    picture = Picture(BOARD, data, Timeline(span.begin, span.end, moments, moments))
    drawn: list[bool] = []
    picture.save(file, lambda: drawn.append(True))
    with Image.open(file) as opened:
        rows = np.asarray(opened.convert("L"))
    assert len(drawn) == picture.parts
    assert all(part.min() < part.max() for part in np.array_split(rows, picture.parts))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_command_plays_and_draws(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.commands.dashboard", "picture", "--out", str(tmp_path / "dashboard.png")]
    played = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
    assert played.returncode == 0, played.stderr
    assert (tmp_path / "dashboard.png").stat().st_size > 50_000
