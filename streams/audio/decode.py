"""Decodes the bytes of an input into a `Clip`, or returns the reason why that is impossible.

No library guesses the format: this package recognises a file by its first bytes, and checks each container's own header
before a library's parser sees it. A file of a format that is read is read as what it is, also if its label names
another one. What is not read is named in the refusal. Raw audio has no header and needs no parser: the label is
compared with the signal, and a file that is labelled as raw audio is refused, as its sender sends no samples.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from schemas import media_type as types
from schemas.media_type import MediaType
from schemas.rejection import Rejection
from streams.audio import g711
from streams.audio.blocks import BLOCK_FRAMES, AudioBlocks, Block, collected
from streams.audio.clip import Clip, SourceFormat
from streams.audio.containers import flac, mpeg, ogg_links, riff, telephony
from streams.audio.containers.content import Content, FileContent, first_not_zero
from streams.audio.containers.recognise import container_of, recognise
from streams.audio.labels import true_media_type
from streams.audio.limits import SAMPLE_BYTES, DecodeLimits, rejected

_DECODERS: dict[str, Callable[[bytes, DecodeLimits], Clip | Rejection]] = {
    types.WAV: riff.decode,
    types.FLAC: flac.decode,
    types.OGG: ogg_links.decode,
    types.MPEG: mpeg.decode,
    types.GSM: telephony.decode_gsm,
    types.G722: telephony.decode_g722,
}
_OPENERS: dict[str, Callable[[Content, DecodeLimits], AudioBlocks | Rejection]] = {
    types.WAV: riff.open_blocks,
    types.FLAC: flac.open_blocks,
    types.OGG: ogg_links.open_blocks,
    types.MPEG: mpeg.open_blocks,
    types.GSM: telephony.open_gsm,
    types.G722: telephony.open_g722,
}
_HEADERLESS = (types.GSM, types.G722)
_NAMES = {types.WAV: "a WAV file", types.FLAC: "a FLAC file", types.OGG: "an OGG file", types.MPEG: "an MP3 file"}

_WIDE_NAMES = {b"RF64": "an RF64 file (WAV)", b"BW64": "a BW64 file (WAV)", b"riff": "a Wave64 file (WAV)"}


def decode(audio: bytes, media_type: MediaType, limits: DecodeLimits = DecodeLimits()) -> Clip | Rejection:  # noqa: B008
    """Decode the audio of one input.

    Thread-safe and pure. Memory is bounded by a few times the input and the decoded audio, whatever the header claims.

    Args:
        audio: The bytes as sent.
        media_type: The sender's label. A file's rate (Hz) and channels are read from the file itself. The label is
            corrected if a file is of another format that is read, and if the signal of raw audio shows that it is
            wrong; the clip's source then has the correction.
        limits: Limits of size, rate and channels.

    Returns:
        The audio, or a `Rejection` at the stage ``decode`` whose code is one of ``EmptyAudio``, ``LabelMismatch``,
        ``UnknownContainer``, ``UnsupportedFormat``, ``UnsupportedEncoding``, ``UnsupportedRate``,
        ``UnsupportedChannels``, ``AudioTooLong``, ``PartialFrame``, ``TruncatedAudio`` or ``CorruptAudio``.
    """
    found = _format_of(audio, media_type)
    if isinstance(found, Rejection):
        return found
    decoder = _DECODERS.get(found)
    decoded = collected(_open_raw(audio, media_type, limits)) if decoder is None else decoder(audio, limits)
    if isinstance(decoded, Rejection) or decoder is None or found == media_type.type:
        return decoded
    return replace(decoded, source=replace(decoded.source, corrected=MediaType(found)))


def open_blocks(audio: Content, media_type: MediaType, limits: DecodeLimits) -> AudioBlocks | Rejection:
    """Begin to decode an input of any size; the same as `decode`, block by block.

    Not thread-safe; memory is bounded, whatever the input's size.

    Args:
        audio: The bytes as sent.
        media_type: See `decode`.
        limits: See `decode`.
    """
    found = _format_of(audio, media_type)
    if isinstance(found, Rejection):
        return found
    opener = _OPENERS.get(found)
    opened = _open_raw(audio, media_type, limits) if opener is None else opener(audio, limits)
    if isinstance(opened, Rejection) or opener is None or found == media_type.type:
        return opened
    return replace(opened, source=replace(opened.source, corrected=MediaType(found)))


def _format_of(audio: Content, media_type: MediaType) -> str | Rejection:
    """The media type that the bytes have: a file's own, and the label for samples without a header."""
    if not len(audio):
        return rejected("EmptyAudio", "there is no audio; send at least one sample")
    found = container_of(audio)
    if found is None:
        refusal = _unread(audio, media_type)
        if refusal is not None:
            return refusal
    if media_type.is_raw or media_type.type in _HEADERLESS:
        return media_type.type if found is None else _labelled_raw(audio, media_type, found)
    if found is None and media_type.type == types.MPEG and mpeg.has_frames(audio):
        found = types.MPEG  # perhaps behind the rest of a frame, which the label alone makes likely
    return found or rejected("UnknownContainer", _unknown(audio, media_type))


def _unread(audio: Content, media_type: MediaType) -> Rejection | None:
    """Refuse a format that is known and not read."""
    known = recognise(audio, may_be_samples=media_type.is_raw)
    if known is None:
        return _unlabelled_gsm(audio, media_type)
    return rejected("UnsupportedFormat", f"this is {known.name}, labelled {media_type.type}; {known.remedy}")


def _unlabelled_gsm(audio: Content, label: MediaType) -> Rejection | None:
    if label.type == types.GSM or not telephony.is_gsm(audio):
        return None
    reason = f"this is GSM 06.10, labelled {label.type}; label it {types.GSM}"
    return rejected("LabelMismatch", reason, field="content-type")


def _labelled_raw(audio: Content, label: MediaType, found: str) -> Rejection:
    name = _WIDE_NAMES.get(audio[:4]) or _NAMES[found]
    reason = f"this is {name}, labelled {label.type}, which is for samples without a header; label it {found}"
    return rejected("LabelMismatch", reason, field="content-type")


def _unknown(audio: Content, label: MediaType) -> str:
    """The reason why a file has no format that is known."""
    if first_not_zero(audio) is None:
        return f"all of its {len(audio)} bytes are zero: nothing was recorded, or nothing was written"
    example = "label it as such, for example audio/L16;rate=8000"
    return f"the value does not begin like {label.type}, nor like any file that is known; if it is raw audio, {example}"


def _open_raw(audio: Content, label: MediaType, limits: DecodeLimits) -> AudioBlocks | Rejection:
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
        source = SourceFormat("raw", "pcm", corrected=corrected)
    else:
        law = "pcmu" if media_type.type == types.PCMU else "pcma"
        source = SourceFormat("raw", law, bits=8, corrected=corrected)
    return AudioBlocks(rate, channels, source, _raw_blocks(audio, media_type.type, frame_bytes, channels))


def _raw_blocks(audio: Content, name: str, frame_bytes: int, channels: int) -> Iterator[Block]:
    """Convert the samples, all at once if they are in memory."""
    step = BLOCK_FRAMES * frame_bytes if isinstance(audio, FileContent) else len(audio)
    for start in range(0, len(audio), step):
        data = audio[start : start + step]
        if name in {types.PCMU, types.PCMA}:
            samples = g711.decode(np.frombuffer(data, np.uint8), "pcmu" if name == types.PCMU else "pcma")
        else:
            samples = np.frombuffer(data, ">i2" if name == types.L16 else "<i2").astype(np.int16, copy=False)
        yield samples.reshape(-1, channels)
