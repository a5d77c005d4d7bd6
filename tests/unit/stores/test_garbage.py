"""Garbage collection: whatever the writers do meanwhile, nothing goes that a committed record names."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from schemas import Record
from streams.stores import ObjectReference, StoredObject, content_key
from streams.stores.garbage import digest_of, digests_named_by, remove, unnamed

HEX = "ab" * 32
DIGEST = bytes.fromhex(HEX)
REFERENCE = f"s3://hotel-audio/sha256/ab/{HEX}"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "record",
    [
        Record(b"call", None, (("ce_dataref", REFERENCE.encode()),)),
        Record(b"call", b"", (("CE_DataRef", REFERENCE.replace("sha256/", "sha256%2F").encode()),)),
        Record(b"call", b"", (("ce_dataref", f"file:///var/lib/stores/sha256/ab/{HEX}".encode()), ("ce_id", b"\xff"))),
        Record(
            b"call",
            json.dumps({"dataref": REFERENCE}).replace("/", "\\/").encode(),
            (("content-type", b"application/cloudevents+json"),),
        ),
        Record(
            b"call",
            json.dumps({"dataref": REFERENCE}).replace("/", "\\/").encode()[:-1],  # cut, and no JSON any more
            (("Content-Type", b"Application/CloudEvents+JSON; charset=utf-8"),),
        ),
    ],
)
def test_what_a_record_names_is_found_however_it_is_written(record: Record) -> None:
    assert digests_named_by(record) == {DIGEST}


def test_other_texts_name_nothing() -> None:
    headers = (("ce_dataref", b"s3://recordings/2026/call.wav"), ("ce_sha256", HEX.encode()), ("ce_dataref", None))
    assert digests_named_by(Record(b"call", f"sha256/ab/{HEX}".encode(), headers)) == set()
    assert digest_of("archive/sha256/ab/x") is None
    assert digest_of(content_key(HEX)) == DIGEST


#: Seconds between storing content and committing the record that names it, at most.
LONGEST_ATTEMPT = 100
GRACE = 300
CONTENTS = 2


@dataclass
class World:
    """Stores, topic and archive in memory, in which writers go on while garbage is collected.

    Attributes:
        steps: What happens next: seconds that pass, what a writer does, and with which content.
    """

    steps: Iterator[tuple[float, str, int]]
    now: float = 0.0
    stored: dict[int, float] = field(default_factory=dict)
    attempts: list[tuple[float, int]] = field(default_factory=list)
    topic: list[int] = field(default_factory=list)
    archive: set[int] = field(default_factory=set)

    def go_on(self) -> None:
        """Let writers do something; then check that nothing is missing."""
        step = next(self.steps, None)
        if step is None:
            return
        seconds, what, content = step
        self.now += seconds
        self.attempts = [(since, one) for since, one in self.attempts if self.now - since < LONGEST_ATTEMPT]
        if what == "put":
            self.stored[content] = self.now
            self.attempts.append((self.now, content))
        elif what == "commit" and self.attempts:
            self.topic.append(self.attempts.pop(0)[1])
        elif what == "abort" and self.attempts:
            self.attempts.pop(0)
        elif what == "archive":
            self.archive.update(self.topic[-1:])
        elif what == "expire":
            self.topic = self.topic[1:]
        self.check()

    def check(self) -> None:
        assert self.stored.keys() >= {*self.topic, *self.archive}

    def object(self, content: int) -> StoredObject:
        reference = ObjectReference("s3://hotel-audio", content_key(f"{content:064x}"))
        return StoredObject(reference, 1, EPOCH + timedelta(seconds=self.stored[content]))

    def list(self, prefix: str) -> Iterator[StoredObject]:
        for content in range(CONTENTS):
            self.go_on()
            if content in self.stored:
                yield self.object(content)

    def modified(self, reference: ObjectReference) -> datetime | None:
        self.go_on()
        content = int(reference.key[-1])
        return self.object(content).modified if content in self.stored else None

    def delete(self, reference: ObjectReference) -> None:
        del self.stored[int(reference.key[-1])]
        self.check()

    def named(self) -> set[bytes]:
        """Read the topic, and then the archive."""
        found = set(self.topic)
        self.go_on()
        self.go_on()
        found |= self.archive
        self.go_on()
        return {bytes.fromhex(f"{one:064x}") for one in found}


SECONDS = (0.0, 0.0, 1.0, LONGEST_ATTEMPT * 0.6, GRACE + 1.0)
ACTIONS = ("put", "put", "commit", "commit", "archive", "expire", "abort")


def collect(world: World) -> int:
    """What the command does."""
    stored = list(world.list("sha256"))
    before = EPOCH + timedelta(seconds=world.now - GRACE)
    named = world.named()
    return sum(remove(world, one) for one in unnamed(stored, named, before))


@pytest.mark.parametrize("seed", range(4))
def test_nothing_goes_that_a_committed_record_or_the_archive_names(seed: int) -> None:
    chance = random.Random(seed)
    removed = 0
    for _ in range(2000):
        steps = [
            (chance.choice(SECONDS), chance.choice(ACTIONS), chance.randrange(CONTENTS))
            for _ in range(chance.randint(5, 30))
        ]
        world = World(iter(steps))
        while len(steps) > 0 and world.now < 20 * GRACE:
            for _ in range(chance.randint(0, 5)):
                world.go_on()
            removed += collect(world)
            steps.pop()
    assert removed > 100


def test_what_an_aborted_attempt_leaves_behind_goes_after_the_grace_period() -> None:
    world = World(iter([]), stored={0: 0.0, 1: 0.0, 2: 0.0}, topic=[1], archive={2})
    world.now = GRACE
    assert collect(world) == 0
    world.now = GRACE + 1
    assert collect(world) == 1
    assert world.stored.keys() == {1, 2}


def test_content_that_is_stored_again_stays() -> None:
    world = World(iter([(0, "wait", 0)] * 5 + [(1.0, "put", 0)]), stored={0: 0.0}, now=1000.0)
    assert collect(world) == 0
    assert world.stored[0] == 1001.0
