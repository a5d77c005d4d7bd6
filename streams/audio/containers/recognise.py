"""Names the format of bytes that this package does not read as audio, so that a refusal can say what to do.

Raw audio has no mark of its own and must never be refused by chance. So a format is recognised by 32 bits at fixed
places at least, mostly by 48 and more, or by a structure: frames that follow one another, a compressed stream that
opens, text. Of 10**8 inputs of random bytes, fewer than one is taken for something else. Sounds are no likelier: their
first samples would have to spell a name. Bytes that were encrypted without any mark cannot be told from random ones.
"""

import re
import zlib
from collections.abc import Callable
from itertools import pairwise

from schemas import media_type as types
from streams.audio.containers import id3
from streams.audio.containers.content import Content
from streams.audio.containers.magic import MAGIC, PGP, Format, by_ffmpeg, no_audio, sealed_by
from streams.audio.containers.mpeg_frames import KBITS_MPEG2, frame_at, free_frames, info_of
from streams.audio.containers.wave_chunks import is_wave

_BEGINNING_BYTES = 1 << 20
_TEXT_BYTES = 512  # of the beginning, which have to be text
_SHORTEST = 8
_SHORTEST_PROSE = 48
_FEWEST_VALUES = 12  # different bytes: silence in G.711 may be a printable character, or two
_ONLY_TEXT = re.compile(rb"[\t\n\r -~\x80-\xff]*")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{40,}|(?:[A-Za-z0-9+/_-]{40,}\r?\n)+[A-Za-z0-9+/_=-]*")
_ANY_MAGIC = re.compile(b"|".join(map(re.escape, MAGIC)))
_FRAMES = 4  # in succession, or two at least that fill the file
_HEADER = 7  # bytes of the longest header
_SAME = 0xE0  # bits of the second byte of a header that are the same in all frames: the sync; LATM's size follows
_TS_PACKET, _TS_PACKETS = 188, 10
_LAYER2_MPEG1 = (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)  # kbit/s

_AC3 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)  # kbit/s


def container_of(audio: Content) -> str | None:
    """Return the media type of a file that this package reads, by its first bytes; None if it is none.

    ID3 tags may be in front of every file. A MPEG frame without one has to be followed by others.
    """
    start = id3.start_of_file(audio)
    if is_wave(audio, start):
        return types.WAV
    if audio.startswith(b"fLaC", start):
        return types.FLAC
    if audio.startswith(b"OggS\0", start):
        return types.OGG
    if start:
        return types.MPEG if recognise(audio) is None else None
    return types.MPEG if _is_mp3(_beginning(audio, 0)) else None


def recognise(audio: Content, *, may_be_samples: bool = True) -> Format | None:
    """Return the format of bytes that this package does not read; None if it is not known.

    Args:
        audio: The bytes as sent, at least one, perhaps with ID3 tags in front.
        may_be_samples: Whether they are labelled as raw audio, whose first samples may look like a few letters.
    """
    head = _beginning(audio, id3.start_of_file(audio)) or _beginning(audio, 0)
    mark = _ANY_MAGIC.match(head)
    if mark is not None:
        return MAGIC[mark[0]]
    known = next((found for test, found in _STRUCTURES if test(head)), None) or _mp4(head)
    return known or _text(head, may_be_samples=may_be_samples)


def _beginning(audio: Content, start: int) -> bytes:
    """What is looked at: everything, or the beginning of a file that is not in memory."""
    return audio[start:] if isinstance(audio, bytes) else audio[start : start + _BEGINNING_BYTES]


def _is_mp3(audio: bytes) -> bool:
    first = frame_at(audio, 0)
    if first is None:
        return False
    if not audio[2] >> 4:
        return any(not _is_alike(*pair) for pair in pairwise(free_frames(audio)))
    return _frames(_layer3_size)(audio) or info_of(audio[: first.size], first) is not None


