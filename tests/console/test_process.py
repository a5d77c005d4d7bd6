"""The console of an API process, in a real Chromium, with a genuine Kafka and a worker."""

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.workers import Worker
from tests.console.browsing import Browsing, browsing
from tests.support.api_process import ApiProcess
from tests.support.brokers import Broker, Namespace

pytestmark = pytest.mark.xdist_group("console")

SECONDS = 6


@pytest.fixture
async def topics(broker: Broker, namespace: Namespace) -> None:
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)


@pytest.fixture
def processes(broker: Broker, namespace: Namespace, topics: None, tmp_path: Path) -> Iterator[ApiProcess]:
    stores = (tmp_path / "objects").as_uri()
    worker = Worker(
        broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path / "worker", AUDIO_STORES=stores
    )
    api = ApiProcess(broker.bootstrap_servers, namespace, tmp_path)
    worker.start()
    api.start()
    try:
        api.wait_until_ready()
        yield api
    finally:
        api.stop()
        worker.stop()


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Browsing]:
    with browsing(tmp_path / "profile") as found:
        yield found


def test_a_call_that_was_sent_is_found_seen_and_heard(processes: ApiProcess, window: Browsing, tmp_path: Path) -> None:
    for channel in ("guest", "agent"):
        for sequence in range(2):
            send(processes, channel, sequence, wav())
    bad = send(processes, "prompt", 0, b"no audio at all" * 20)
    processes.wait_for(bad, "dead")
    page = window.page
    page.goto(processes.url)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("call-1")
    expect(page.locator(".timeline .track-name")).to_have_text(["guest", "agent", "prompt"])
    expect(page.locator("[data-clock]")).to_contain_text(f"/ 0:0{SECONDS}.0")
    page.keyboard.press(" ")
    expect(page.locator("[data-clock]")).not_to_contain_text("0:00.0")
    page.keyboard.press("x")
    expect(page.get_by_role("button", name="Before")).to_have_attribute("aria-pressed", "true")
    assert not page.evaluate("document.querySelector('[data-audio=before]').paused")
    page.locator("[data-whole]").evaluate("whole => whole.play()")
    assert page.locator("[data-whole]").evaluate("whole => whole.duration") >= SECONDS
    assert window.complaints == []
    page.locator(".timeline a[aria-label*='refused']").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#player")).to_contain_text("It was refused")
    assert window.accessibility() == []
    page.get_by_role("link", name="See the dead letter").click()
    expect(page.locator(".letter")).to_contain_text("What to do")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("status")).to_contain_text("1 input went back")
    set_policy(window)
    page.get_by_role("link", name="Live").click()
    expect(page.locator("[data-value=lag]")).to_have_text("0")
    processes.kill()
    expect(page.locator("[data-connection]")).to_contain_text("made again by itself")
    processes.start()
    expect(page.locator("[data-connection]")).to_contain_text("Connected")
    processes.wait_until_ready()
    page.get_by_role("link", name="Estimate").click()
    (tmp_path / "call.wav").write_bytes(wav())
    (tmp_path / "text.wav").write_bytes(b"no audio at all" * 20)
    page.locator("#files").set_input_files([tmp_path / "call.wav", tmp_path / "text.wav"])
    expect(page.locator("[data-headline]")).to_contain_text("96 kB would become")
    expect(page.locator(".bars")).to_contain_text("It cannot be decoded")


def set_policy(window: Browsing) -> None:
    """Preview and save a policy of the hotel, and remove it."""
    page = window.page
    page.get_by_role("link", name="Policies").click()
    page.get_by_role("link", name="lisbon").click()
    page.get_by_label("Highest level").select_option("2")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".preview")).to_contain_text("4 results have a level above 2")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Version 1 is in force")).to_be_visible()
    assert window.accessibility() == []
    page.get_by_role("button", name="Remove the policy").click()
    expect(page.get_by_role("status")).to_contain_text("Removed")


def send(api: ApiProcess, channel: str, sequence: int, content: bytes) -> str:
    """Send a segment; returns its id once it was processed."""
    asked = {"hotel": "lisbon", "call": "call-1", "channel": channel, "sequence": str(sequence)}
    headers = {"content-type": "audio/wav"}
    answer = httpx.post(f"{api.url}/v1/recordings", params=asked, content=content, headers=headers, timeout=60)
    number = str(answer.json()["id"])
    api.wait_for(number, "done", "dead")
    return number


def wav() -> bytes:
    """Some seconds of noise that swells, at 8000 Hz."""
    noise = np.random.default_rng(3).normal(0, 1, SECONDS * 8000) * np.linspace(100, 4000, SECONDS * 8000)
    file = io.BytesIO()
    soundfile.write(file, noise.astype(np.int16), 8000, format="WAV", subtype="PCM_16")
    return file.getvalue()
