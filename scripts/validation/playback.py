"""Decodes results where the decoders of a worker are installed."""

from schemas import CompressedAudio, MediaType, Rejection
from scripts.validation.outcomes import Playback

_LOSSLESS = 5.0  # quality
_TOLERANCE_MS = 1.0


def installed_playback() -> Playback | None:
    """A function that decodes a result and returns what is wrong with it; None where no decoder is installed."""
    try:
        from streams.audio import Clip, decode  # noqa: PLC0415  operators need not have it
    except ImportError:
        return None

    def problem(result: CompressedAudio) -> str | None:
        media_type = MediaType.parse(result.content_type)
        clip = media_type if isinstance(media_type, Rejection) else decode(result.audio, media_type)
        if not isinstance(clip, Clip):
            return f"the file does not play: {clip.reason}"
        milliseconds = 1000 * clip.frames / clip.rate
        if abs(milliseconds - result.duration_ms) > _TOLERANCE_MS:
            return f"the file has {milliseconds:.0f} ms and must have {result.duration_ms}"
        if result.quality == _LOSSLESS and clip.pcm_sha256 != result.pcm_sha256:
            return "the file is said to be lossless, and has other samples than its input"
        return None

    return problem
