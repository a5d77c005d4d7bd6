"""The search for what an erasure must not leave behind, on directories and on an ext4 image with deleted files."""

import json
import os
import random
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from scripts.commands import prove_erasure

CODECS = {"plain": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
CONTROL = bytes(range(200, 232))
Prove = Callable[..., tuple[int, dict[str, object]]]


@pytest.fixture
def prove(tmp_path: Path) -> Prove:
    """Runs the command; returns its exit code and report."""

    def run(
        path: Path, erased: Mapping[str, bytes], keys: Mapping[str, bytes] | None = None, control: bytes = CONTROL
    ) -> tuple[int, dict[str, object]]:
        kinds = {"erased": erased, "keys": keys or {}, "control": {"control": control}}
        patterns, report = tmp_path / "patterns.json", tmp_path / "report.json"
        document = {kind: {name: value.hex() for name, value in those.items()} for kind, those in kinds.items()}
        patterns.write_text(json.dumps(document))
        code = prove_erasure.main([str(path), "--patterns", str(patterns), "--json", str(report)])
        return code, json.loads(report.read_text())

    return run


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory whose only file has the control."""
    made = tmp_path / "data"
    made.mkdir()
    (made / "control").write_bytes(b"\0" * 17 + CONTROL)
    return made


def batch(codec: str, values: list[bytes]) -> bytes:
    """A record batch as a broker stores it."""
    builder = DefaultRecordBatchBuilder(2, CODECS[codec], 0, -1, -1, 0, 2**27)
    for offset, value in enumerate(values):
        builder.append(offset, 1_700_000_000_000, b"key", value, [])
    return bytes(builder.build())


def canaries(count: int) -> dict[str, bytes]:
    """Random bytes, the same in every run."""
    source = random.Random(22)
    return {f"canary-{number}": source.randbytes(64) for number in range(count)}


def test_nothing_is_found_where_nothing_is(prove: Prove, directory: Path) -> None:
    (directory / "other").write_bytes(random.Random(1).randbytes(100_000))
    code, report = prove(directory, canaries(1000))
    assert (code, report["found"], report["controlsMissed"]) == (0, {}, [])


def test_nothing_is_found_in_a_single_file(prove: Prove, directory: Path) -> None:
    code, report = prove(directory / "control", canaries(1000))
    assert (code, report["unread"]) == (0, [])


def test_without_the_control_the_scan_proves_nothing(prove: Prove, directory: Path) -> None:
    code, report = prove(directory, canaries(1), control=b"not anywhere")
    assert (code, report["controlsMissed"]) == (2, ["control"])


def test_no_control_at_all_is_refused(directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    patterns = tmp_path / "patterns.json"
    patterns.write_text(json.dumps({"erased": {"one": "00" * 8}}))
    assert prove_erasure.main([str(directory), "--patterns", str(patterns)]) == 2
    assert "without one the scan proves nothing" in capsys.readouterr().err


@pytest.mark.parametrize("codec", CODECS)
def test_every_canary_in_record_batches_is_found(prove: Prove, directory: Path, codec: str) -> None:
    wanted = canaries(1000)
    (directory / "0.log").write_bytes(batch(codec, list(wanted.values())) + batch(codec, [b"after"]))
    code, report = prove(directory, wanted)
    assert (code, report["found"].keys() if isinstance(report["found"], dict) else None) == (1, wanted.keys())
    assert report["decodedBatches"] == (0 if codec == "plain" else 2)


@pytest.mark.parametrize("position", [0, 8 * 2**20 - 63, 8 * 2**20 - 1, 8 * 2**20, 9 * 2**20 + 1])
def test_a_canary_is_found_once_wherever_it_lies(prove: Prove, directory: Path, position: int) -> None:
    (wanted,) = canaries(1).values()
    (directory / "large").write_bytes(b"\0" * position + wanted)
    code, report = prove(directory, {"one": wanted})
    assert (code, report["found"]) == (1, {"one": [f"{directory / 'large'} at {position}"]})


@pytest.mark.parametrize("before", range(4))
def test_a_key_is_found_in_each_encoding(prove: Prove, directory: Path, before: int) -> None:
    (key,) = (value[:32] for value in canaries(1).values())
    for text in (b"x" * before + key, key.hex().encode(), key.hex().upper().encode(), b64encode(b"x" * before + key)):
        (directory / "text").write_bytes(text)
        assert prove(directory, {}, {"key": key})[0] == 1


def test_a_batch_that_cannot_be_decoded_is_not_claimed(prove: Prove, directory: Path) -> None:
    whole = batch("gzip", list(canaries(100).values()))
    (directory / "0.log").write_bytes(whole[:200])
    code, report = prove(directory, {"other": b"some other bytes"})
    assert (code, report["undecodedPlaces"]) == (2, [f"{directory / '0.log'} at 0"])


@pytest.mark.skipif(not shutil.which("mkfs.ext4") or not shutil.which("debugfs"), reason="needs ext4's programs")
def test_deleted_files_are_found_on_an_image(prove: Prove, directory: Path, tmp_path: Path) -> None:
    wanted = canaries(1000)
    for number, (name, value) in enumerate(wanted.items()):
        codec = list(CODECS)[number % len(CODECS)]
        (directory / name).write_bytes(batch(codec, [b"before", value]))
    image = tmp_path / "device"
    image.touch()
    os.truncate(image, 32 * 2**20)
    subprocess.run(["mkfs.ext4", "-q", "-d", directory, image], check=True)
    removals = tmp_path / "removals"
    removals.write_text("".join(f"rm {name}\n" for name in wanted))
    subprocess.run(["debugfs", "-w", "-f", removals, image], check=True, capture_output=True)
    code, report = prove(image, wanted)
    assert (code, report["found"].keys() if isinstance(report["found"], dict) else None) == (1, wanted.keys())
