"""Encoding by plan, and the promise that nothing gets larger."""

from schemas import media_type as types
from schemas.media_type import MediaType
from streams.audio.clip import Clip, ClipOrMetadata
from streams.audio.g711 import Law
from streams.codecs import Encoded
from streams.codecs.base import LOSSLESS
from streams.codecs.wav import ENCODER as WAV_WRITER
from streams.codecs.wav import G711_HEADER_BYTES, PCM_HEADER_BYTES, WavEncoder, g711_file
from streams.compression.plan import Plan
from streams.compression.policy import DEFAULT_POLICY, Policy

#: The reason for a result where `smallest` kept the input.
INPUT_KEPT = "input is smaller"

_DEEP_BITS = 17  # from here on, 16-bit samples lose something
_KEPT = "none (original)"


def encode(clip: Clip, plan: Plan) -> Encoded:
    """Encode a clip.

    A pure function of the samples and the plan: a cached result is byte-identical to a new one.

    Args:
        clip: Audio of at least one frame.
        plan: From `choose`, for a clip of this rate and number of channels.

    Raises:
        ValueError: If the plan is for another rate or number of channels.
    """
    if (clip.rate, clip.channels) != (plan.rate, plan.channels):
        raise ValueError(
            f"the plan is for {plan.rate} Hz x {plan.channels}, the clip has {clip.rate} x {clip.channels}"
        )
    files = [encoder.encode(clip) for encoder in plan.encoders]
    best = min(range(len(files)), key=lambda number: len(files[number].audio))
    return files[best].rated(round(plan.qualities[best], 2)) if plan.qualities else files[best]


def is_smaller(encoded: Encoded, clip: ClipOrMetadata, original: bytes, media_type: MediaType) -> bool:
    """Whether an encoded file is the result as it is: smaller than the input as a file, and without loss of depth.

    Raw audio counts with the header that its WAV file needs: 44 bytes for linear samples, 58 for G.711.

    Args:
        encoded: What `encode` made of the clip.
        clip: The clip, or what is known of it.
        original: The input as it came.
        media_type: The input's media type.
    """
    return not _loses_depth(encoded, clip) and len(encoded.audio) < _file_size(original, clip, media_type)


def smallest(
    encoded: Encoded, clip: Clip, original: bytes, media_type: MediaType, policy: Policy = DEFAULT_POLICY
) -> Encoded:
    """Return the encoded file where it `is_smaller`, and otherwise the input as a file.

    The input is kept only as a type that the policy accepts; otherwise as a plain WAV file where that is accepted and
    smaller than the encoded one. What must not lose depth is kept in any case: losslessness comes before acceptance.

    Args:
        encoded: What `encode` made of the clip.
        clip: What `decode` made of the input.
        original: The input as it came.
        media_type: The input's media type.
        policy: Says which types are accepted.
    """
    if is_smaller(encoded, clip, original, media_type):
        return encoded
    kept = _as_file(original, clip, media_type)
    if _loses_depth(encoded, clip) or policy.accepts(kept.content_type):
        return kept
    plain_size = PCM_HEADER_BYTES + clip.samples.nbytes
    if policy.accepts(types.WAV) and plain_size < len(encoded.audio):
        return WavEncoder("pcm").encode(clip)
    return encoded


def _loses_depth(encoded: Encoded, clip: ClipOrMetadata) -> bool:
    """Whether a file that should lose nothing has fewer bits than its source."""
    return encoded.quality == LOSSLESS and clip.source.bits >= _DEEP_BITS


def _file_size(original: bytes, clip: ClipOrMetadata, media_type: MediaType) -> int:
    if not media_type.is_raw:
        return len(original)
    return len(original) + (PCM_HEADER_BYTES if clip.source.encoding == "pcm" else G711_HEADER_BYTES)


def _as_file(original: bytes, clip: Clip, media_type: MediaType) -> Encoded:
    """Keep a file byte for byte, and raw audio as a plain WAV file."""
    if not media_type.is_raw:
        name = f"{types.OGG};codecs={clip.source.encoding}" if media_type.type == types.OGG else media_type.type
        return Encoded(original, name, clip.source.encoding, _KEPT, LOSSLESS)
    if clip.source.encoding == "pcm":
        return WavEncoder("pcm").encode(clip)
    law: Law = "pcmu" if media_type.type == types.PCMU else "pcma"
    return Encoded(g711_file(original, law, clip.rate, clip.channels), types.WAV, law, WAV_WRITER, LOSSLESS)
