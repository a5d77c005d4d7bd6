"""What importing and making our clients does to the process of whoever uses them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

#: Prints how many attributes of aiokafka's were looked at, and then those that are others than before.
PROGRAM = """
import asyncio, importlib, inspect, pkgutil, sys
import aiokafka

def attributes():
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "aiokafka":
            for key, value in vars(module).items():
                if key == "__builtins__" or inspect.ismodule(value):
                    continue
                yield f"{name}.{key}", value
                if inspect.isclass(value):
                    yield from ((f"{name}.{key}.{attribute}", its) for attribute, its in vars(value).items())

for module in pkgutil.walk_packages(aiokafka.__path__, "aiokafka."):
    importlib.import_module(module.name)
before = dict(attributes())

import streams.clients
for module in pkgutil.iter_modules(streams.clients.__path__, "streams.clients."):
    importlib.import_module(module.name)

from streams.clients import CompressedAudioConsumer, RawAudioProducer
from streams.clients.dead_letters import DeadLetterReader
from streams.clients.replay import Replayer

async def make():
    made = [RawAudioProducer("127.0.0.1:1"), CompressedAudioConsumer("127.0.0.1:1", group_id="readers"),
            CompressedAudioConsumer("127.0.0.1:1"), DeadLetterReader("127.0.0.1:1"), Replayer("127.0.0.1:1")]
    for client in made:
        try:
            await client.__aenter__()
        except Exception:
            continue
        raise SystemExit("nobody listens there")

asyncio.run(make())
after = dict(attributes())
print(len(before))
changed = [name for name in before.keys() | after.keys() if before.get(name) is not after.get(name)]
print(*(name for name in changed if not name.endswith("._PRODUCER_CLIENT_ID_SEQUENCE")), sep="\\n")  # it counts them
"""


def test_they_change_nothing_of_aiokafka() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    looked_at, *changed = ran.stdout.split()
    assert int(looked_at) > 5000
    assert changed == []
