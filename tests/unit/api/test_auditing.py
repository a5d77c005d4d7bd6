import asyncio
import json
from types import TracebackType
from typing import Self

import pytest
from aiokafka.errors import KafkaTimeoutError
from starlette.exceptions import HTTPException

from schemas import Record
from schemas.audit import AuditEntry
from streams.api import auditing
from streams.api.access import Caller
from streams.api.auditing import AccessAudit
from streams.compliance.merkle_tree import leaf_hash
from streams.kafka.connection import KafkaConnection

CALLER = Caller(None)


class Log:
    """Takes what is written; answers when it is told to."""

    written: list[list[Record]]
    may: asyncio.Event
    broken: bool

    def __init__(self, *_: object) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def write(self, records: list[Record]) -> None:
        await self.may.wait()
        if self.broken:
            raise KafkaTimeoutError
        self.written.append(records)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> type[Log]:
    Log.written, Log.may, Log.broken = [], asyncio.Event(), False
    monkeypatch.setattr(auditing, "AuditLog", Log)
    return Log


def audit() -> AccessAudit:
    return AccessAudit(KafkaConnection("127.0.0.1:1"), "audio.audit")


async def test_what_comes_while_an_entry_is_written_is_written_together(log: type[Log]) -> None:
    one = audit()
    first = asyncio.create_task(one.heard(CALLER, "listen", ["r0"]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(one.heard(CALLER, "listen", [f"r{number}"])) for number in range(1, 30)]
    await asyncio.sleep(0)
    assert not first.done()
    log.may.set()
    await asyncio.gather(first, *others)
    assert [len(records) for records in log.written] == [1, 29]
    values = [record.value or b"" for records in log.written for record in records]
    entries = [AuditEntry.from_fields(json.loads(value)) for value in values]
    assert [entry.sequence for entry in entries] == list(range(30))
    assert [entry.previous for entry in entries] == ["", *(leaf_hash(value).hex() for value in values[:-1])]


async def test_nobody_is_given_audio_without_an_entry_and_a_broken_chain_is_left(log: type[Log]) -> None:
    one = audit()
    log.may.set()
    log.broken = True
    answers = await asyncio.gather(
        *(one.heard(CALLER, "listen", [f"r{number}"]) for number in range(3)), return_exceptions=True
    )
    assert [answer.status_code for answer in answers if isinstance(answer, HTTPException)] == [503, 503, 503]
    log.broken = False
    await one.heard(CALLER, "listen", ["r0"])
    [[record]] = log.written
    entry = AuditEntry.from_fields(json.loads(record.value or b""))
    assert (entry.sequence, entry.previous) == (0, "")


async def test_one_who_gives_up_does_not_disturb_the_others(log: type[Log]) -> None:
    one = audit()
    waiting = [asyncio.create_task(one.heard(CALLER, "listen", [f"r{number}"])) for number in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.sleep(0)
    log.may.set()
    await asyncio.gather(waiting[0], waiting[2])
    await one.close()
    assert sum(map(len, log.written)) == 3
