"""The proof of an erasure: scans all files, and tells what was found and what was not scanned."""

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scripts.cli import CommandError, fail, progress_bar, say
from scripts.commands._json import write_json
from scripts.proving.matching import Matcher
from scripts.proving.patterns import Pattern, read_patterns
from scripts.proving.scanning import Scan, scan_file, size_of

_NAME = "prove-erasure"
_FOUND, _PROVES_NOTHING = 1, 2


def prove(options: argparse.Namespace) -> int:
    """Scan and report; returns the exit code: 0 nothing found, 1 found, 2 the scan proves nothing."""
    try:
        return _prove(options)
    except CommandError as error:
        fail(_NAME, str(error))
        return _PROVES_NOTHING


def _prove(options: argparse.Namespace) -> int:
    patterns = read_patterns(options.patterns)
    scan = Scan()
    files = [file for path in options.paths for file in _files(path, scan)]
    matcher = Matcher(patterns)
    began = time.monotonic()
    with progress_bar() as bar:
        task = bar.add_task("scan", total=sum(_size(file) for file in files))
        for file in files:
            scan_file(file, matcher, scan, lambda count: bar.advance(task, count))
    rate = scan.scanned / 1e6 / max(time.monotonic() - began, 1e-9)
    report = _report(scan, patterns, rate)
    if options.json:
        write_json(options.json, report)
    return _tell(scan, report)


def _files(path: Path, scan: Scan) -> Iterator[Path]:
    """The files below a path; links are not followed."""
    if path.is_file() or path.is_block_device():
        yield path
        return
    if not path.is_dir():
        raise CommandError(f"{path}: no block device, file or directory")
    for folder, _, names in os.walk(path, onerror=lambda error: scan.unread.append(str(error))):
        found = (Path(folder, name) for name in sorted(names))
        yield from (file for file in found if file.is_file() and not file.is_symlink())


def _size(file: Path) -> int:
    try:
        return size_of(file)
    except OSError:  # the scan says so
        return 0


def _report(scan: Scan, patterns: Sequence[Pattern], rate: float) -> dict[str, Any]:
    controls = {pattern.name for pattern in patterns if pattern.is_control}
    return {
        "scannedBytes": scan.scanned,
        "megabytesPerSecond": round(rate, 1),
        "decodedBatches": scan.batches,
        "undecodedBatches": scan.undecoded,
        "undecodedPlaces": scan.undecoded_places,
        "unread": scan.unread,
        "patterns": len({pattern.name for pattern in patterns} - controls),
        "found": {name: scan.places[name] for name in sorted(scan.hits.keys() - controls)},
        "controls": len(controls),
        "controlsMissed": sorted(controls - scan.hits.keys()),
    }


def _tell(scan: Scan, report: dict[str, Any]) -> int:
    say(_NAME, f"{scan.scanned:,} bytes at {report['megabytesPerSecond']} MB/s, {scan.batches} batches decoded")
    for name, places in report["found"].items():
        say(_NAME, f"found {scan.hits[name]} times: {name}: {places[0]}")
    for place in scan.unread:
        say(_NAME, f"not scanned: {place}")
    if scan.undecoded:
        say(_NAME, f"{scan.undecoded} record batches cannot be decoded: {', '.join(scan.undecoded_places)}")
    if report["found"]:
        return _FOUND
    if report["controlsMissed"]:
        fail(_NAME, f"the control was not found, so the scan proves nothing: {', '.join(report['controlsMissed'])}")
        return _PROVES_NOTHING
    if scan.unread or scan.undecoded:
        fail(_NAME, "nothing was found, but not all could be scanned, so the scan proves nothing")
        return _PROVES_NOTHING
    say(_NAME, f"none of {report['patterns']} patterns found; all {report['controls']} of the control were")
    return 0
