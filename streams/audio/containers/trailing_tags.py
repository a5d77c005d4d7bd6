"""Finds the tags that programs put behind the audio of files of every format: ID3v1, ID3v2 and APE.

Sources: ID3v1; ID3v2.4.0, section 3.4; APEv2 as Hydrogenaudio's wiki describes it.
"""

from streams.audio.containers import id3
from streams.audio.containers.content import Content, part

ID3V1_BYTES = 128
APE_BYTES = 32  # footer, or header
_APE_HAS_HEADER = 0x80
_LONGEST_ID3V2 = 2**20  # bytes that are searched for the beginning of a tag


def end_of_audio(audio: Content, start: int = 0) -> int:
    """Offset of the first byte of the tags at the end; the file's size if there are none.

    Args:
        audio: The file.
        start: Offset at which the audio begins; no tag begins before it.
    """
    end = len(audio)
    while start <= (tag := _start_of_last_tag(audio, end)) < end:
        end = tag
    return end


def _start_of_last_tag(audio: Content, end: int) -> int:
    """Offset of the tag that ends at ``end``; ``end`` itself if none does."""
    if audio[max(end - ID3V1_BYTES, 0) : end].startswith(b"TAG"):
        return end - ID3V1_BYTES
    footer = audio[max(end - APE_BYTES, 0) : end]
    if footer.startswith(b"APETAGEX"):
        header = APE_BYTES if footer[23] & _APE_HAS_HEADER else 0
        return end - int.from_bytes(footer[12:16], "little") - header
    at = audio.rfind(b"ID3", max(end - _LONGEST_ID3V2, 0), end)
    if at >= 0 and id3.has_tag(audio, at) and id3.end_of_tags(part(audio, 0, end), at) == end:
        return at
    return end
