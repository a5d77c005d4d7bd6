"""Skips ID3v2 tags, which players and recorders put in front of MP3, WAV and FLAC files.

Source: ID3v2.4.0, section 3.1.
"""

from streams.audio.containers.content import Content, first_not_zero

_HEADER = 10
_FOOTER_FLAG = 0x10  # the header is repeated behind the tag


def start_of_file(audio: Content) -> int:
    """Return the offset of the first byte after tags at the beginning, and after zeros that their sizes leave out."""
    start = end_of_tags(audio)
    found = first_not_zero(audio, start) if start else None
    return start if found is None else found


def end_of_tags(audio: Content, start: int = 0) -> int:
    """Return the offset of the byte after all ID3v2 tags at this offset: `start` where there is none.

    The offset is beyond the end of the bytes if a tag claims more than came.
    """
    while has_tag(audio, start):
        flags, *size = audio[start + 5 : start + _HEADER]
        length = sum(octet << 7 * place for place, octet in enumerate(reversed(size)))
        start += _HEADER + length + (_HEADER if flags & _FOOTER_FLAG else 0)
    return start


def has_tag(audio: Content, start: int = 0) -> bool:
    """Whether an ID3v2 tag begins at this offset: of versions 2 to 4, which have no revision but 0."""
    header = audio[start : start + _HEADER]
    if header[:3] != b"ID3" or len(header) < _HEADER or header[3] not in {2, 3, 4} or header[4]:
        return False
    return header[5] & 0x0F == 0 and max(header[6:]) < 0x80  # noqa: PLR2004 - the size has seven bits per byte
