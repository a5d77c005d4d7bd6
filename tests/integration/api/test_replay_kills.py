"""A replay of many whose process is killed again and again: every input is sent again exactly once."""

import asyncio
import random
from pathlib import Path

import httpx
import pytest

from tests.support.api_process import ApiProcess
from tests.support.brokers import Broker, Namespace
from tests.support.refused import inputs, refused, write, written

EVERYTHING = {"from": "2020-01-01T00:00:00Z", "limit": 5000}


async def check(broker: Broker, namespace: Namespace, tmp_path: Path, letters: int, kills: int) -> None:
    """Kill the process when the topic has as many records as the dice say, until a replay comes to its end."""
    await write(broker, namespace, [refused(namespace, number) for number in range(letters)])
    api = ApiProcess(broker.bootstrap_servers, namespace, tmp_path)
    dice, done = random.Random(7), 0
    try:
        for number in range(kills + 1):
            api.start()
            await asyncio.to_thread(api.wait_until_ready)  # by then it knows all dead letters
            asking = asyncio.create_task(asyncio.to_thread(answered, api))
            if number < kills:
                await killed(broker, namespace, api, dice.randrange(letters // kills), asking)
            done += await asking == 200
    finally:
        api.stop()
    assert done >= 1
    assert await inputs(broker, namespace) == list(range(letters))


async def killed(
    broker: Broker, namespace: Namespace, api: ApiProcess, after: int, asking: "asyncio.Task[int]"
) -> None:
    """Kill it as soon as there are some more records than now, committed or not; or the replay has ended."""
    begun = sum((await written(broker, namespace)).values())
    while not asking.done() and sum((await written(broker, namespace)).values()) <= begun + after:
        await asyncio.sleep(0)
    api.kill()


def answered(api: ApiProcess) -> int:
    """The status of the answer; 0 without one."""
    try:
        return httpx.post(f"{api.url}/v1/replays", json=EVERYTHING, timeout=120).status_code
    except httpx.TransportError:
        return 0


async def test_each_input_is_sent_again_once_although_the_process_is_killed(
    broker: Broker, namespace: Namespace, topics: None, tmp_path: Path
) -> None:
    await check(broker, namespace, tmp_path, letters=3000, kills=3)


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_each_input_is_sent_again_once_after_many_kills(
    broker: Broker, namespace: Namespace, topics: None, tmp_path: Path
) -> None:
    await check(broker, namespace, tmp_path, letters=5000, kills=30)
