"""README's programs, run as they stand, by users who have installed a wheel."""

import queue
import re
import signal
import subprocess
import threading
import wave

import pytest

from infra.kafka.ports import free_ports
from tests.chaos.workers import ROOT
from tests.support.brokers import Broker, Namespace
from tests.support.installed import Installed

pytestmark = pytest.mark.xdist_group("wheels")

README = (ROOT / "README.md").read_text()
PROGRAMS: list[str] = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
TOPICS = {"RawAudioProducer": "audio.raw", "CompressedAudioConsumer": "audio.compressed"}
CODECS_AND_THE_LIKE = {"av", "faust-streaming", "lameenc", "numpy", "pyflac", "rocksdict", "soundfile"}
WITHIN_S = 90


@pytest.fixture
def settings(broker: Broker, namespace: Namespace) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "AUDIO_TOPIC_PREFIX": namespace.prefix,
        "AUDIO_GROUP": namespace.group,
        "AUDIO_HTTP_PORT": str(free_ports(1)),
    }


def program(containing: str, broker: Broker, namespace: Namespace) -> str:
    """README's program with that class in it, for the test's broker and topics."""
    (found,) = (text for text in PROGRAMS if containing in text)
    beginning = f'{containing}("127.0.0.1:9092"'
    assert found.count(beginning) == 1
    return found.replace(
        beginning, f'{containing}("{broker.bootstrap_servers}", "{namespace.prefix}{TOPICS[containing]}"'
    )


def test_a_client_has_neither_codecs_nor_faust(client: Installed) -> None:
    code = "from importlib.metadata import distributions; print(*(one.name.lower() for one in distributions()))"
    done = client.run(client.python, "-P", "-c", code)
    installed = set(done.stdout.split())
    assert "aiokafka" in installed
    assert not installed & CODECS_AND_THE_LIKE


def test_every_program_is_one_of_the_two() -> None:
    assert ["RawAudioProducer" in text for text in PROGRAMS] == [True, False]


def test_a_call_is_sent_and_its_result_received(
    client: Installed, worker: Installed, broker: Broker, namespace: Namespace, settings: dict[str, str]
) -> None:
    with wave.open(str(client.workspace / "prompt.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 16_000))
    for name in ("RawAudioProducer", "CompressedAudioConsumer"):
        (client.workspace / f"{name}.py").write_text(program(name, broker, namespace))
    applied = client.run(client.command, "topics", "apply", **settings)
    assert applied.returncode == 0, applied.stderr
    serving = worker.start(worker.command, "worker", **settings)
    reading = client.start(client.python, "CompressedAudioConsumer.py")
    try:
        sent = client.run(client.python, "RawAudioProducer.py")
        assert (sent.returncode, sent.stderr) == (0, "")
        assert line_of(reading).startswith("call-1 0 audio/")
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(WITHIN_S) == 0, serving.stdout.read() if serving.stdout else ""
    finally:
        reading.kill()
        serving.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    """The next line that a process prints."""
    assert process.stdout is not None
    lines = queue.SimpleQueue[str]()
    threading.Thread(target=lambda output: lines.put(output.readline()), args=[process.stdout], daemon=True).start()
    return lines.get(timeout=WITHIN_S)
