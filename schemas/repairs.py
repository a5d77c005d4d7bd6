"""What may be wrong with a file that is decoded all the same, by the kinds that the header ``ce_repaired`` lists."""

#: What was wrong, by kind. New kinds may be added; readers should accept unknown ones.
REPAIRS: dict[str, str] = {
    "riff-size": "The size in the file's first header is not that of the file.",
    "data-size": "The size of the audio data is missing or wrong; the data extend to the end of the file.",
    "chunk-size": "A chunk before the audio has a wrong size, or lacks its padding byte.",
    "partial-frame": "The last frame or page is incomplete; the audio ends with the last whole one.",
    "bits": "The number of bits per sample does not fit the encoding.",
    "block-align": "The size of a sample frame does not fit the number of bits and channels.",
    "flac-total": "The header of a FLAC file does not say how long the audio is, or says less than there is.",
    "leading-tag": "An ID3 tag precedes a file of a format that has none.",
    "leading-bytes": "Something else precedes the first frame, or a tag is larger than it says; it is left out.",
    "joined": "Several files are joined; their audio follows one another.",
    "start-position": "Positions do not begin at zero, as in a recording of a live stream.",
    "end-flag": "The last page is not marked as the last.",
    "trailing-bytes": "Something else follows the last frame; it is left out.",
    "trailing-tag": "An ID3 or APE tag follows a file of a format that has none.",
}

_SEPARATOR = ", "


def repairs_text(kinds: tuple[str, ...]) -> str | None:
    """Write kinds as in ``ce_repaired``; None, for no header, if there are none."""
    return _SEPARATOR.join(kinds) or None


def repair_kinds(text: str) -> tuple[str, ...]:
    """Read the kinds of a ``ce_repaired`` header."""
    return tuple(text.split(_SEPARATOR))
