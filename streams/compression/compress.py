"""Encodes a clip according to a plan, and ensures that no result is larger than its input."""

from dataclasses import replace

from schemas import media_type as types
from schemas.media_type import MediaType
from streams.audio.clip import Clip, ClipOrMetadata, SourceFormat
from streams.audio.containers.content import Content
from streams.audio.g711 import Law
from streams.audio.limits import SAMPLE_BYTES
from streams.codecs import Encoded
from streams.codecs.base import LOSSLESS
from streams.codecs.wav import ENCODER as WAV_WRITER
from streams.codecs.wav import G711_HEADER_BYTES, PCM_HEADER_BYTES, WavEncoder, g711_file
from streams.compression.kept_file import kept_file
from streams.compression.lossy_input import is_lossy, worth
from streams.compression.plan import Plan
from streams.compression.policy import DEFAULT_POLICY, Policy

_SMALLER, _LOSSY = "input is smaller", "input is lossy"
_DEEP_BITS = 17  # sources with this width or more lose bits as 16-bit samples
NO_ENCODER = "none (original)"  #: Of an input that is kept as it came.
_NOT_PLAYABLE = frozenset({"gsm", "g722"})  # encodings without a file that every player opens


def encode(clip: Clip, plan: Plan) -> Encoded:
    """Encode a clip.

    The result depends on the samples and the plan only: a cached file is byte-identical to a new one.

    Args:
        clip: Audio of at least one frame.
        plan: A plan from `choose`, for this rate and number of channels.

    Raises:
        ValueError: If the plan is for another rate or number of channels.
    """
    if (clip.rate, clip.channels) != (plan.rate, plan.channels):
        raise ValueError(
            f"the plan is for {plan.rate} Hz x {plan.channels}, the clip has {clip.rate} x {clip.channels}"
        )
    files = [encoder.encode(clip) for encoder in plan.encoders]
    best = min(range(len(files)), key=lambda number: len(files[number].audio))
    return files[best].with_quality(round(plan.qualities[best], 2)) if plan.qualities else files[best]


def is_smaller(
    encoded: Encoded,
    clip: ClipOrMetadata,
    original: bytes,
    media_type: MediaType,
    policy: Policy = DEFAULT_POLICY,
) -> bool:
    """Whether an encoded file can be the result: it is smaller than the input as a file, and keeps the bit depth.

    The size of raw audio includes what its WAV file needs: a header of 44 bytes for linear samples and of 58 for G.711,
    and the byte that makes an odd size even. GSM and G.722 count as the WAV file of their decoded samples, because no
    file of theirs is opened by every player. Another lossy input of an accepted type has to become smaller by a fifth,
    one of our own Opus files by more than a quarter.

    Args:
        encoded: The file from `encode`.
        clip: The clip, or its metadata.
        original: The input's bytes.
        media_type: The input's media type.
        policy: The hotel's policy, which says what types are accepted.
    """
    return fits(encoded, len(encoded.audio), clip, original, media_type=media_type, policy=policy)


def fits(
    encoded: Encoded, size: int, clip: ClipOrMetadata, original: Content, *, media_type: MediaType, policy: Policy
) -> bool:
    """The same for a file of which the size is known, and not the bytes."""
    limit = float(_file_size(original, clip, media_type))
    has_file = not media_type.is_raw and clip.source.encoding not in _NOT_PLAYABLE
    if is_lossy(clip.source) and has_file and policy.accepts(_type_of(clip.source, media_type)):
        limit *= worth(original)
    return not loses_depth(encoded, clip.source) and size < limit


def kept_reason(source: SourceFormat) -> str:
    """The reason for a result where `smallest` kept the input."""
    return _LOSSY if is_lossy(source) else _SMALLER


def smallest(
    encoded: Encoded,
    clip: Clip,
    original: bytes,
    media_type: MediaType,
    policy: Policy = DEFAULT_POLICY,
    *,
    input_quality: float = LOSSLESS,
) -> Encoded:
    """Return the encoded file if it `is_smaller`, otherwise the input as a file.

    The input is kept only if the policy accepts its type; otherwise the result is a plain WAV file, if that is accepted
    and smaller than the encoded file. Where the encoded file would lose bit depth, the input is kept even if its type
    is not accepted: losslessness has priority.

    Args:
        encoded: The file from `encode`.
        clip: The decoded input.
        original: The input's bytes.
        media_type: The input's media type.
        policy: The hotel's policy, which says what types are accepted.
        input_quality: Predicted mean opinion score of the input, see `Plan`.
    """
    if is_smaller(encoded, clip, original, media_type, policy):
        return encoded
    input_file = _as_file(original, clip, media_type).with_quality(input_quality)
    if loses_depth(encoded, clip.source) or policy.accepts(input_file.content_type):
        return input_file
    plain_size = PCM_HEADER_BYTES + clip.samples.nbytes
    if policy.accepts(types.WAV) and plain_size < len(encoded.audio):
        return WavEncoder("pcm").encode(clip)
    return encoded


def loses_depth(encoded: Encoded, source: SourceFormat) -> bool:
    """Whether a lossless file has fewer bits per sample than its source."""
    return encoded.quality == LOSSLESS and source.bits >= _DEEP_BITS


def _file_size(original: Content, clip: ClipOrMetadata, media_type: MediaType) -> int:
    if clip.source.encoding in _NOT_PLAYABLE:
        return PCM_HEADER_BYTES + clip.duration_ms * clip.rate // 1000 * clip.channels * SAMPLE_BYTES
    header = 0
    if media_type.is_raw:
        header = PCM_HEADER_BYTES if clip.source.encoding == "pcm" else G711_HEADER_BYTES
    padding = len(original) % 2 if clip.source.container in {"raw", "wav"} else 0
    return header + len(original) + padding


def _type_of(source: SourceFormat, media_type: MediaType) -> str:
    """The media type of an input that is a file, with its codec."""
    return f"{types.OGG};codecs={source.encoding}" if media_type.type == types.OGG else media_type.type


def input_as_file(source: SourceFormat, media_type: MediaType) -> Encoded:
    """Describe the input as a file: what it is if it is one, a plain WAV file for raw and telephony's coded audio.

    Args:
        source: The input's format.
        media_type: The input's media type.

    Returns:
        The file's properties without its bytes.
    """
    if source.encoding in _NOT_PLAYABLE or (media_type.is_raw and source.encoding == "pcm"):
        return Encoded(b"", types.WAV, "pcm", WAV_WRITER, LOSSLESS)
    if media_type.is_raw:
        return Encoded(b"", types.WAV, "pcmu" if media_type.type == types.PCMU else "pcma", WAV_WRITER, LOSSLESS)
    return Encoded(b"", _type_of(source, media_type), source.encoding, NO_ENCODER, LOSSLESS)


def _as_file(original: bytes, clip: Clip, media_type: MediaType) -> Encoded:
    """Return the input as a file: files as `kept_file` does."""
    file = input_as_file(clip.source, media_type)
    if file.encoder == NO_ENCODER:
        return replace(file, audio=kept_file(original, clip))
    if file.codec == "pcm":
        return WavEncoder("pcm").encode(clip)
    law: Law = "pcmu" if file.codec == "pcmu" else "pcma"
    return replace(file, audio=g711_file(original, law, clip.rate, clip.channels))
