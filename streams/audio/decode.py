"""Decodes the bytes of an input into a `Clip`, or returns the reason why that is impossible.

No library guesses the format: the label (media type) selects the decoder, and this package checks each container's own
header before a library's parser sees the file. Raw audio has no header and needs no parser: the label is compared with
the signal.
"""

from collections.abc import Callable

import numpy as np

from schemas import media_type as types
from schemas.media_type import MediaType
from schemas.rejection import Rejection
from streams.audio import g711
from streams.audio.clip import Clip, SourceFormat
from streams.audio.containers import flac, id3, mpeg, ogg, riff
from streams.audio.labels import true_media_type
from streams.audio.limits import SAMPLE_BYTES, DecodeLimits, rejected

_CONTAINERS: dict[str, tuple[str, Callable[[bytes, DecodeLimits], Clip | Rejection]]] = {
    types.WAV: ("wav", riff.decode),
    types.FLAC: ("flac", flac.decode),
    types.OGG: ("ogg", ogg.decode),
    types.MPEG: ("mpeg", mpeg.decode),
}
_LABELS = {"wav": types.WAV, "flac": types.FLAC, "ogg": types.OGG, "mpeg": types.MPEG}


def decode(audio: bytes, media_type: MediaType, limits: DecodeLimits = DecodeLimits()) -> Clip | Rejection:  # noqa: B008
    """Decode the audio of one input.

    Thread-safe and pure. Memory is bounded by a few times the input and the decoded audio, whatever the header claims.

    Args:
        audio: The bytes as sent.
        media_type: The sender's label. A file's rate (Hz) and channels are read from the file itself. The label of raw
            audio is corrected if the signal shows that it is wrong; the clip's source then has the correction.
        limits: Limits of size, rate and channels.

    Returns:
        The audio, or a `Rejection` at the stage ``decode`` whose code is one of ``EmptyAudio``, ``LabelMismatch``,
        ``UnknownContainer``, ``UnsupportedEncoding``, ``UnsupportedRate``, ``UnsupportedChannels``, ``AudioTooLong``,
        ``PartialFrame``, ``TruncatedAudio`` or ``CorruptAudio``.
    """
    if not audio:
        return rejected("EmptyAudio", "there is no audio; send at least one sample")
    container = sniff(audio)
    if media_type.is_raw:
        if container is not None:
            return _mismatch(media_type, container)
        return _decode_raw(audio, media_type, limits)
    expected, decode_container = _CONTAINERS[media_type.type]
    if expected == "mpeg" and container is None and mpeg.starts_frame(audio):
        # Two bytes of sync cannot be distinguished from raw audio, but are enough if the label says MPEG.
        container = "mpeg"
    if container is None:
        return rejected("UnknownContainer", f"the value does not begin like {media_type.type}")
    return decode_container(audio, limits) if container == expected else _mismatch(media_type, container)


def sniff(audio: bytes) -> str | None:
    """Detect the container by its magic bytes: ``wav``, ``flac``, ``ogg``, ``mpeg`` (with ID3 only), or None.

    ID3v2 tags may precede WAV and FLAC as well.
    """
    start = id3.end_of_tags(audio)
    if riff.is_wave(audio, start):
        return "wav"
    if audio[start : start + 4] == b"fLaC":
        return "flac"
    if audio[:5] == b"OggS\0":
        return "ogg"
    return "mpeg" if start else None


def _mismatch(media_type: MediaType, container: str) -> Rejection:
    reason = f"the value is {_LABELS[container]} and labelled {media_type.type}"
    return rejected("LabelMismatch", reason, field="content-type")


def _decode_raw(audio: bytes, label: MediaType, limits: DecodeLimits) -> Clip | Rejection:
    media_type = true_media_type(audio, label)
    corrected = None if media_type == label else media_type
    rate, channels, frame_bytes = media_type.rate, media_type.channels, media_type.frame_bytes
    assert rate is not None  # noqa: S101 - guaranteed by MediaType for raw types; the type checker cannot know
    assert channels is not None  # noqa: S101 - as above
    assert frame_bytes is not None  # noqa: S101 - as above
    frames, rest = divmod(len(audio), frame_bytes)
    if rest:
        return rejected("PartialFrame", f"{len(audio)} bytes are not whole {frame_bytes}-byte frames of {media_type}")
    refusal = limits.check(rate, channels, frames)
    if refusal is not None:
        return refusal
    if frame_bytes == SAMPLE_BYTES * channels:
        order = ">i2" if media_type.type == types.L16 else "<i2"
        samples = np.frombuffer(audio, order).astype(np.int16, copy=False)
        source = SourceFormat("raw", "pcm", corrected=corrected)
    else:
        law: g711.Law = "pcmu" if media_type.type == types.PCMU else "pcma"
        samples = g711.decode(np.frombuffer(audio, np.uint8), law)
        source = SourceFormat("raw", law, bits=8, corrected=corrected)
    return Clip.of(samples.reshape(-1, channels), rate, source)
