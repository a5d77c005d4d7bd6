"""Whatever is sent under whatever label becomes a clip or a rejection that says something, and no error."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.media_type import MediaType
from schemas.refusals import CATALOGUE
from schemas.rejection import Rejection
from streams.audio.clip import Clip
from streams.audio.containers import magic
from streams.audio.limits import DecodeLimits
from streams.compression.kept_file import kept_file
from streams.sandbox import DecoderSandbox
from tests.support.ogg_pages import sealed
from tests.support.signals import encode_as, speech

LIMITS = DecodeLimits(max_pcm_bytes=1 << 20)
LABELS = [
    MediaType(name, (("rate", "8000"),) if name in {"audio/L16", "audio/x-slin"} else ())
    for name in (
        "audio/L16",
        "audio/x-slin",
        "audio/PCMU",
        "audio/PCMA",
        "audio/GSM",
        "audio/G722",
        "audio/wav",
        "audio/flac",
        "audio/ogg",
        "audio/mpeg",
    )
]
FILES = [
    *(path.read_bytes() for path in sorted((Path(__file__).parent / "cases").iterdir()) if path.suffix != ".md"),
    *(
        encode_as(speech(0.3), kind)
        for kind in ("audio/wav", "audio/flac", "audio/ogg", "audio/ogg;codecs=opus", "audio/mpeg")
    ),
]
BEGINNINGS = [
    *magic.MAGIC,
    *(file[:length] for file in FILES for length in (4, 12, 30, 60, 150)),
    *(
        b"ID3\4\0\0\0\0\0\0",
        b"\xff\xfb\x90\x64",
        b"\xff\xf3\x08\xc4",
        b"\xff\xf1\x6c\x40",
        b"\x56\xe0",
        b"\x1f\x8b\x08\0",
    ),
    *(b"\x85\1\x0c\3", b"\x8c\x0d\4\x09\3", b"\xc1\xff", b"\0\0\0\x20ftyp", b"FORM", b".snd", b"APETAGEX", b"OggS\0"),
    *(b"<html>", b'{"a"', b"LYRICSBEGIN", b"TAG"),
]
fast = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DecoderSandbox]:
    with DecoderSandbox(1, LIMITS) as started:
        yield started


def check(audio: bytes, label: MediaType, sandbox: DecoderSandbox) -> None:
    outcome = sandbox.decode(audio, label)
    if isinstance(outcome, Clip):
        assert 0 < outcome.samples.nbytes <= LIMITS.max_pcm_bytes
        assert kept_file(audio, outcome) or outcome.source.container == "raw"
    else:
        assert isinstance(outcome, Rejection)
        assert outcome.reason.strip()
        assert "\n" not in outcome.message
        assert outcome.code in {refusal.code for refusal in CATALOGUE}
        assert not outcome.code.startswith("Decoder"), outcome


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A file with bytes changed, removed, repeated, or another file in it; checksums of OGG pages may be corrected."""
    audio = bytearray(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, min(len(audio), draw(st.sampled_from([80, 1 << 20])))))
        length = draw(st.sampled_from([0, 1, 2, 4, 100, 1000]))
        audio[at : at + length] = draw(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from([bytes(100), audio[at : at + length] * 2, b"\xff" * 4, b"\0" * 4, *FILES[:6]]),
            )
        )
    return sealed(bytes(audio)) if draw(st.booleans()) else bytes(audio)


@fast
@given(st.binary(max_size=400), st.sampled_from(LABELS))
def test_any_bytes(sandbox: DecoderSandbox, audio: bytes, label: MediaType) -> None:
    check(audio, label, sandbox)


@fast
@given(st.sampled_from(BEGINNINGS), st.binary(max_size=600), st.sampled_from(LABELS))
def test_any_bytes_behind_a_known_beginning(
    sandbox: DecoderSandbox, beginning: bytes, rest: bytes, label: MediaType
) -> None:
    check(beginning + rest, label, sandbox)


@fast
@given(changed(), st.sampled_from(LABELS))
def test_any_change_of_a_file(sandbox: DecoderSandbox, audio: bytes, label: MediaType) -> None:
    check(audio, label, sandbox)
