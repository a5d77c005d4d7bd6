"""Pages of damaged OGG files."""

from streams.audio.containers import ogg


def sealed(audio: bytes) -> bytes:
    """Correct the checksums of damaged OGG pages, so that the damage reaches the decoder."""
    pages: list[bytes] = []
    at = 0
    while audio[at : at + 4] == b"OggS" and at + 27 <= len(audio):
        body = at + 27 + audio[at + 26]
        end = min(body + sum(audio[at + 27 : body]), len(audio))
        pages.append(ogg.sealed(audio[at:end]))
        at = end
    return b"".join(pages) + audio[at:]
