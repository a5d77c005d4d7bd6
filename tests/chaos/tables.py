"""What the cache table's changelog may hold: prompts, as playable files, each key always with the same file."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

from tests.chaos.playing import play, same_audio, same_length
from tests.chaos.records import Place, Seen, Sent
from tests.chaos.sounds import Sample

_TIMES_BYTES = 24
_LENGTH_BYTES = 4


def mistakes(changelog: Sequence[Seen], sent: Mapping[Place, Sent]) -> Iterator[str]:
    """Say what is wrong with a changelog, given everything that was sent since its beginning."""
    prompts = _prompts(sent)
    digests: dict[tuple[int, bytes | None], bytes] = {}
    known: set[tuple[int, bytes]] = set()
    for entry in changelog:
        if entry.value is None:  # an entry that was removed
            continue
        name = f"{entry.topic}-{entry.partition}@{entry.offset}"
        digest = hashlib.sha256(entry.value[_TIMES_BYTES:]).digest()
        if digests.setdefault((entry.partition, entry.key), digest) != digest:
            yield f"{name}: the same key with another file"
        if (entry.partition, digest) not in known:
            known.add((entry.partition, digest))
            mistake = _entry_mistake(entry.value[_TIMES_BYTES:], prompts.get(entry.partition, set()))
            if mistake is not None:
                yield f"{name}: {mistake}"


def _prompts(sent: Mapping[Place, Sent]) -> Mapping[int, set[Sample]]:
    """The prompts that were played in the calls of each partition."""
    found: dict[int, set[Sample]] = {}
    for place, one in sent.items():
        if one.planned.channel == "prompt" and one.planned.sample is not None:
            found.setdefault(place.partition, set()).add(one.planned.sample)
    return found


def _entry_mistake(value: bytes, prompts: set[Sample]) -> str | None:
    """After its times an entry is the length of a description (4 bytes, big-endian), that as JSON, and the file."""
    start = _LENGTH_BYTES + int.from_bytes(value[:_LENGTH_BYTES])
    try:
        json.loads(value[_LENGTH_BYTES:start])
    except ValueError:
        return "the entry has no description"
    played = play(value[start:])
    if played is None:
        return "the file does not play"
    if not any(same_length(played, prompt) and same_audio(played, prompt) for prompt in prompts):
        return "the file is no prompt of this partition"
    return None
