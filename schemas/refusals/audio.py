"""Refusals by what decodes and compresses the audio."""

from schemas.refusals.refusal import Refusal

AUDIO: tuple[Refusal, ...] = (
    Refusal("EmptyAudio", "decode", "`value`", "The file is whole and holds no samples.", "Send at least one sample."),
    Refusal(
        "LabelMismatch",
        "decode",
        "`content-type`",
        "The value is a file of another type than the label says, or a file that is labelled as raw audio.",
        "Label it as what it is.",
    ),
    Refusal(
        "UnknownContainer",
        "decode",
        "`value`",
        "The value does not begin like a file of the type that the label says.",
        "Send the whole file from its first byte, or label raw audio as raw.",
    ),
    Refusal(
        "UnsupportedEncoding",
        "decode",
        "`value`",
        "The file's type is taken in, what is coded inside it is not; or it holds several streams.",
        "Send one stream in an encoding that the reason names.",
    ),
    Refusal(
        "UnsupportedRate",
        "decode",
        "`value`",
        "The file says a sampling rate below 8000 or above 48000 Hz.",
        "Resample it.",
    ),
    Refusal(
        "UnsupportedChannels",
        "decode",
        "`value`",
        "The file has more than two channels.",
        "Send mono or stereo.",
    ),
    Refusal(
        "AudioTooLong",
        "decode",
        "`value`",
        "Decoded, it would be larger than 64 MiB of 16-bit samples.",
        "Send shorter segments.",
    ),
    Refusal(
        "PartialFrame",
        "decode",
        "`value`",
        "Raw audio, or a WAV file's data, is not a whole number of sample frames.",
        "Cut segments between frames; check width and channels in the label.",
    ),
    Refusal(
        "TruncatedAudio",
        "decode",
        "`value`",
        "The file ends before its own header says so.",
        "Send whole files: finish a recording before it is sent.",
    ),
    Refusal(
        "CorruptAudio",
        "decode",
        "`value`",
        "The file breaks the rules of its format, or its own checksum.",
        "Write it anew; look at what stands between recorder and sender.",
    ),
    Refusal(
        "DecoderCrashed",
        "decode",
        "`value`",
        "The decoder died of the file, twice, or needed more memory or processor time than it may have.",
        "Do not send it again; keep the file, it may show a bug in a decoder.",
    ),
    Refusal(
        "DecoderTimeout",
        "decode",
        "`value`",
        "The file took longer to decode than a file may.",
        "Send shorter segments.",
    ),
    Refusal(
        "ProcessingTimeout",
        "compress",
        "`value`",
        "The clip took longer than AUDIO_PROCESSING_TIMEOUT.",
        "Send shorter segments; on our side, look at the workers' processor time.",
    ),
)

#: What the name of a Python error means, where it is a code.
PYTHON_ERROR = Refusal(
    "the name of a Python error",
    "compress",
    "`value`",
    "An error of ours met this record; `processor_raised` in the log has the stack trace.",
    "Nothing; report it. Send the record again once a release has mended it.",
)
