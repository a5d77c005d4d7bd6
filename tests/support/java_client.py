"""Kafka's Java client: the programs of `tests/support/java`, run with Kafka's jars."""

import subprocess
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.kafka.jars import ensure_jars
from schemas import Record

Codec = Literal["none", "gzip", "snappy", "lz4", "zstd"]
Mode = Literal["plain", "committed", "aborted"]

_PROGRAMS = Path(__file__).parent / "java"
_WITHIN_S = 120


@dataclass(frozen=True, slots=True)
class Read:
    """A record read by the client."""

    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: dict[str, bytes]


def produce(servers: str, topic: str, records: Sequence[tuple[Codec, Mode, Record]]) -> list[tuple[int, int]]:
    """Send records; returns the partition and offset of each, in the order of the records."""
    with tempfile.NamedTemporaryFile("w", suffix=".records") as file:
        file.writelines(f"{codec} {mode} {_line(record)}\n" for codec, mode, record in records)
        file.flush()
        lines = [[int(field) for field in line.split()] for line in _run("Produce", servers, topic, file.name)]
    places = {number: (partition, offset) for number, partition, offset in lines}
    return [places[number] for number in range(len(records))]


def consume(servers: str, topic: str, count: int, *, within: float, quiet: float = 2.0) -> list[Read]:
    """Read the committed records of a topic from its beginning.

    Args:
        servers: The cluster.
        topic: Its full name.
        count: Number of expected records.
        within: Seconds after which it stops waiting for them.
        quiet: Seconds without a further record after which it stops.
    """
    times = (str(int(seconds * 1000)) for seconds in (quiet, within))
    found = []
    for line in _run("Consume", servers, topic, str(count), *times):
        partition, offset, key, value, *headers = line.split(" ")
        pairs = (header.split("=", 1) for header in headers)
        named = {name: b64decode(content) for name, content in pairs}
        found.append(Read(int(partition), int(offset), b64decode(key), b64decode(value), named))
    return found


def _run(program: str, *arguments: str) -> list[str]:
    command = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{ensure_jars()}/*", str(_PROGRAMS / f"{program}.java")]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=_WITHIN_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def _line(record: Record) -> str:
    parts = [_text(record.key), _text(record.value), *(f"{name}={_text(content)}" for name, content in record.headers)]
    return " ".join(parts)


def _text(content: bytes | None) -> str:
    return b64encode(content or b"").decode()
