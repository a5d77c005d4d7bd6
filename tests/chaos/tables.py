"""Checks the cache table's changelog: it holds prompts only, as playable files, and one file for each key."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

from tests.chaos.playback import decode_file, same_audio, same_length
from tests.chaos.records import ObservedRecord, Place, SentInput
from tests.chaos.sounds import Sample

_TIMES_BYTES = 24
_LENGTH_BYTES = 4


def mistakes(changelog: Sequence[ObservedRecord], sent: Mapping[Place, SentInput]) -> Iterator[str]:
    """Find mistakes in a changelog, given all inputs since its beginning."""
    prompts = _prompts(sent)
    digests: dict[tuple[int, bytes | None], bytes] = {}
    known: set[tuple[int, bytes]] = set()
    for entry in changelog:
        if entry.value is None:  # a removed entry
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


def _prompts(sent: Mapping[Place, SentInput]) -> Mapping[int, set[Sample]]:
    """By partition, the prompts in its calls."""
    found: dict[int, set[Sample]] = {}
    for place, one in sent.items():
        if one.planned.channel == "prompt" and one.planned.sample is not None:
            found.setdefault(place.partition, set()).add(one.planned.sample)
    return found


def _entry_mistake(value: bytes, prompts: set[Sample]) -> str | None:
    """An entry: its times, the length of a description (4 bytes, big-endian), the description as JSON, the file."""
    start = _LENGTH_BYTES + int.from_bytes(value[:_LENGTH_BYTES])
    try:
        json.loads(value[_LENGTH_BYTES:start])
    except ValueError:
        return "the entry has no description"
    decoded = decode_file(value[start:])
    if decoded is None:
        return "the file does not play"
    if not any(same_length(decoded, prompt) and same_audio(decoded, prompt) for prompt in prompts):
        return "the file is no prompt of this partition"
    return None