def _mp4(audio: bytes) -> Format | None:
    """MPEG-4 and its relatives, named by the brand; QuickTime's old files have none."""
    box, brand, size = audio[4:8], audio[8:12], int.from_bytes(audio[:4], "big")
    if box in {b"ftyp", b"styp"} and audio[:2] == b"\0\0":
        if brand[:2] == b"3g":
            return by_ffmpeg("3GP (AMR or AAC)", "3gp", "-vn ")
        if brand == b"qt  ":
            return by_ffmpeg("QuickTime", "mov", "-vn ")
        return by_ffmpeg("M4A or MP4 (AAC or ALAC)", "m4a", "-vn ")
    boxes = (b"moov", b"mdat", b"free", b"wide", b"skip", b"mvhd")
    nested = audio[12:16] if box == b"moov" else audio[size + 4 : size + 8]
    return by_ffmpeg("QuickTime or MP4", "mov", "-vn ") if box in boxes and nested in boxes else None


def _is_matroska(audio: bytes) -> bool:
    return audio.startswith(b"\x1a\x45\xdf\xa3") and re.search(rb"webm|matroska", audio[:64]) is not None


def _is_aiff(audio: bytes) -> bool:
    return audio.startswith(b"FORM") and audio[8:12] in {b"AIFF", b"AIFC"}


def _is_8svx(audio: bytes) -> bool:
    return audio.startswith(b"FORM") and audio[8:12] == b"8SVX"


def _is_au(audio: bytes) -> bool:
    offset, encoding = int.from_bytes(audio[4:8], "big"), int.from_bytes(audio[12:16], "big")
    return audio.startswith(b".snd") and 24 <= offset < 1 << 16 and 1 <= encoding <= 27  # noqa: PLR2004 - as Sun wrote


def _is_avi(audio: bytes) -> bool:
    return audio.startswith(b"RIFF") and audio[8:12] == b"AVI "


