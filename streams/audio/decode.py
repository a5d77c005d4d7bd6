"""From the bytes that telephony sends to a `Clip`, or to the reason why not.

Nothing is guessed by a library: the label decides what is tried, and each container's own header is checked in this
package before any parser of others sees it. Raw audio goes through no parser at all, and has no header: there the
signal itself is held against the label.
"""

from collections.abc import Callable

import numpy as np

from schemas import media_type as types
from schemas.media_type import MediaType
from schemas.rejection import Rejection
from streams.audio import g711
from streams.audio.clip import Clip, SourceFormat
from streams.audio.containers import flac, mpeg, ogg, riff
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
    """Decode one input.

    Thread-safe and pure. Memory stays within a few times the input and the decoded audio, whatever the input claims.

    Args:
        audio: The bytes as they came.
        media_type: What the sender calls them. Rate (Hz) and channels of a file are read from the file itself. The
            label of raw audio is corrected where the signal tells; the clip's source says so.
        limits: Bounds on what is accepted.

    Returns:
        The audio, or a `Rejection` at the stage ``decode`` whose code is one of ``EmptyAudio``, ``LabelMismatch``,
        ``UnknownContainer``, ``UnsupportedEncoding``, ``UnsupportedRate``, ``UnsupportedChannels``, ``AudioTooLong``,
        ``PartialFrame``, ``TruncatedAudio`` or ``CorruptAudio``.
    """
    if not audio:
        return rejected("EmptyAudio", "there is no audio; send at least one sample")
    found = sniff(audio)
    if media_type.is_raw:
        if found is not None:
            return _mismatch(media_type, found)
        return _decode_raw(audio, media_type, limits)
    expected, decode_container = _CONTAINERS[media_type.type]
    if expected == "mpeg" and found is None and mpeg.starts_frame(audio):
        found = (
            "mpeg"  # its two bytes of sync are too little to tell it from raw audio, and enough where the label says so
        )
    if found is None:
        return rejected("UnknownContainer", f"the value does not begin like {media_type.type}")
    return decode_container(audio, limits) if found == expected else _mismatch(media_type, found)


def sniff(audio: bytes) -> str | None:
    """Name the container by its magic: ``wav``, ``flac``, ``ogg``, ``mpeg`` (with ID3 only), or None."""
    if audio[:4] == b"RIFF" and audio[8:12] == b"WAVE":
        return "wav"
    if audio[:4] == b"fLaC":
        return "flac"
    if audio[:5] == b"OggS\0":
        return "ogg"
    if audio[:3] == b"ID3" and len(audio) >= 10 and max(audio[6:10]) < 0x80:  # noqa: PLR2004 - ID3v2's synchsafe size
        return "mpeg"
    return None


def _mismatch(media_type: MediaType, found: str) -> Rejection:
    reason = f"the value is {_LABELS[found]} and labelled {media_type.type}"
    return rejected("LabelMismatch", reason, field="content-type")


def _decode_raw(audio: bytes, label: MediaType, limits: DecodeLimits) -> Clip | Rejection:
    media_type = true_media_type(audio, label)
    corrected = None if media_type == label else media_type
    rate, channels, frame_bytes = media_type.rate, media_type.channels, media_type.frame_bytes
    assert rate is not None  # noqa: S101 - MediaType's promise for raw types, told to the type checker
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
