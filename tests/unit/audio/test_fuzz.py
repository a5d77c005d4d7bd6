"""Damaged input gives a clip or a rejection in bounded memory and time, and crashes neither worker nor decoder."""

import random
import resource
from collections import Counter
from collections.abc import Iterator

import pytest

from schemas.media_type import MediaType
from schemas.rejection import Rejection
from streams.audio.clip import Clip
from streams.audio.limits import DecodeLimits
from streams.sandbox import DecoderSandbox
from tests.support.ogg_pages import sealed
from tests.support.signals import encode_as, speech, write_sound

LIMITS = DecodeLimits(max_pcm_bytes=4 * 1024 * 1024)
GROWTH_MIB = 32  # for files of a few kilobytes and limits of 4 MiB: a false size in a header would exceed it by far
CLIPS = (speech(0.3), speech(0.6, 16000, 2, seed=1))
LABELS = {
    "wav": "audio/wav",
    "wav-float": "audio/wav",
    "wav-ulaw": "audio/wav",
    "wav-gsm": "audio/wav",
    "rf64": "audio/wav",
    "wave64": "audio/wav",
    "gsm": "audio/GSM",
    "flac": "audio/flac",
    "vorbis": "audio/ogg",
    "vorbis-sealed": "audio/ogg",
    "opus": "audio/ogg",
    "opus-sealed": "audio/ogg",
    "mpeg": "audio/mpeg",
    "raw": "audio/L16",
}
#: Container and subtype of kinds that libsndfile writes.
WRITTEN = {
    "wav-float": ("WAVEX", "FLOAT"),
    "wav-ulaw": ("WAVEX", "ULAW"),
    "wav-gsm": ("WAV", "GSM610"),
    "rf64": ("RF64", "PCM_16"),
    "wave64": ("W64", "PCM_24"),
    "gsm": ("RAW", "GSM610"),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DecoderSandbox]:
    with DecoderSandbox(1, LIMITS) as started:
        yield started


def label(kind: str, clip: Clip) -> MediaType:
    raw = (("rate", str(clip.rate)), ("channels", str(clip.channels)))
    return MediaType(LABELS[kind], raw if kind == "raw" else ())


def made(kind: str, clip: Clip) -> bytes:
    if kind in WRITTEN:
        samples = clip.samples[:, :1] if "GSM610" in WRITTEN[kind] else clip.samples
        return write_sound(samples, clip.rate, *WRITTEN[kind])
    return encode_as(clip, "audio/ogg;codecs=opus" if kind.startswith("opus") else str(label(kind, clip)))


def damaged(audio: bytes, dice: random.Random) -> bytes:
    """Truncate, flip a bit, or overwrite a field with an extreme number; mostly in the header at the beginning."""
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


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fuzz(kind: str, count: int, seed: int, sandbox: DecoderSandbox) -> None:
    dice = random.Random(f"{kind} {seed}")
    originals = [(made(kind, clip), label(kind, clip)) for clip in CLIPS]
    for original, media_type in originals:
        assert isinstance(sandbox.decode(original, media_type), Clip)
    before = peak_mib()
    outcomes: Counter[str] = Counter()
    for _ in range(count):
        original, media_type = dice.choice(originals)
        audio = damaged(original, dice)
        outcome = sandbox.decode(sealed(audio) if kind.endswith("-sealed") else audio, media_type)
        if isinstance(outcome, Clip):
            assert 0 < outcome.samples.nbytes <= LIMITS.max_pcm_bytes
        outcomes["Clip" if isinstance(outcome, Clip) else outcome.code] += 1
    print(f"{count} damaged {kind}: {dict(outcomes.most_common())}")
    assert not {"DecoderCrashed", "DecoderTimeout"} & outcomes.keys()
    assert outcomes["Clip"] < 0.9 * count
    assert peak_mib() - before < GROWTH_MIB


@pytest.mark.parametrize("kind", LABELS)
def test_damaged_input(kind: str, sandbox: DecoderSandbox) -> None:
    fuzz(kind, 500, 1, sandbox)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", LABELS)
def test_much_damaged_input(kind: str, sandbox: DecoderSandbox) -> None:
    fuzz(kind, 20_000, 2, sandbox)


@pytest.mark.parametrize("name", ["audio/wav", "audio/flac", "audio/ogg", "audio/mpeg"])
def test_random_bytes_after_a_valid_beginning(name: str, sandbox: DecoderSandbox) -> None:
    dice = random.Random(name)
    for length in range(0, 400, 7):
        head = encode_as(CLIPS[0], name)[: dice.choice((4, 12, 30, 60))]
        outcome = sandbox.decode(head + dice.randbytes(length), MediaType(name))
        assert isinstance(outcome, Rejection)
        assert outcome.code not in {"DecoderCrashed", "DecoderTimeout"}