def _adts_size(header: bytes) -> int:
    """Size of the AAC frame with this ADTS header; 0 if it is none."""
    if len(header) < _HEADER or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:  # noqa: PLR2004
        return 0
    return (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5


def _latm_size(header: bytes) -> int:
    """Size of the AAC frame with this LOAS header; 0 if it is none."""
    if len(header) < _HEADER or header[0] != 0x56 or header[1] & 0xE0 != 0xE0:  # noqa: PLR2004 - eleven bits of sync
        return 0
    return ((header[1] & 0x1F) << 8 | header[2]) + 3


def _layer2_size(header: bytes) -> int:
    """Size of the frame of MPEG-1 or 2, layer II, with this header; 0 if it is none."""
    if len(header) < _HEADER or header[0] != 0xFF or header[1] & 0xF6 != 0xF4:  # noqa: PLR2004 - sync and layer
        return 0
    index, rate_index, is_mpeg1 = header[2] >> 4, header[2] >> 2 & 3, header[1] >> 3 & 1
    if index in {0, 15} or rate_index == 3:  # noqa: PLR2004 - free format and reserved values
        return 0
    kbits, rate = (_LAYER2_MPEG1 if is_mpeg1 else KBITS_MPEG2)[index], (44100, 48000, 32000)[rate_index]
    return 144_000 * kbits // (rate if is_mpeg1 else rate // 2) + (header[2] >> 1 & 1)


def _ac3_size(header: bytes) -> int:
    """Size of the frame of AC-3 or E-AC-3 with this header; 0 if it is none (ETSI TS 102 366, 4.4.1 and E.1.2)."""
    if len(header) < _HEADER or header[:2] != b"\x0b\x77":
        return 0
    version, rate_index, index = header[5] >> 3, header[4] >> 6, header[4] & 0x3F
    if 10 < version <= 16:  # noqa: PLR2004 - E-AC-3, which says its size in words of 16 bits
        return 2 * (((header[2] & 7) << 8 | header[3]) + 1)
    if version > 10 or rate_index == 3 or index >= 2 * len(_AC3):  # noqa: PLR2004 - reserved values
        return 0
    words = _AC3[index >> 1] * 96_000 // (48_000, 44_100, 32_000)[rate_index]
    return 2 * (words + (index & 1 if rate_index == 1 else 0))


def _layer3_size(header: bytes) -> int:
    frame = frame_at(header, 0)
    return 0 if frame is None else frame.size


def _frames(size_of: Callable[[bytes], int]) -> Callable[[bytes], bool]:
    """Return a test whether frames follow one another.

    A quiet tone in G.711 may begin like a frame, and repeats itself. So the contents of the frames have to differ, or,
    as those of silence do not, the sync may be nowhere but in the headers.
    """

    def test(audio: bytes) -> bool:
        at = 0
        contents: list[bytes] = []
        while len(contents) < _FRAMES and not (len(contents) > 1 and at == len(audio)):
            size = size_of(audio[at : at + _HEADER])
            if size <= _HEADER or audio[at] != audio[0] or audio[at + 1] & _SAME != audio[1] & _SAME:
                return False
            contents.append(audio[at + _HEADER : at + size])
            at += size
        is_only_in_headers = audio.count(audio[:2], 0, at) == len(contents)
        return is_only_in_headers or any(not _is_alike(*pair) for pair in pairwise(contents))

    return test


def _is_alike(one: bytes, other: bytes) -> bool:
    """Whether half of the bytes are the same in the same places."""
    return 2 * sum(first == second for first, second in zip(one, other, strict=False)) >= min(len(one), len(other))


def _is_mpeg_ts(audio: bytes) -> bool:
    """Whether packets of a transport stream follow one another, each with a payload or an adaptation field."""
    packets = [audio[at : at + _TS_PACKET] for at in range(0, _TS_PACKET * _TS_PACKETS, _TS_PACKET)]
    has_headers = all(len(packet) == _TS_PACKET and packet[0] == ord("G") and packet[3] & 0x30 for packet in packets)
    has_errors = any(packet[1:2] >= b"\x80" for packet in packets)
    return has_headers and not has_errors and any(not _is_alike(*pair) for pair in pairwise(packets))


def _is_gzip(audio: bytes) -> bool:
    """Whether a gzip header without reserved flags is followed by a stream that begins to open."""
    if not audio.startswith(b"\x1f\x8b\x08") or audio[3:4] > b"\x1f":
        return False
    try:
        return bool(zlib.decompressobj(31).decompress(audio[:4096], 4096))
    except zlib.error:
        return False


def _is_bzip2(audio: bytes) -> bool:
    return audio.startswith(b"BZh") and audio[4:10] == b"1AY&SY"


def _is_tar(audio: bytes) -> bool:
    return audio.startswith(b"ustar", 257)


def _is_pgp(audio: bytes) -> bool:
    """Whether OpenPGP's packet of an encrypted session key is followed by encrypted data or by another such packet.

    Source: RFC 9580, packets 1 (by key), 3 (by password), 9, 18 and 20 (data).
    """
    tag, short = audio[0], audio[1:2]
    if tag in {0x8C, 0xC3}:  # by password: version 4, a cipher, salted and iterated
        size = short[0] + 2 if short else 0
        return audio[2:3] == b"\4" and audio[4:5] == b"\3" and audio[size : size + 1] in _PGP_DATA
    if tag not in {0x84, 0x85, 0xC1}:
        return False
    is_new_wide = tag == 0xC1 and short >= b"\xc0"  # noqa: PLR2004
    body = 3 if tag == 0x85 or is_new_wide else 2  # noqa: PLR2004
    size = int.from_bytes(audio[1:body], "big") - (0xC000 - 192 if is_new_wide else 0)
    follows = audio[body + size : body + size + 1]
    known_algorithm = audio[body + 9 : body + 10] in {b"\1", b"\2", b"\x10", b"\x12", b"\x19"}
    return audio[body : body + 1] == b"\3" and known_algorithm and follows in {*_PGP_DATA, audio[:1]}


_PGP_DATA = frozenset({b"\xd2", b"\xd4", b"\xc9", b"\xa4", b"\xa5", b"\xa7"})


def _is_cms(audio: bytes) -> bool:
    """Whether it is PKCS #7: a sequence whose first member is the object identifier 1.2.840.113549.1.7."""
    return audio.startswith(b"0") and audio[:20].find(bytes.fromhex("06092a864886f70d0107")) > 0


def _is_jpeg(audio: bytes) -> bool:
    return audio.startswith(b"\xff\xd8\xff") and audio[6:10] in {b"JFIF", b"Exif"}


_STRUCTURES: tuple[tuple[Callable[[bytes], bool], Format], ...] = (
    (_is_matroska, by_ffmpeg("WebM or Matroska", "webm", "-vn ")),
    (_is_aiff, by_ffmpeg("AIFF", "aiff")),
    (_is_8svx, by_ffmpeg("8SVX", "8svx")),
    (_is_au, by_ffmpeg("Sun audio (.au)", "au")),
    (_is_avi, by_ffmpeg("AVI", "avi", "-vn ")),
    (_frames(_adts_size), by_ffmpeg("AAC (ADTS)", "aac")),
    (_frames(_latm_size), by_ffmpeg("AAC (LATM)", "latm")),
    (_frames(_ac3_size), by_ffmpeg("AC-3 or E-AC-3", "ac3")),
    (_frames(_layer2_size), by_ffmpeg("MP2 (MPEG audio, layer II)", "mp2")),
    (_is_mpeg_ts, by_ffmpeg("MPEG transport stream", "ts", "-vn ")),
    (_is_gzip, sealed_by("gzip-compressed", "gunzip call.wav.gz")),
    (_is_bzip2, sealed_by("bzip2-compressed", "bunzip2 call.wav.bz2")),
    (_is_tar, sealed_by("a tar archive", "tar xf calls.tar")),
    (_is_pgp, PGP),
    (_is_cms, sealed_by("encrypted or signed (CMS)", "openssl cms -decrypt -inform DER -in call.p7m -out call.wav")),
    (_is_jpeg, no_audio("a JPEG picture")),
)


def _text(audio: bytes, *, may_be_samples: bool) -> Format | None:
    """Name text, if the first half a kilobyte is text: markup, JSON, base64 or any other."""
    head = audio[:_TEXT_BYTES].removeprefix(b"\xef\xbb\xbf")
    start = head.lstrip()[:15].lower()
    is_marked = start.startswith((*_HTML, b"<?xml", b'{"', b"[{"))
    is_sure = is_marked or not may_be_samples or _is_prose(head)
    if not is_sure or len(head) < _SHORTEST or not _ONLY_TEXT.fullmatch(head) or _is_foreign(head):
        return None
    if start.startswith(_HTML):
        return Format("an HTML page", "the download failed; look at its address and at the access that it needs")
    if start.startswith(b"<"):
        return no_audio("XML")
    if start.startswith((b"{", b"[")):
        return no_audio("JSON")
    if _BASE64.fullmatch(head.strip()) or b";base64," in head[:99]:
        return Format("base64 text", "send the bytes themselves: base64 -d call.txt > call.wav")
    return no_audio("text")


_HTML = (b"<!doctype html", b"<html", b"<head", b"<body")


def _is_foreign(head: bytes) -> bool:
    """Whether more than a tenth is not ASCII."""
    return sum(octet > 0x7F for octet in head) > 0.1 * len(head)  # noqa: PLR2004 - the last character of ASCII


def _is_prose(head: bytes) -> bool:
    """Whether it is long enough, various, and has blanks, digits or stops, which in G.711 are loud samples."""
    stops = sum(0x20 <= octet < 0x40 for octet in head)  # noqa: PLR2004 - from the blank to the question mark
    return len(head) >= _SHORTEST_PROSE and len(set(head)) >= _FEWEST_VALUES and stops > len(head) / 64
