import asyncio
from dataclasses import replace
from pathlib import Path

import httpx

from streams.api.index.identity import recording_id
from tests.support.api_process import ApiProcess
from tests.support.brokers import Broker, Namespace
from tests.support.events import COMPRESSED
from tests.support.sealing import sealed_topics

RESULT = replace(COMPRESSED, causation_source="/pbx", causation_id="sealed-1")


async def test_a_sealed_result_is_heard_until_it_is_erased(
    broker: Broker, namespace: Namespace, tmp_path: Path
) -> None:
    async with sealed_topics(broker, namespace, tmp_path / "keys") as topics:
        key = await topics.seal([RESULT.to_record()])
        api = ApiProcess(broker.bootstrap_servers, namespace, tmp_path, AUDIO_KEY_STORE=topics.address)
        api.start()
        try:
            await asyncio.to_thread(api.wait_until_ready)
            number = recording_id("/pbx", "sealed-1")
            async with httpx.AsyncClient(base_url=api.url, timeout=30) as client:
                await asyncio.to_thread(api.wait_for, number, "done")
                while (heard := await client.get(f"/v1/recordings/{number}/audio")).status_code == 503:
                    await asyncio.sleep(0.1)  # the keys are still being read
                assert (heard.status_code, heard.content) == (200, RESULT.audio)
                await topics.erase(key)
                await asyncio.to_thread(api.wait_for, number, "erased")
                assert (await client.get(f"/v1/recordings/{number}/audio")).status_code == 410
        finally:
            await asyncio.to_thread(api.stop)
