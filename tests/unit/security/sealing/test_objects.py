"""Sealed objects: what goes in comes out, in bounded memory, and nothing that was changed does."""

import os
from collections.abc import Iterator

import pytest

from schemas import Rejection
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.missing import Missing
from streams.security.sealing.objects import (
    FRAME_BYTES,
    MAGIC,
    SealedObjectError,
    is_sealed_object,
    open_object,
    seal_object,
    sealed_object_bytes,
)

_KEY = DataKey.new()
_HEADER = 40
_SEALED_FRAME = FRAME_BYTES + 28


def _find(key_id: bytes) -> DataKey | Missing:
    return _KEY if key_id == _KEY.id else Missing.UNKNOWN


def _seal(content: bytes, key: DataKey = _KEY) -> bytes:
    return b"".join(seal_object([content], key))


def _opened(sealed: bytes) -> bytes:
    return b"".join(open_object([sealed], _find))


def _refusal(sealed: bytes) -> Rejection:
    with pytest.raises(SealedObjectError) as raised:
        _opened(sealed)
    return raised.value.rejection


def _frames(sealed: bytes) -> list[bytes]:
    return [sealed[at : at + _SEALED_FRAME] for at in range(_HEADER, len(sealed), _SEALED_FRAME)]


@pytest.mark.parametrize("size", [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES, 2_500_000])
def test_content_of_any_size_comes_out_as_it_went_in(size: int) -> None:
    content = os.urandom(size)

    sealed = _seal(content)

    assert is_sealed_object(sealed)
    assert len(sealed) == sealed_object_bytes(size)
    assert _opened(sealed) == content


@pytest.mark.parametrize("part", [1000, 1_048_604, 3_000_000])
def test_the_sizes_of_the_parts_make_no_difference(part: int) -> None:
    content = os.urandom(2_200_000)
    parts = [content[at : at + part] for at in range(0, len(content), part)]
    sealed = b"".join(seal_object(parts, _KEY))
    sealed_parts = [sealed[at : at + part] for at in range(0, len(sealed), part)]

    assert b"".join(open_object(sealed_parts, _find)) == content


def test_a_header_that_comes_byte_by_byte_is_read() -> None:
    sealed = _seal(b"audio")

    assert b"".join(open_object((bytes([one]) for one in sealed), _find)) == b"audio"


def test_no_more_than_two_frames_are_read_ahead() -> None:
    taken = 0

    def content() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(64):
            taken += FRAME_BYTES
            yield bytes(FRAME_BYTES)

    given = 0
    for part in open_object(seal_object(content(), _KEY), _find):
        given += len(part)
        assert taken - given <= 3 * FRAME_BYTES

    assert given == 64 * FRAME_BYTES


def test_neither_content_nor_secret_is_in_the_object() -> None:
    content = os.urandom(100_000)

    sealed = _seal(content)

    assert content[5000:5032] not in sealed
    assert _KEY.secret not in sealed


def test_two_objects_of_the_same_content_have_nothing_in_common_but_their_key() -> None:
    one, other = _seal(b"the same"), _seal(b"the same")

    assert one[:24] == other[:24] == MAGIC + _KEY.id
    assert one[24:] != other[24:]


@pytest.mark.parametrize("keep", [0, 7, 39, 40, 45, 67, 1000, _HEADER + _SEALED_FRAME, -1])
def test_a_truncated_object_is_damaged(keep: int) -> None:
    sealed = _seal(os.urandom(FRAME_BYTES + 1000))

    assert _refusal(sealed[:keep]).code == "SealedDamaged"


def test_an_object_that_was_cut_after_its_first_frame_does_not_pass_for_a_shorter_one() -> None:
    sealed = _seal(os.urandom(3 * FRAME_BYTES))

    assert _refusal(sealed[: _HEADER + 2 * _SEALED_FRAME]).code == "SealedDamaged"


def test_bytes_after_the_end_are_damage() -> None:
    assert _refusal(_seal(b"audio") + b"x").code == "SealedDamaged"
    whole = _seal(bytes(FRAME_BYTES))
    assert _refusal(whole + _frames(whole)[0]).code == "SealedDamaged"


def test_exchanged_frames_are_damage() -> None:
    sealed = _seal(os.urandom(3 * FRAME_BYTES))
    first, second, third = _frames(sealed)

    assert _refusal(sealed[:_HEADER] + second + first + third).code == "SealedDamaged"


def test_a_frame_of_another_object_of_the_same_key_is_damage() -> None:
    sealed, other = _seal(bytes(2 * FRAME_BYTES)), _seal(bytes(2 * FRAME_BYTES))
    first, second = _frames(sealed)

    assert _opened(sealed[:_HEADER] + first + second) == bytes(2 * FRAME_BYTES)
    assert _refusal(sealed[:_HEADER] + first + _frames(other)[1]).code == "SealedDamaged"


@pytest.mark.parametrize("at", [0, 7, 30, 39, 40, 52, 60, -1, -17])
def test_a_flipped_bit_anywhere_but_in_the_key_id_is_damage(at: int) -> None:
    sealed = bytearray(_seal(os.urandom(500)))
    sealed[at] ^= 1

    assert _refusal(bytes(sealed)).code == "SealedDamaged"


def test_a_forged_key_id_finds_no_key_or_opens_nothing() -> None:
    other = DataKey.new()
    forged = MAGIC + other.id + _seal(b"audio")[24:]

    assert _refusal(forged).code == "SealedUnknown"
    with pytest.raises(SealedObjectError) as raised:
        list(open_object([forged], lambda _: other))
    assert raised.value.rejection.code == "SealedDamaged"


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        (Missing.ERASED, "SealedErased"),
        (Missing.EXPIRED, "SealedExpired"),
        (Missing.UNKNOWN, "SealedUnknown"),
        (Missing.NO_ACCESS, "SealedNoAccess"),
        (Missing.STALE, "SealedStale"),
    ],
)
def test_without_the_key_nothing_is_yielded_and_the_reason_is_told(missing: Missing, code: str) -> None:
    opening = open_object([_seal(b"audio")], lambda _: missing)

    with pytest.raises(SealedObjectError) as raised:
        next(opening)
    assert raised.value.rejection.code == code
    assert raised.value.rejection.stage == "open"
