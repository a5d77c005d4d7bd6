"""Writes the catalogue of metrics as a page of Markdown."""

import inspect
from typing import Any

from streams.telemetry.metrics import FAMILIES, ApiProcessMetrics, Metrics
from streams.telemetry.metrics.definitions import Definition, Family, HistogramOf

_PROCESSES: dict[str, type[Family]] = {"worker": Metrics, "api": ApiProcessMetrics}
_HEAD = """\
# Metrics

A worker exports {worker} metrics on `/metrics`, and an API process {api}: those of the sections Stores, Process and
API. Both export those of the process itself as well (`process_cpu_seconds_total`, `process_resident_memory_bytes`,
`process_start_time_seconds`, `process_open_fds` and so on). This page is written by
`./scripts/metrics > docs/METRICS.md` from the catalogue in `streams/telemetry/metrics/`; change it there.

The values of every label are bounded. Counters are 0 when the process starts, except `audio_worker_exits_total`.
Scrapers that ask for OpenMetrics, as Prometheus does, get exemplars as well.

Counting takes 10 µs of CPU time per record: 1 % of the lossless path's time for two seconds of speech (1.1 ms). A
scrape with 200 hotels takes 8 ms. Measured on 20,000 consecutive records, the best of five runs.
"""


def catalogue() -> str:
    """Return the page: every metric, by family."""
    count = {name: sum(1 for _ in kind.definitions()) for name, kind in _PROCESSES.items()}
    lines = [_HEAD.format(**count)]
    for family in FAMILIES:
        title, _, text = inspect.cleandoc(family.__doc__ or "").partition(": ")
        lines += [f"## {title}", "", text[0].upper() + " ".join(text[1:].split()), ""]
        lines += ["| Metric | Type | Labels | Unit | Meaning | When it looks wrong |", "|---|---|---|---|---|---|"]
        lines += [_row(definition) for definition in family.definitions()]
        lines += [""]
    lines += ["## Buckets", "", "| Histogram | Upper bounds |", "|---|---|"]
    lines += [
        f"| `{definition.name}` | {', '.join(f'{bound:g}' for bound in definition.buckets)} |"
        for family in FAMILIES
        for definition in family.definitions()
        if isinstance(definition, HistogramOf)
    ]
    return "\n".join(lines) + "\n"


def _row(definition: Definition[Any]) -> str:
    labels = " ".join(f"`{label}`" for label in definition.labels)
    if definition.values:
        labels += f": {', '.join(definition.values)}"
    cells = (f"`{definition.name}`", definition.kind, labels, definition.unit, definition.meaning, definition.advice)
    return f"| {' | '.join(cells)} |"
