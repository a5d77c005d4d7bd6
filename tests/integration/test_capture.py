"""What `prove-erasure capture` takes from the topics, and that a search finds it where it lies in clear."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from schemas import Channel, Record
from schemas.topics import COMPRESSED, DEAD_LETTER, KEYS, RAW
from scripts.commands import prove_erasure
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.sealed_record import seal_record
from streams.security.sealing.wrapped_key import Owner
from tests.support import events
from tests.support.key_installation import Installation

_NOISE = random.Random(22)
RAW_AUDIO, RESULT, BAD, LIVING = (_NOISE.randbytes(2000) for _ in range(4))
GUEST = "guest-7f3a9c"


def raw(audio: bytes, channel: Channel = "guest") -> Record:
    """An input in clear."""
    made = replace(events.RAW, hotel_id="lisbon", call_id="a", audio=audio, guest_ref=GUEST, channel=channel)
    return made.to_record()


def result(audio: bytes, call: str, key: DataKey) -> Record:
    return seal_record(replace(events.COMPRESSED, hotel_id="lisbon", call_id=call, audio=audio).to_record(), key)


@pytest.fixture
async def living(here: Installation) -> DataKey:
    """The key of a call that goes on, whose result is the control."""
    key, record = here.record(Owner("lisbon", "b"))
    await here.write(KEYS, record)
    await here.write(COMPRESSED, result(LIVING, "b", key))
    return key


async def captured(here: Installation, *arguments: str) -> tuple[int, str]:
    out = str(here.path.with_name("patterns.json"))
    code, _, err = await here.command(prove_erasure.main, "capture", "--hotel", "lisbon", "--out", out, *arguments)
    return code, err


async def test_bytes_digests_reference_and_keys_are_taken_and_a_search_finds_them_in_clear(
    here: Installation, living: DataKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIO_STORES", f"file://{tmp_path}/objects")
    key, record = here.record(Owner("lisbon", "a", GUEST))
    await here.write(KEYS, record)
    await here.write(RAW, seal_record(raw(RAW_AUDIO), key), raw(bytes(2000)), raw(b"x", channel="prompt"))
    await here.write(COMPRESSED, result(RESULT, "a", key))
    await here.write(DEAD_LETTER, seal_record(seal_record(raw(BAD), key), key))
    code, err = await captured(here, "--guest", GUEST)
    assert code == 0, err
    assert "1 content had no bytes that occur only there" in err
    assert "1 record of prompts left out" in err
    file = tmp_path / "patterns.json"
    assert file.stat().st_mode & 0o777 == 0o600
    found = json.loads(file.read_text())
    contents = [bytes.fromhex(one) for one in found["erased"].values()]
    for audio in (RAW_AUDIO, RESULT, BAD):
        assert any(one in audio for one in contents)
    assert GUEST.encode() in contents
    assert b"0" * 64 in contents  # the digest of the samples
    assert key.secret.hex() in found["keys"].values()
    assert here.store.read(1).hex() in found["keys"].values()
    assert living.secret.hex() not in found["keys"].values()

    device = tmp_path / "device"
    device.mkdir()
    control = b"".join(bytes.fromhex(one) for one in found["control"].values())
    (device / "sealed").write_bytes(control)
    scanning = [str(device), "--patterns", str(file)]
    assert prove_erasure.main(scanning) == 0
    for place, content in enumerate([RAW_AUDIO, RESULT, BAD, GUEST.encode(), key.secret, here.store.read(1)]):
        (device / str(place)).write_bytes(content)
        assert prove_erasure.main(scanning) == 1
        (device / str(place)).unlink()
    assert found["control"].keys() <= {f"{here.cluster.topic(COMPRESSED)}-0 at offset 0, as it is there"}


async def test_nothing_to_erase_is_an_error(here: Installation, living: DataKey) -> None:
    code, err = await captured(here, "--call", "nobody")
    assert (code, "there is nothing of it" in err) == (1, True)


async def test_without_another_call_there_is_no_control(here: Installation) -> None:
    key, record = here.record(Owner("lisbon", "a"))
    await here.write(KEYS, record)
    await here.write(COMPRESSED, result(RESULT, "a", key))
    code, err = await captured(here, "--call", "a")
    assert (code, "as its control" in err) == (1, True)
    assert not here.path.with_name("patterns.json").exists()
