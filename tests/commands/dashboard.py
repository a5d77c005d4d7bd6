"""The Grafana dashboard: `dashboard write` generates its file, `dashboard picture` draws what it shows.

The picture's data come from a run of five minutes with its own Kafka, two workers and Prometheus: with a burst, a
worker that is killed, and bad inputs.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from infra.grafana.dashboard import FILE, as_json
from infra.grafana.data import DashboardData
from infra.grafana.reading import read
from infra.kafka.errors import LocalKafkaError
from infra.monitoring.errors import MonitoringError
from scripts.cli import CommandError, end_as_interrupted, fail, progress_bar, say, writable
from tests.pictures.drawing import Picture
from tests.pictures.run import SECONDS, DashboardRun

_PROJECT = Path(__file__).resolve().parents[2]
_RUN_DIR = _PROJECT / ".run"
_INTERRUPTED = 130  # as shells do
_say = partial(say, "dashboard")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(argv)
    if options.action == "write":
        FILE.write_text(as_json())
        _say(f"wrote {FILE.relative_to(_PROJECT)}")
        return 0
    end_as_interrupted()
    _RUN_DIR.mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="dashboard-", dir=_RUN_DIR))
    try:
        _picture(directory, options.out)
    except (CommandError, LocalKafkaError, MonitoringError, OSError) as error:
        return fail("dashboard", f"{error}; logs are in {directory}")
    except KeyboardInterrupt:
        _say("interrupted; all processes are stopped")
        return _INTERRUPTED
    shutil.rmtree(directory)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/dashboard", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "action",
        choices=("write", "picture"),
        help=f"write: generate {FILE.relative_to(_PROJECT)} from the code; picture: run, and draw the tiles and "
        "eight of the graphs",
    )
    parser.add_argument(
        "--out",
        type=writable,
        default=_PROJECT / "docs" / "dashboard.png",
        metavar="FILE",
        help="PNG file to write (default: docs/dashboard.png)",
    )
    return parser


def _picture(directory: Path, out: Path) -> None:
    board = read(FILE)
    with ExitStack() as started:
        run = DashboardRun(directory, started, _say)
        progress = started.enter_context(progress_bar())
        bar = progress.add_task("running", total=SECONDS)
        _say(f"running for {SECONDS} s")
        finished = asyncio.run(run.execute(lambda: progress.advance(bar)))
        data = DashboardData(finished.url, board, finished.span)
        _say("drawing")
        picture = Picture(board, data, finished.timeline)
        drawn = progress.add_task("drawing", total=picture.parts)
        picture.save(out, lambda: progress.advance(drawn))
    _say(f"wrote {out}")


if __name__ == "__main__":
    sys.exit(main())
