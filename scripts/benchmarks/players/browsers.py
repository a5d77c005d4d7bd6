"""Browsers, which open a page on this machine that plays and decodes every sample and posts what it finds."""

import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from scripts.benchmarks.players.heard import Heard
from scripts.benchmarks.players.samples import FORMATS, TONE, Sample

_PAGE = Path(__file__).with_name("page.html")
_WAIT_S = 120  # for the next sample
_END_S = 10
_SHOWN_S = 0.05  # by which the position that a browser shows may differ from the one it was asked for
_PREFERENCES = """\
user_pref("media.autoplay.default", 0);
user_pref("media.autoplay.blocking_policy", 0);
"""


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser without a window.

    Attributes:
        name: Its name.
        command: Makes the command from an empty directory for its profile.
        plays: Whether it plays to the end on a machine without sound hardware.
        formats: Those of `FORMATS` that it reads.
    """

    name: str
    command: Callable[[Path], Sequence[str]]
    plays: bool
    formats: Sequence[str] = FORMATS

    def hear(self, samples: Sequence[Sample], scratch: Path, heard: Callable[[Sample, Heard], None]) -> None:
        """Let the browser open samples.

        Args:
            samples: The samples.
            scratch: An empty directory.
            heard: Called with each sample and what the browser makes of it.
        """
        waiting = {sample.name: sample for sample in samples}
        with _serving(samples, plays=self.plays) as (url, found), self._running(url, scratch):
            while waiting:
                try:
                    answer = found.get(timeout=_WAIT_S)
                except queue.Empty:
                    break
                sample = waiting.pop(answer["name"])
                heard(sample, _heard(sample, answer))
        for sample in waiting.values():
            heard(sample, Heard(f"no answer within {_WAIT_S} s"))

    @contextmanager
    def _running(self, url: str, scratch: Path) -> Iterator[None]:
        with (scratch / "output").open("wb") as output:
            process = subprocess.Popen(
                [*self.command(scratch), url],
                env={**os.environ, "HOME": str(scratch)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                yield
            finally:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(_END_S)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


def _heard(sample: Sample, answer: Mapping[str, Any]) -> Heard:
    """What a browser posted: of the length that it shows and the one that it decodes, the one that is further off."""
    lengths = [answer[key] for key in ("duration", "decoded") if answer.get(key) is not None]
    seconds = max(lengths, key=lambda length: abs(length - sample.seconds), default=None)
    landed = {float(asked): tuple(sides) for asked, sides in answer.get("landed", {}).items()}
    problem = answer.get("problem")
    missed = [
        f"to {asked:g} s: shows {shown:g}" for asked, shown in answer.get("asked", []) if abs(shown - asked) > _SHOWN_S
    ]
    return Heard(problem or next(iter(missed), None), seconds, landed)


@contextmanager
def _serving(samples: Sequence[Sample], *, plays: bool) -> Iterator[tuple[str, "queue.Queue[dict[str, Any]]"]]:
    """Serve the page and the samples; yields the page's address, and a queue of what it posts."""
    found: queue.Queue[dict[str, Any]] = queue.Queue()
    work = {"samples": [_described(sample) for sample in samples], "tone": asdict(TONE), "plays": plays}
    pages = {
        "/": ("text/html", _PAGE.read_bytes()),
        "/samples": ("application/json", json.dumps(work).encode()),
        **{f"/files/{one.name}": ("application/octet-stream", one.audio) for one in samples},
    }
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(pages, found)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", found
        server.shutdown()


def _described(sample: Sample) -> dict[str, object]:
    """What the page has to know of a sample."""
    return {
        "name": sample.name,
        "content_type": sample.content_type,
        "channels": sample.channels,
        "positions": sample.positions,
        "seeks": sample.seeks,
    }


def _handler(
    pages: Mapping[str, tuple[str, bytes]], found: "queue.Queue[dict[str, Any]]"
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = pages.get(self.path, ("text/plain", b""))
            self.send_response(200 if self.path in pages else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            found.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _chromium(scratch: Path) -> list[str]:
    offline = ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    window = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    profile = ["--autoplay-policy=no-user-gesture-required", f"--user-data-dir={scratch / 'profile'}"]
    return ["chromium", *window, *offline, *profile, "--remote-debugging-port=0"]


def _firefox(scratch: Path) -> list[str]:
    profile = scratch / "profile"
    profile.mkdir()
    (profile / "user.js").write_text(_PREFERENCES)
    return ["firefox-esr", "--headless", "--no-remote", "--profile", str(profile)]


BROWSERS = (Browser("Chromium", _chromium, plays=True), Browser("Firefox", _firefox, plays=False))
