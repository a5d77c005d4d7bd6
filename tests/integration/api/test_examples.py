"""The lines that the documents show for the HTTP API do what they say."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import soundfile

from tests.chaos.workers import Worker
from tests.support.api_process import ApiProcess
from tests.support.signals import speech

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "HTTP_API.md").read_text()


def lines_of(section: str) -> str:
    """The indented lines of a section."""
    text = PAGE.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return "\n".join(line.removeprefix("    ") for line in text.splitlines() if line.startswith("    "))


def run(command: list[str], directory: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_lines_for_curl_and_python_work(api: ApiProcess, worker: Worker, tmp_path: Path) -> None:
    while not worker.is_ready():
        assert worker.alive
        time.sleep(0.1)
    here = tmp_path / "here"
    here.mkdir()
    soundfile.write(here / "call.wav", speech(2.0).samples, 8000, subtype="PCM_16")
    script = lines_of("By curl").replace("http://127.0.0.1:8000", api.url)
    assert script.count("curl ") >= 12
    told = run(["bash", "-e", "-c", script], here)
    assert '"state":"done"' in told
    assert "event: flow" in told
    assert (here / "original.wav").read_bytes() == (here / "call.wav").read_bytes()
    small = (here / "small").read_bytes()
    assert (here / "beginning").read_bytes() == small[:100]
    for name in ("heard.wav", "whole.ogg"):
        assert soundfile.info(here / name).duration == 2.0, name
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.partition("## From Python\n")[2], re.DOTALL)
    (here / "small").unlink()
    code = code.replace("hotel_audio.clients", "streams.clients").replace("http://127.0.0.1:8000", api.url)
    told = run([sys.executable, "-c", code], here)
    assert told.count(" done\n") == 2
    assert (here / "small").read_bytes() == small
