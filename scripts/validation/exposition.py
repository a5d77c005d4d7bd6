"""Reads metrics in Prometheus' text format."""

import re
from typing import NamedTuple

_LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Sample(NamedTuple):
    """One value of a metric, with its labels."""

    labels: dict[str, str]
    value: float


def parse(text: str) -> dict[str, list[Sample]]:
    """Read an exposition: the samples of each metric by its name. Lines of another form are left out."""
    found: dict[str, list[Sample]] = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        try:
            value = float(match[3])
        except ValueError:
            continue
        found.setdefault(match[1], []).append(Sample(dict(_LABEL.findall(match[2] or "")), value))
    return found
