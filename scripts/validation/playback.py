"""Opens the files of results: their length by their structure, and decoded where a worker's decoders are installed."""

from collections.abc import Callable

from schemas import CompressedAudio, MediaType, Rejection
from scripts.validation.file_length import milliseconds
from scripts.validation.outcomes import Playback

_LOSSLESS = 5.0  # quality
_TOLERANCE_MS = 1.0


def installed_playback() -> Playback:
    """How files are opened on this machine."""
    try:
        from streams.audio import Clip, decode  # noqa: PLC0415  operators need not have it
    except ImportError:
        return Playback(_structure_problem, "right length")

    def decoded_problem(result: CompressedAudio) -> str | None:
        media_type = MediaType.parse(result.content_type)
        clip = media_type if isinstance(media_type, Rejection) else decode(result.audio, media_type)
        if not isinstance(clip, Clip):
            return f"the file does not play: {clip.reason}"
        if result.quality == _LOSSLESS and clip.pcm_sha256 != result.pcm_sha256:
            return "the file is said to be lossless, and has other samples than its input"
        return _length_problem(1000 * clip.frames / clip.rate, result)

    return Playback(_both(_structure_problem, decoded_problem), "decoded")


def _both(*checks: Callable[[CompressedAudio], str | None]) -> Callable[[CompressedAudio], str | None]:
    return lambda result: next((problem for check in checks if (problem := check(result)) is not None), None)


def _structure_problem(result: CompressedAudio) -> str | None:
    try:
        return _length_problem(milliseconds(result.audio), result)
    except ValueError as error:
        return str(error)


def _length_problem(found: float, result: CompressedAudio) -> str | None:
    if abs(found - result.duration_ms) <= _TOLERANCE_MS:
        return None
    return f"the file has {found:.0f} ms and must have {result.duration_ms}"
