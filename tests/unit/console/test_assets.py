"""What browsers load: what is vendored is what was released, and all of it is light."""

import gzip
import hashlib
from pathlib import Path

from tests.chaos.workers import ROOT

STATIC = ROOT / "streams" / "console" / "static"
VENDOR = STATIC / "vendor"
MOST_BYTES = 60_000


def zipped(path: Path) -> int:
    return len(gzip.compress(path.read_bytes()))


def test_vendored_files_are_as_released() -> None:
    lines = (VENDOR / "hashes.sha256").read_text().splitlines()
    expected = {name: digest for digest, name in (line.split() for line in lines)}
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.name != "hashes.sha256"
    }
    assert found == expected
    assert {"uPlot.LICENSE", "wavesurfer.LICENSE"} <= found.keys()


def test_scripts_and_styles_are_light() -> None:
    weights = {path.name: zipped(path) for path in STATIC.rglob("*") if path.suffix in (".js", ".css")}
    assert len(weights) >= 8
    assert sum(weights.values()) <= MOST_BYTES


def test_templates_have_no_inline_scripts_styles_or_foreign_addresses() -> None:
    for path in (ROOT / "streams" / "console" / "templates").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        for forbidden in ("<script>", "<style", " style=", " onclick", "javascript:", "http://", "https://"):
            assert forbidden not in text, f"{path.name} has {forbidden}"
