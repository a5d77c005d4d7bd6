"""Shows the lag on audio.raw and audio.recordings by partition: waiting records, their age, and the owner."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaConnectionError
from rich.live import Live
from rich.table import Table

from schemas.record import TopicPartition
from schemas.topics import INPUTS, copartitioned, inputs
from scripts.cli import Cluster, CommandError, add_cluster_options, cluster_of, run, writable
from scripts.tables import ReportTable, report_console
from streams.kafka.lag import ClusterSnapshot, LagReader

_LOOK_SECONDS = 5.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = parser().parse_args(argv)
    return run("lag", _lag(options))


async def _lag(options: argparse.Namespace) -> int:
    cluster = cluster_of(options)
    return await (_watch(cluster) if options.watch else _show(cluster, options.json))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/lag",
        description=__doc__,
        epilog="Only records that read_committed consumers may read count, no transaction markers.",
    )
    how = made.add_mutually_exclusive_group()
    how.add_argument("--json", type=writable, metavar="FILE", help="also write the figures to a file")
    how.add_argument("--watch", action="store_true", help=f"repeat every {_LOOK_SECONDS:g} s, until Ctrl-C")
    add_cluster_options(made)
    return made


async def _show(cluster: Cluster, file: Path | None) -> int:
    reader = await _reader(cluster)
    try:
        snapshot = await _snapshot(cluster, reader)
    finally:
        await reader.close()
    if file is not None:
        file.write_text(json.dumps(_as_json(snapshot), indent=2) + "\n")
    report_console().print(_table(snapshot))
    return 0


async def _watch(cluster: Cluster) -> int:
    reader = await _reader(cluster)
    try:
        with Live(console=report_console(), auto_refresh=False) as live:
            while True:
                live.update(_table(await _snapshot(cluster, reader)), refresh=True)
                await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await reader.close()


async def _reader(cluster: Cluster) -> LagReader:
    await cluster.check(INPUTS)
    names = (cluster.prefix, cluster.group)
    return LagReader(cluster.connection, cluster.group, copartitioned(*names), inputs(*names), probes=None)


async def _snapshot(cluster: Cluster, reader: LagReader) -> ClusterSnapshot:
    try:
        return await reader.read()
    except KafkaConnectionError as error:
        raise cluster.unreachable(error) from error
    except TimeoutError as error:
        raise CommandError(f"the Kafka brokers at {cluster.bootstrap_servers} do not answer in time") from error


def _as_json(snapshot: ClusterSnapshot) -> list[dict[str, Any]]:
    """One object for each partition."""
    now = time.time()
    return [
        {
            "topic": tp.topic,
            "partition": tp.partition,
            "records": lag.records,
            "seconds": lag.seconds(now),
            "beyond_end": lag.beyond,
            "owner": (snapshot.owners or {}).get(tp),
        }
        for tp, lag in snapshot.lags.items()
    ]


def _table(snapshot: ClusterSnapshot) -> Table:
    now = time.time()
    waiting = sum(lag.records for lag in snapshot.lags.values())
    table = ReportTable(title=f"{waiting} records wait", keys=2)
    for column in ("topic", "partition", "records", "oldest", "owner"):
        table.add_column(column, justify="right" if column in {"partition", "records", "oldest"} else "left")
    for tp, lag in snapshot.lags.items():
        seconds = lag.seconds(now)
        oldest = "" if not lag.records else "?" if seconds is None else f"{seconds:.1f} s"
        if lag.beyond:
            oldest = f"committed {lag.beyond} beyond the end"
        table.add_row(tp.topic, str(tp.partition), str(lag.records), oldest, _owner(snapshot, tp))
    return table


def _owner(snapshot: ClusterSnapshot, tp: TopicPartition) -> str:
    if tp.partition >= snapshot.topology.servable:
        return "nobody: ./scripts/topics grow"
    return "(rebalancing)" if snapshot.owners is None else snapshot.owners.get(tp, "nobody")


if __name__ == "__main__":
    sys.exit(main())
