"""Who hears is told to the audit; lists go on from cursors of their own alone."""

import asyncio
import json
import time

import httpx

from schemas.topics import AUDIT
from streams.api.cursors import Cursor
from streams.clients.topic_reader import TopicReader
from tests.support.api_process import ApiProcess
from tests.support.brokers import Broker, Namespace

AUDIO = bytes(range(256)) * 10
PCMU = {"content-type": "audio/PCMU"}


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def sent(api: ApiProcess, key: str) -> str:
    """The id of a recording that was sent to Lisbon."""
    answer = httpx.post(
        f"{api.url}/v1/recordings", params={"hotel": "lisbon"}, content=AUDIO, headers=bearer(key) | PCMU, timeout=30
    )
    return str(answer.json()["id"])


def test_who_hears_is_told_once_and_who_only_looks_is_not(
    broker: Broker, namespace: Namespace, guarded: ApiProcess, keys: dict[str, str]
) -> None:
    number, listener = sent(guarded, keys["sender-lisbon"]), bearer(keys["listener-lisbon"])
    place = f"{guarded.url}/v1/recordings/{number}"
    for method, path in (("GET", ""), ("HEAD", "/original")):
        assert httpx.request(method, f"{place}{path}", headers=listener, timeout=30).status_code == 200
    for part in ({"range": "bytes=0-99"}, {"range": "bytes=100-199"}, {}):  # a player asks for a file in parts
        heard = httpx.get(f"{place}/original", headers=listener | part, timeout=30)
        assert heard.status_code in {200, 206}
    assert heard.content == AUDIO
    (told,) = [one for one in asyncio.run(audited(broker, namespace)) if one["event.action"] == "listen"]
    assert told["user.roles"] == ["listener"]
    assert f"recording:{number}" in str(told["audit.objects"])


async def audited(broker: Broker, namespace: Namespace) -> list[dict[str, object]]:
    """What is in the audit; an entry is written before the answer that it is about."""
    async with TopicReader(broker.bootstrap_servers, f"{namespace.prefix}{AUDIT}") as reader:
        begins, ends = await reader.bounds()
        return [json.loads(one.value or b"") async for one in reader.between(begins, ends)]


def test_a_cursor_that_was_made_up_shows_nothing_of_others(guarded: ApiProcess, keys: dict[str, str]) -> None:
    numbers = [sent(guarded, keys["sender-lisbon"]) for _ in range(2)]
    url, lisbon, porto = f"{guarded.url}/v1/recordings", bearer(keys["sender-lisbon"]), bearer(keys["sender-porto"])
    for one in numbers:
        guarded.wait_for_indexed(one, lisbon)
    page = httpx.get(url, params={"limit": 1}, headers=lisbon).json()
    cursor = page["cursor"]
    following = httpx.get(url, params={"limit": 1, "cursor": cursor}, headers=lisbon).json()
    assert {one["items"][0]["id"] for one in (page, following)} == set(numbers)
    changed = ("B" if cursor[0] == "A" else "A") + cursor[1:]
    for forged in (changed, cursor[::-1], "A" * 43, cursor[:-1], "../../etc/passwd", "' OR 1=1 --", ""):
        answer = httpx.get(url, params={"limit": 1, "cursor": forged}, headers=lisbon)
        assert answer.status_code in {400, 422}, (forged, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    for filters in ({"hotel": "lisbon"}, {"channel": "guest"}):
        assert httpx.get(url, params=filters | {"cursor": cursor}, headers=lisbon).status_code == 422
    # Whoever knows how cursors are made has one of another list, and sees no more than his own.
    own = Cursor(round(time.time() * 1000) + 60_000, numbers[0])
    for known in (cursor, own.text({}), own.text({"hotel": "lisbon"})):
        answer = httpx.get(url, params={"cursor": known}, headers=porto)
        assert answer.status_code == 422 or answer.json()["items"] == []
