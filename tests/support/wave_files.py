"""WAV files with any header, and tags that programs put around files."""

import struct

ID3 = b"ID3\x03\0\0\0\0\0\x05hello"
ID3V1 = b"TAG".ljust(128, b"\0")
APE = b"APETAGEX" + struct.pack("<IIII8x", 2000, 40, 1, 0xA0000000) + b"8 bytes!"
APE += b"APETAGEX" + struct.pack("<IIII8x", 2000, 40, 1, 0x80000000)
APE_FOOTER = b"8 bytes!APETAGEX" + struct.pack("<IIII8x", 2000, 40, 1, 0)


def chunk(name: bytes, body: bytes, *, size: int | None = None, padded: bool = True) -> bytes:
    """Write a chunk; its size may be a false one."""
    return name + struct.pack("<I", len(body) if size is None else size) + body + bytes(len(body) % 2 * padded)


def fmt(tag: int = 1, channels: int = 1, rate: int = 8000, block: int = 2, bits: int = 16) -> bytes:
    """Write the body of a fmt chunk."""
    return struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)


def riff(*parts: bytes, size: int | None = None, name: bytes = b"RIFF") -> bytes:
    """Write a file of chunks; its size may be a false one."""
    body = b"".join(parts)
    return name + struct.pack("<I", len(body) + 4 if size is None else size) + b"WAVE" + body
