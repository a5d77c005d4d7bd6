"""Injects faults into a genuine cluster and workers, and lets an independent oracle judge the outcomes.

Every round sends calls, injects one to three faults, waits until every input has an outcome, and judges: nothing lost,
duplicated, out of order or damaged. The same seed gives the same rounds. Exit code 0 if all are exact, 1 otherwise.
"""

import argparse
import asyncio
import json
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from infra.kafka.errors import LocalKafkaError
from scripts.benchmarks.machine import environment
from scripts.cli import count, end_as_interrupted, fail, progress_bar, say, writable
from scripts.tables import ReportTable, report_console
from tests.chaos.bench import ChaosBench
from tests.chaos.errors import ChaosError
from tests.chaos.faults import FAULTS, possible
from tests.chaos.verdict import RoundVerdict, Totals

_INTERRUPTED = 130  # as shells do
_SHOWN_PROBLEMS = 10
_LIBRARIES = ("faust-streaming", "aiokafka", "rocksdict", "av", "soundfile", "numpy")
_say = partial(say, "chaos")
_RUN_DIR = Path(__file__).resolve().parents[2] / ".run"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(argv)
    if options.list:
        return _list()
    impossible = set(options.faults or ()) - set(possible(secure=options.secure))
    if impossible:
        return fail("chaos", f"faults that need {_needs(options.secure)}: {', '.join(sorted(impossible))}")
    # The client library logs every retry, and faults cause many.
    for chatty in ("aiokafka", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL + 1)
    end_as_interrupted()
    _RUN_DIR.mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="chaos-", dir=_RUN_DIR))
    try:
        return asyncio.run(_run(options, directory))
    except (ChaosError, LocalKafkaError) as error:
        print(f"chaos: {error}\nchaos: logs are in {directory}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"chaos: interrupted; all processes are stopped, logs are in {directory}", file=sys.stderr)
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=count, default=10, metavar="N", help="number of rounds (default: 10)")
    parser.add_argument(
        "--seed",
        type=int,
        default=None,
        metavar="S",
        help="determines workload and faults (default: random)",
    )
    parser.add_argument("--json", type=writable, metavar="FILE", help="write the figures there")
    parser.add_argument(
        "--faults", type=_names, metavar="NAME,...", help="inject only these faults (default: all that --list shows)"
    )
    parser.add_argument(
        "--secure",
        action="store_true",
        help="on a cluster with TLS, accounts and the least rights, by workers that seal everything (AUDIO_SEALING)",
    )
    parser.add_argument("--list", action="store_true", help="list the faults, and exit")
    return parser


def _needs(secure: bool) -> str:
    own = "requests in plain text" if secure else "--secure"
    return f"the right to mount file systems, or {own}"


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in FAULTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown fault {', '.join(unknown)}; --list shows them all")
    return names


def _list() -> int:
    allowed = {*possible(), *possible(secure=True)}
    for name, fault in FAULTS.items():
        secure = " (with --secure)" if fault.needs_sealing else ""
        note = secure if name in allowed else " (needs the right to mount file systems)"
        print(f"{name:30} {(fault.__doc__ or '').strip().splitlines()[0]}{note}")
    return 0


async def _run(options: argparse.Namespace, directory: Path) -> int:
    seed = options.seed if options.seed is not None else time.time_ns() % 2**31
    _say(f"seed {seed}, {options.rounds} rounds, everything in {directory}")
    totals = Totals()
    try:
        async with ChaosBench(directory, seed=seed, faults=options.faults, secure=options.secure, report=_say) as bench:
            with progress_bar() as progress:
                bar = progress.add_task("rounds", total=options.rounds)
                for number in range(options.rounds):
                    verdict = await bench.round(number)
                    totals.add(verdict)
                    _tell(verdict, progress.console)
                    progress.advance(bar)
    finally:
        if options.json is not None and totals.rounds:
            about = {"seed": seed, "secure": options.secure} | environment(_LIBRARIES)
            options.json.write_text(json.dumps(totals.as_json() | about, indent=2) + "\n")
    _print(totals, report_console())
    return _conclude(totals, directory)


def _tell(verdict: RoundVerdict, console: Console) -> None:
    faults = ", ".join(
        f"{fault.name} ({fault.what}{'' if fault.recovery_s is None else f'; {fault.recovery_s:.1f} s'})"
        for fault in verdict.faults
    )
    right = "exact" if not verdict.problems else f"{len(verdict.problems)} PROBLEMS"
    line = f"round {verdict.number}: {verdict.inputs} inputs, {verdict.seconds:.0f} s, {right}: {faults}"
    console.print(line, markup=False, highlight=False, soft_wrap=True)
    for problem in verdict.problems[:_SHOWN_PROBLEMS]:
        console.print(f"  {problem.kind}: {problem.detail}", style="red", markup=False, highlight=False, soft_wrap=True)


def _print(totals: Totals, console: Console) -> None:
    figures = totals.as_json()
    table = ReportTable(title="faults, and seconds until every partition had results again")
    for heading in ("fault", "count", "alone p50", "alone max", "combined p50", "combined max"):
        table.add_column(heading, justify="left" if heading == "fault" else "right")
    for name, row in figures["faults"].items():
        table.add_row(name, *("-" if value is None else str(value) for value in row.values()))
    console.print(table)
    summary = ReportTable(title=f"{totals.rounds} rounds, {totals.inputs} inputs, {totals.seconds:.0f} s")
    wrong: dict[str, Any] = {
        kind: figures[kind] for kind in ("lost", "duplicated", "reordered", "damaged", "plaintext")
    }
    row = {**wrong, **figures["other_problems"], "aborted": figures["aborted_outcomes"]}
    for heading in row:
        summary.add_column(heading, justify="right")
    summary.add_row(*map(str, row.values()))
    console.print(summary)


def _conclude(totals: Totals, directory: Path) -> int:
    if not totals.exact:
        return fail("chaos", f"{totals.problems.total()} problems; evidence in {directory}")
    shutil.rmtree(directory)
    if not totals.hit:
        _say("the faults hit no open transaction: run more rounds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
