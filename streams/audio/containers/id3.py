"""Skips ID3v2 tags, which players and recorders put in front of MP3, WAV and FLAC files.

Source: ID3v2.4.0, section 3.1.
"""

_HEADER = 10
_FOOTER_FLAG = 0x10  # the header is repeated behind the tag


def end_of_tags(audio: bytes, start: int = 0) -> int:
    """Return the offset of the byte after all ID3v2 tags at this offset: `start` where there is none.

    The offset is beyond the end of the bytes if a tag claims more than came.
    """
    while has_tag(audio, start):
        flags, *size = audio[start + 5 : start + _HEADER]
        length = sum(octet << 7 * place for place, octet in enumerate(reversed(size)))
        start += _HEADER + length + (_HEADER if flags & _FOOTER_FLAG else 0)
    return start


def has_tag(audio: bytes, start: int = 0) -> bool:
    """Whether an ID3v2 tag begins at this offset."""
    header = audio[start : start + _HEADER]
    return (
        header[:3] == b"ID3"
        and len(header) == _HEADER
        and header[3] != 0xFF  # noqa: PLR2004 - a version that never exists
        and max(header[6:]) < 0x80  # noqa: PLR2004 - the size has seven bits per byte
    )
