"""A real Chromium, and a server for it."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from starlette.types import ASGIApp

CHROMIUM = "/usr/bin/chromium"
_AXE = Path(__file__).with_name("axe") / "axe.min.js"
_WAIT_MS = 60_000  # for anything to show, also on a busy machine
#: Without a sandbox, as tests may run as root; and sound without a click.
_OPTIONS = ("--no-sandbox", "--autoplay-policy=no-user-gesture-required")


@contextlib.contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """A server in a thread; yields its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


class Browsing:
    """A window of a browser, and what went wrong in it."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.page: Page = context.pages[0]
        self.complaints: list[str] = []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") or "Content Security Policy" in message.text:
            self.complaints.append(message.text)

    def accessibility(self) -> list[str]:
        """What axe finds in the page. The page's policy allows no scripts of others, the debugger does."""
        debugger = self.context.new_cdp_session(self.page)
        debugger.send("Runtime.evaluate", {"expression": _AXE.read_text(encoding="utf-8")})
        expression = "axe.run().then(found => JSON.stringify(found.violations))"
        answer = debugger.send("Runtime.evaluate", {"expression": expression, "awaitPromise": True})
        debugger.detach()
        found: list[dict[str, Any]] = json.loads(answer["result"]["value"])
        return [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found for node in one["nodes"]]


@contextlib.contextmanager
def browsing(profile: Path) -> Iterator[Browsing]:
    """A browser without a window.

    Args:
        profile: A directory of its own.
    """
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(profile, executable_path=CHROMIUM, args=[*_OPTIONS])
        try:
            context.set_default_timeout(_WAIT_MS)
            expect.set_options(timeout=_WAIT_MS)
            yield Browsing(context)
        finally:
            context.close()
