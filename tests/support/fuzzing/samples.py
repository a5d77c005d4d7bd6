"""The files that are mutated: one of each kind that is read, and those that recorders and phones leave."""

from functools import cache
from pathlib import Path

from schemas.media_type import MediaType
from streams.audio.clip import Clip
from tests.support.fuzzing.layout import layout_of
from tests.support.fuzzing.mutation import Sample
from tests.support.ogg_pages import sealed
from tests.support.signals import encode_as, speech, write_sound

CLIPS = (speech(0.3), speech(0.6, 16000, 2, seed=1))
#: Media type, and container and subtype for libsndfile where it writes the kind.
KINDS: dict[str, tuple[str, tuple[str, str] | None]] = {
    "wav": ("audio/wav", None),
    "wav-8": ("audio/wav", ("WAV", "PCM_U8")),
    "wav-24": ("audio/wav", ("WAV", "PCM_24")),
    "wav-float": ("audio/wav", ("WAVEX", "FLOAT")),
    "wav-double": ("audio/wav", ("WAV", "DOUBLE")),
    "wav-ulaw": ("audio/wav", ("WAVEX", "ULAW")),
    "wav-alaw": ("audio/wav", ("WAV", "ALAW")),
    "wav-gsm": ("audio/wav", ("WAV", "GSM610")),
    "wav-adpcm": ("audio/wav", ("WAV", "IMA_ADPCM")),
    "rf64": ("audio/wav", ("RF64", "PCM_16")),
    "wave64": ("audio/wav", ("W64", "PCM_24")),
    "gsm": ("audio/GSM", ("RAW", "GSM610")),
    "flac": ("audio/flac", None),
    "flac-24": ("audio/flac", ("FLAC", "PCM_24")),
    "vorbis": ("audio/ogg", None),
    "opus": ("audio/ogg;codecs=opus", None),
    "mpeg": ("audio/mpeg", None),
    "raw": ("audio/L16", None),
}
_CASES = Path(__file__).parents[2] / "unit" / "audio" / "cases"
_CASE_LABELS = {
    ".flac": "audio/flac",
    ".m4a": "audio/PCMU",
    ".mp3": "audio/mpeg",
    ".opus": "audio/ogg",
    ".ulaw": "audio/PCMU",
    ".wav": "audio/wav",
}


def sample(kind: str, clip: Clip) -> Sample:
    """A file of a kind."""
    text, written = KINDS[kind]
    parameters = (("rate", str(clip.rate)), ("channels", str(clip.channels))) if kind == "raw" else ()
    label = MediaType(text.partition(";")[0], parameters)
    if written is None:
        audio = encode_as(clip, str(label) if kind == "raw" else text)
        return Sample(kind, _without_chance(audio) if kind == "vorbis" else audio, label)
    samples = clip.samples[:, :1] if written[1] == "GSM610" else clip.samples
    return Sample(kind, write_sound(samples, clip.rate, *written), label)


def _without_chance(audio: bytes) -> bytes:
    """libsndfile gives each OGG stream a random number; this gives it a fixed one."""
    changed = bytearray(audio)
    for page, _ in layout_of(audio).units:
        changed[page + 14 : page + 18] = b"hote"
    return sealed(bytes(changed))


@cache
def all_samples() -> list[Sample]:
    """A file of every kind in narrow-band mono and wide-band stereo, every file of the cases, and bytes for G.722."""
    made = [sample(kind, clip) for kind in KINDS for clip in CLIPS]
    cases = [
        Sample(path.name, path.read_bytes(), MediaType(_CASE_LABELS[path.suffix.lower()]))
        for path in sorted(_CASES.iterdir())
        if path.suffix.lower() in _CASE_LABELS
    ]
    return [*made, *cases, Sample("g722", CLIPS[0].samples.tobytes(), MediaType("audio/G722"))]
