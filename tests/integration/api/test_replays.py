"""Sending refused inputs again over HTTP: which ones, by whom, and each once."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx

from schemas.topics import AUDIT
from scripts.commands import dead_letters
from streams.clients.topic_reader import TopicReader
from tests.support.api_process import ApiProcess
from tests.support.brokers import Broker, Namespace
from tests.support.refused import id_of, inputs, refused, write

EVERYTHING = {"from": "2020-01-01T00:00:00Z"}


def ask(api: ApiProcess, body: object, key: str | None = None) -> httpx.Response:
    headers = {"content-type": "application/json"} | ({} if key is None else {"authorization": f"Bearer {key}"})
    return httpx.post(f"{api.url}/v1/replays", content=json.dumps(body), headers=headers, timeout=60)


def replayed(api: ApiProcess, body: object, key: str | None = None) -> dict[str, Any]:
    answer = ask(api, body, key)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def counts(answer: dict[str, Any]) -> tuple[int, int, int, int]:
    return answer["replayed"], answer["before"], answer["blocked"], answer["held"]


async def test_an_input_is_sent_again_once_by_api_and_command(
    broker: Broker, namespace: Namespace, api: ApiProcess
) -> None:
    letters = [refused(namespace, number) for number in range(4)]
    await write(broker, namespace, letters)
    ids = [id_of(letter) for letter in letters]
    for one in ids:
        api.wait_for(one, "dead")
    planned = replayed(api, {"ids": ids[:2], "dryRun": True})
    assert (counts(planned), planned["dryRun"]) == ((2, 0, 0, 0), True)
    assert await inputs(broker, namespace) == []
    assert counts(replayed(api, {"ids": ids[:2]})) == (2, 0, 0, 0)
    again = replayed(api, {"ids": ids[:3]})
    assert [(one["id"], one["outcome"]) for one in again["items"]] == [
        *((one, "before") for one in ids[:2]),
        (ids[2], "replayed"),
    ]
    where = ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", namespace.prefix]
    assert await asyncio.to_thread(dead_letters.main, ["--replay", "--since", "1h", *where]) == 0
    assert counts(replayed(api, {"ids": ids})) == (0, 4, 0, 0)
    assert counts(replayed(api, {"ids": ids, "dryRun": True})) == (0, 4, 0, 0)
    assert await inputs(broker, namespace) == [0, 1, 2, 3]
    told = [one for one in await audit(broker, namespace) if one["event.action"] == "replay"]
    assert [len(one["audit.objects"]) for one in told] == [2, 1, 1]
    assert [one["user.id"] for one in told[:2]] == ["development", "development"]


async def audit(broker: Broker, namespace: Namespace) -> list[dict[str, Any]]:
    async with TopicReader(broker.bootstrap_servers, f"{namespace.prefix}{AUDIT}") as reader:
        return [json.loads(one.value or b"") async for one in reader.between(*await reader.bounds())]


async def test_they_are_chosen_by_reason_hotel_and_time_a_few_first(
    broker: Broker, namespace: Namespace, guarded: ApiProcess, keys: dict[str, str]
) -> None:
    letters = [refused(namespace, number) for number in range(8)]
    await write(broker, namespace, letters)
    everybody, lisbon, porto = (keys[f"operator-{name}"] for name in ("all", "lisbon", "porto"))
    while len(found := listed(guarded, everybody)) < len(letters):
        await asyncio.sleep(0.05)
    first = found[-1]["refusal"]["refusedAt"]
    assert len(listed(guarded, everybody, **{"from": first})) == len(letters)
    assert listed(guarded, everybody, to=first) == []
    assert ask(guarded, {"hotel": "lisbon"}, keys["sender-lisbon"]).status_code == 403
    assert ask(guarded, {"ids": [id_of(letters[1])]}, lisbon).status_code == 404
    assert counts(replayed(guarded, {"hotel": "porto"}, lisbon)) == (0, 0, 0, 0)
    assert counts(replayed(guarded, {"from": first, "canary": 1}, lisbon)) == (1, 0, 0, 3)
    assert ask(guarded, {"reason": "WrongKey", "limit": 1}, porto).status_code == 422
    assert counts(replayed(guarded, {"reason": "WrongKey"}, porto)) == (2, 0, 0, 0)
    sent = await inputs(broker, namespace)
    assert [number for number in sent if number % 2] == [3, 7]
    assert len(sent) == 3
    assert counts(replayed(guarded, {"to": first}, everybody)) == (0, 0, 0, 0)
    assert replayed(guarded, {"from": first}, everybody)["replayed"] == 5
    assert await inputs(broker, namespace) == list(range(8))


def listed(api: ApiProcess, key: str, **filters: str) -> list[dict[str, Any]]:
    """Dead letters, the latest first."""
    headers = {"authorization": f"Bearer {key}"}
    answer = httpx.get(f"{api.url}/v1/dead-letters", params=filters, headers=headers, timeout=10)
    return list(answer.json()["items"])


async def test_what_cannot_be_sent_is_told_and_of_named_ones_nothing_is_sent(
    broker: Broker, namespace: Namespace, api: ApiProcess
) -> None:
    good = refused(namespace, 0)
    cut = refused(namespace, 1)
    cut = replace(cut, original=replace(cut.original, value=bytes(70_000))).fitted(1)
    await write(broker, namespace, [good, cut])
    for one in (good, cut):
        api.wait_for(id_of(one), "dead")
    named = ask(api, {"ids": [id_of(good), id_of(cut)]})
    assert named.status_code == 422
    assert f"{id_of(cut)}: its input was too large" in named.json()["detail"]
    assert await inputs(broker, namespace) == []
    chosen = replayed(api, {"reason": "MissingHeader"})
    assert counts(chosen) == (1, 0, 1, 0)
    assert await inputs(broker, namespace) == [0]


BAD = [
    ({}, 422),
    ({"ids": ["b7e6b1a6-3c1e-5d0a-9f0e-3b6d1c2a7e01"]}, 404),
    ({"ids": ["b7e6b1a6-3c1e-5d0a-9f0e-3b6d1c2a7e01"], "hotel": "lisbon"}, 422),
    ({"ids": []}, 400),
    ({"ids": ["b7e6b1a6-3c1e-5d0a-9f0e-3b6d1c2a7e01"] * 2}, 400),
    ({"ids": ["../1"]}, 400),
    ({"ids": "b7e6b1a6-3c1e-5d0a-9f0e-3b6d1c2a7e01"}, 400),
    ({"ids": [7]}, 400),
    ({"hotel": 7}, 400),
    ({"hotel": ""}, 400),
    ({"from": "yesterday"}, 400),
    ({"reason": "X", "canary": 0}, 400),
    ({"reason": "X", "canary": True}, 400),
    ({"reason": "X", "limit": 5001}, 400),
    ({"reason": "X", "limit": 1.5}, 400),
    ({"reason": "X", "dryRun": "yes"}, 400),
    ({"reason": "X", "everything": True}, 400),
    ([], 400),
    ("X", 400),
    (None, 400),
]


async def test_bad_requests_say_what_is_wrong_and_send_nothing(
    broker: Broker, namespace: Namespace, api: ApiProcess
) -> None:
    letter = refused(namespace, 0)
    await write(broker, namespace, [letter])
    api.wait_for(id_of(letter), "dead")
    answers = {json.dumps(body): (ask(api, body), status) for body, status in BAD}
    wrong = {
        name: answer.text
        for name, (answer, status) in answers.items()
        if (answer.status_code, answer.json()["status"]) != (status, status)
    }
    assert wrong == {}
    assert posted(api, b'{"reason": "X"}', "text/plain") == 415
    assert posted(api, b'{"reason": "X"') == 400
    assert posted(api, b'{"reason": "X", "reason": "Y"}') == 400
    assert posted(api, b'{"canary": 1e400}') == 400
    assert posted(api, b" " * 300_000) == 413
    assert await inputs(broker, namespace) == []


def posted(api: ApiProcess, body: bytes, kind: str = "application/json") -> int:
    return httpx.post(f"{api.url}/v1/replays", content=body, headers={"content-type": kind}).status_code


async def test_two_processes_at_once_send_nothing_twice(broker: Broker, namespace: Namespace, api: ApiProcess) -> None:
    letters = [refused(namespace, number) for number in range(600)]
    await write(broker, namespace, letters)
    other = ApiProcess(broker.bootstrap_servers, namespace, api.state.parent / "other")
    other.start()
    try:
        await asyncio.to_thread(other.wait_until_ready)
        for one in (api, other):
            for letter in letters[-8:]:
                await asyncio.to_thread(one.wait_for, id_of(letter), "dead")
        begun = [asyncio.to_thread(ask, one, EVERYTHING) for one in (api, other) * 2]
        assert {answer.status_code for answer in await asyncio.gather(*begun)} <= {200, 409}
        await asyncio.to_thread(replayed, api, EVERYTHING)  # alone, so that nobody takes its place
    finally:
        await asyncio.to_thread(other.stop)
    assert await inputs(broker, namespace) == list(range(600))
