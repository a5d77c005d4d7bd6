"""`scripts/bench stores`: what the pool of the object stores costs, and what a failover loses."""

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from infra.kafka.errors import LocalKafkaError
from infra.kafka.ports import free_ports
from infra.stores.local import LocalStores, LocalStoresError
from scripts.benchmarks.stores import failover, overhead
from scripts.cli import count, end_as_interrupted, fail, progress_bar, seconds, writable
from scripts.tables import report_console
from streams.stores import Credentials, FixedSecret, Stores, StoresConfiguration
from streams.stores.configuration import parse_locations

_CLIPS, _OPERATIONS = 1000, 2000
_INTERVAL = 5.0
_INTERRUPTED = 130


def add_stores(parser: argparse.ArgumentParser) -> None:
    """Give the sub-command its options."""
    parser.add_argument("--clips", type=count, default=_CLIPS, help="stored during the failover (default: %(default)s)")
    parser.add_argument(
        "--operations", type=count, default=_OPERATIONS, help="for the pool's overhead, each way (default: %(default)s)"
    )
    parser.add_argument(
        "--interval", type=seconds, default=_INTERVAL, help="seconds between health checks (default: %(default)s)"
    )
    parser.add_argument("--json", type=writable, metavar="FILE", help="write the figures there as well")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    end_as_interrupted()
    with tempfile.TemporaryDirectory(prefix="bench-stores-") as directory:
        servers = LocalStores(Path(directory) / "stores", 2, free_ports(2))
        try:
            servers.start()
            return _measure(servers, options)
        except (LocalKafkaError, LocalStoresError) as error:
            return fail("bench", str(error))
        except KeyboardInterrupt:
            return _INTERRUPTED
        finally:
            servers.stop()


def _measure(servers: LocalStores, options: argparse.Namespace) -> int:
    with progress_bar() as progress:
        bar = progress.add_task("overhead", total=options.operations + 2 * options.clips)

        def advance() -> None:
            progress.advance(bar)

        stores = _one_endpoint(servers)
        try:
            cost = overhead.measure(stores, options.operations, advance)
        finally:
            stores.close()
        progress.update(bar, description="failover")
        outcome = failover.run(servers, options.clips, options.interval, advance)
    if options.json is not None:
        figures = {"overhead_us": asdict(cost) | {"added": cost.added}, "failover": asdict(outcome)}
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    report_console().print(_overhead_table(cost), _failover_table(outcome))
    return 0 if outcome.lost == outcome.corrupt == outcome.late == 0 else 1


def _one_endpoint(servers: LocalStores) -> Stores:
    account = Credentials(FixedSecret(servers.access_key), FixedSecret(servers.secret_key))
    uri = servers.uri.replace(f"endpoint={servers.endpoints[1]}&", "")
    return Stores.of(StoresConfiguration(parse_locations(uri), account))


def _overhead_table(cost: overhead.Overhead) -> Table:
    table = Table("reading 20 kB, median", "µs", title="The pool's overhead")
    table.add_row("obstore alone", f"{cost.bare:.0f}")
    table.add_row("through the pool", f"{cost.pooled:.0f}")
    table.add_row("difference", f"{cost.added:.0f}")
    table.add_row("the pool, with an operation that does nothing", f"{cost.machinery:.0f}")
    return table


def _failover_table(outcome: failover.Failover) -> Table:
    back = "never" if outcome.back_within is None else f"{outcome.back_within:.1f} s"
    table = Table("", "", title=f"{outcome.clips} clips while one of two endpoints is killed and brought back")
    table.add_row("lost", str(outcome.lost))
    table.add_row("corrupt", str(outcome.corrupt))
    table.add_row("beyond the deadline", str(outcome.late))
    table.add_row("slowest operation", f"{outcome.slowest:.2f} s")
    table.add_row("failovers", str(outcome.failovers))
    table.add_row("traffic on both again after", f"{back} (checks every {outcome.interval:g} s)")
    return table
