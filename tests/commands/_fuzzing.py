"""What scripts/fuzz does."""

import argparse
import json
import sys
import time

from scripts.cli import fail, progress_bar
from tests.support.fuzzing.mutation import mutant
from tests.support.fuzzing.samples import all_samples
from tests.support.fuzzing.trial import TrialResult, trial


def show(options: argparse.Namespace) -> int:
    """Write one mutated file; returns the exit code."""
    file = mutant(all_samples(), options.seed, options.show)
    options.out.write_bytes(file.audio)
    print(f"{options.out}: {len(file.audio)} bytes, a mutated {file.name}, labelled {file.media_type}")
    return 0


def run(options: argparse.Namespace) -> int:
    """Decode the mutated files; returns the exit code. An interruption prints what was done until then."""
    began = time.monotonic()
    total = TrialResult()
    try:
        with progress_bar() as progress:
            bar = progress.add_task("files", total=options.inputs)
            for result in trial(options.first, options.inputs, options.seed, options.processes):
                total.add(result)
                progress.advance(bar, result.inputs)
                for number, failure in result.failures.items():
                    progress.console.print(f"{number}: {failure}", markup=False, highlight=False, soft_wrap=True)
    finally:
        _report(options, total, time.monotonic() - began)
    if total.worker_deaths or total.failures:
        return fail("fuzz", f"{len(total.failures)} files failed; `--show NUMBER --seed {options.seed}` writes one")
    return 0


def _report(options: argparse.Namespace, total: TrialResult, seconds: float) -> None:
    deaths = total.child_deaths.total()
    print(f"{total.inputs} files, seed {options.seed}, {seconds:.0f} s", file=sys.stderr)
    print(f"worker deaths {total.worker_deaths}, decoder deaths {deaths}, failures {len(total.failures)}")
    for code, number in total.outcomes.most_common():
        print(f"  {code:24}{number:>9}")
    if options.json is not None:
        figures = {
            "inputs": total.inputs,
            "seed": options.seed,
            "first": options.first,
            "seconds": round(seconds, 1),
            "worker_deaths": total.worker_deaths,
            "decoder_deaths": dict(total.child_deaths),
            "outcomes": dict(total.outcomes.most_common()),
            "failures": {str(number): failure for number, failure in sorted(total.failures.items())},
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
