"""The kernels with the product's arguments: clips of every length, rate and content that decoding accepts.

Under sanitizers (`test_sanitized.py`), a wrong size is an error.
"""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.media_type import MediaType
from streams.analysis.analysis import analyse
from streams.audio.clip import Clip
from streams.audio.decode import decode
from streams.audio.labels import true_media_type
from streams.codecs import DualMonoOpusEncoder, FlacEncoder, OpusEncoder
from tests.support.signals import clip_of

FEW = settings(max_examples=40)


@st.composite
def clips(draw: st.DrawFn) -> Clip:
    rate = draw(st.sampled_from([8000, 8001, 11025, 44100, 47999, 48000]) | st.integers(8000, 48000))
    channels = draw(st.sampled_from([1, 2]))
    frames = draw(st.integers(1, 3) | st.integers(1, rate))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = draw(st.sampled_from([(0, 0), (-32768, -32768), (-1, 1), (-32768, 32767)]))
    samples = random.integers(*values, (frames, channels), endpoint=True)
    if draw(st.booleans()):
        samples[random.integers(frames) :] = 0
    return clip_of(samples.astype(np.int16), rate)


@FEW
@given(clips())
def test_analysis(clip: Clip) -> None:
    actual = analyse(clip)
    assert 0 <= actual.activity <= 1
    assert 0 <= actual.bandwidth <= round(clip.rate / 2 + 0.5)


@FEW
@given(clips(), st.integers(0, 8))
def test_flac(clip: Clip, effort: int) -> None:
    again = decode(FlacEncoder(effort).encode(clip).audio, MediaType("audio/flac"))
    assert isinstance(again, Clip)
    assert np.array_equal(again.samples, clip.samples)


@FEW
@given(clips(), st.sampled_from([6000, 24_000, 510_000]), st.booleans(), st.booleans())
def test_opus(clip: Clip, bitrate: int, dtx: bool, shaped: bool) -> None:
    encoder = OpusEncoder(bitrate, effort=0, dtx=dtx, shaped=shaped)
    assert encoder.encode(clip).audio.startswith(b"OggS")
    if clip.channels > 1:
        assert DualMonoOpusEncoder(OpusEncoder(9000), encoder).encode(clip).audio.startswith(b"OggS")


@FEW
@given(st.integers(0, 20_000), st.integers(0, 2**32 - 1), st.sampled_from(["L16", "x-slin", "PCMU", "PCMA"]))
def test_labels(size: int, seed: int, name: str) -> None:
    random = np.random.default_rng(seed)
    audio = np.cumsum(random.integers(-3, 4, size)).astype(np.uint8).tobytes()
    for channels in (1, 2):
        label = MediaType(f"audio/{name}", (("rate", "8000"), ("channels", str(channels))))
        assert true_media_type(audio, label).channels == channels
