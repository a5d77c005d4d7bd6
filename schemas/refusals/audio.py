"""Refusals of the steps ``decode`` and ``compress``."""

from schemas.refusals.refusal import Refusal

AUDIO: tuple[Refusal, ...] = (
    Refusal("EmptyAudio", "decode", "`value`", "The file is complete and has no samples.", "Send at least one sample."),
    Refusal(
        "LabelMismatch",
        "decode",
        "`content-type`",
        "The value is a file or GSM 06.10, and labelled as raw audio. A file with the label of another file is read as "
        "what it is, and its result has the right label in `ce_correctedtype`.",
        "Label it as what it is; the reason names it.",
    ),
    Refusal(
        "UnknownContainer",
        "decode",
        "`value`",
        "The value does not begin like a file of any known type, or all of its bytes are zero.",
        "Send the whole file from its first byte, or label raw audio as raw.",
    ),
    Refusal(
        "UnsupportedFormat",
        "decode",
        "`value`",
        "The value is something that is not read, whatever its label says: a file in another format (M4A, AMR, WebM, "
        ".au and more), a web page, text, an archive, something encrypted.",
        "Do what the reason says; it names the format and the command that converts or opens it.",
    ),
    Refusal(
        "UnsupportedEncoding",
        "decode",
        "`value`",
        "The file's type is accepted, but not the encoding inside it; or it has several streams, or parts that differ.",
        "Do what the reason says, or send one stream in an encoding that it names.",
    ),
    Refusal(
        "UnsupportedRate",
        "decode",
        "`value`",
        "The file's sampling rate is below 8000 or above 48000 Hz.",
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
        "Raw audio is not a whole number of sample frames.",
        "Cut segments between frames; check width and channels in the label.",
    ),
    Refusal(
        "TruncatedAudio",
        "decode",
        "`value`",
        "The file is shorter than its own header says; of a WAV file, than both sizes in its header say.",
        "Send whole files: finish a recording before it is sent.",
    ),
    Refusal(
        "CorruptAudio",
        "decode",
        "`value`",
        "The file breaks the rules of its format, or its own checksum.",
        "Write it again; check what lies between recorder and sender.",
    ),
    Refusal(
        "DecoderCrashed",
        "decode",
        "`value`",
        "The decoder crashed on the file twice, or exceeded its limit of memory or processor time.",
        "Do not send it again; keep the file, it may show a bug in a decoder.",
    ),
    Refusal(
        "DecoderTimeout",
        "decode",
        "`value`",
        "Decoding the file took longer than the limit.",
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

#: Describes the codes that are names of Python exceptions.
PYTHON_ERROR = Refusal(
    "the name of a Python error",
    "compress",
    "`value`",
    "A bug of this product occurred; `processor_raised` in the log has the stack trace.",
    "Nothing; report it. Send the record again once a release has fixed it.",
)
