"""Damaged files end in a clip or a rejection, in bounded memory, and never in an exception."""

import random
import resource

import pytest

from schemas.media_type import MediaType
from schemas.rejection import Rejection
from streams.audio import ogg
from streams.audio.clip import Clip
from streams.audio.decode import decode
from streams.audio.limits import DecodeLimits
from tests.support.signals import encode_as, speech, write_sound

LIMITS = DecodeLimits(max_pcm_bytes=4 * 1024 * 1024)
GROWTH_MIB = 64  # for files of a few kilobytes and limits of 4 MiB: what a lie about sizes would exceed by far
CLIPS = (speech(0.3), speech(0.6, 16000, 2, seed=1))
KINDS = ("wav", "wav-float", "wav-ulaw", "flac", "vorbis", "opus", "vorbis-sealed", "opus-sealed", "mpeg")
LABELS = {"wav": "audio/wav", "flac": "audio/flac", "vorbis": "audio/ogg", "opus": "audio/ogg", "mpeg": "audio/mpeg"}


def made(kind: str, clip: Clip) -> bytes:
    name = kind.removesuffix("-sealed")
    if name in {"wav-float", "wav-ulaw"}:
        return write_sound(clip.samples, clip.rate, "WAVEX", "FLOAT" if name == "wav-float" else "ULAW")
    return encode_as(clip, "audio/ogg;codecs=opus" if name == "opus" else LABELS[name])


def damaged(audio: bytes, dice: random.Random) -> bytes:
    """Cut, flip, or overwrite a field with a troublesome number; mostly in the first bytes, where headers are."""
    changed = bytearray(audio)
    for _ in range(dice.choice((1, 1, 1, 2, 4, 16))):
        reach = dice.choice((64, 256, len(changed)))
        at = dice.randrange(min(reach, len(changed)))
        match dice.randrange(5):
            case 0:
                changed[at] ^= 1 << dice.randrange(8)
            case 1:
                changed[at] = dice.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))
            case 2:
                changed[at : at + 4] = dice.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)).to_bytes(4, "little")
            case 3:
                del changed[at : at + dice.choice((1, 2, 100))]
            case _:
                del changed[dice.randrange(len(changed)) :]
        if not changed:
            break
    return bytes(changed)


def sealed(audio: bytes) -> bytes:
    """Make the checksums of damaged OGG pages right, so that the damage reaches the decoder."""
    pages: list[bytes] = []
    at = 0
    while audio[at : at + 4] == b"OggS" and at + 27 <= len(audio):
        body = at + 27 + audio[at + 26]
        end = min(body + sum(audio[at + 27 : body]), len(audio))
        pages.append(ogg.sealed(audio[at:end]))
        at = end
    return b"".join(pages) + audio[at:]


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fuzz(kind: str, count: int, seed: int) -> None:
    dice = random.Random(f"{kind} {seed}")
    originals = [made(kind, clip) for clip in CLIPS]
    media_type = MediaType(LABELS[kind.split("-", maxsplit=1)[0]])
    for original in originals:
        assert isinstance(decode(original, media_type, LIMITS), Clip)
    before = peak_mib()
    outcomes = {Clip: 0, Rejection: 0}
    for _ in range(count):
        audio = damaged(dice.choice(originals), dice)
        if kind.endswith("-sealed"):
            audio = sealed(audio)
        outcome = decode(audio, media_type, LIMITS)
        outcomes[type(outcome)] += 1
        if isinstance(outcome, Clip):
            assert 0 < outcome.samples.nbytes <= LIMITS.max_pcm_bytes
    assert outcomes[Rejection] > count / 4
    assert peak_mib() - before < GROWTH_MIB


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files(kind: str) -> None:
    fuzz(kind, 500, seed=1)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
def test_many_damaged_files(kind: str) -> None:
    fuzz(kind, 20_000, seed=2)


@pytest.mark.parametrize("label", ["audio/wav", "audio/flac", "audio/ogg", "audio/mpeg"])
def test_random_bytes_behind_a_good_beginning(label: str) -> None:
    dice = random.Random(label)
    for length in range(0, 400, 7):
        head = encode_as(CLIPS[0], label)[: dice.choice((4, 12, 30, 60))]
        outcome = decode(head + dice.randbytes(length), MediaType(label), LIMITS)
        assert isinstance(outcome, Rejection)
