"""The formats that are recognised by their first bytes, and what to do with a file of each.

Every mark has at least 32 bits, so that raw audio is not taken for a file. Formats with shorter marks, or with marks
that differ, are in `streams.audio.containers.recognise`.
"""

from typing import NamedTuple


class Format(NamedTuple):
    """A format that this package does not read.

    Attributes:
        name: Its name, as people use it.
        remedy: What the sender has to do, mostly a command.
    """

    name: str
    remedy: str


def by_ffmpeg(name: str, suffix: str, options: str = "") -> Format:
    """A format that ffmpeg converts."""
    return Format(name, f"convert it: ffmpeg -i call.{suffix} {options}call.wav")


def sealed_by(name: str, command: str) -> Format:
    """Encrypted or packed bytes, which a command opens."""
    return Format(name, f"open it first: {command}")


def no_audio(name: str) -> Format:
    """Something that never was audio."""
    return Format(name, "send the recording itself")


ZIP = sealed_by("a ZIP archive", "unzip calls.zip")
_GPG = "gpg --decrypt call.wav.gpg > call.wav"
_OLE = no_audio("a document of Microsoft Office")

#: First bytes, and the format.
MAGIC: dict[bytes, Format] = {
    b"#!AMR-WB": by_ffmpeg("AMR-WB", "awb"),
    b"#!AMR": by_ffmpeg("AMR", "amr"),
    b"#!SILK": Format("SILK", "convert it: silk_v3_decoder call.sil call.pcm, as audio/x-slin;rate=24000"),
    b"\x02#!SILK": Format("SILK", "convert it: silk_v3_decoder call.sil call.pcm, as audio/x-slin;rate=24000"),
    b"#!EVS_MC": Format("EVS", "convert it with the decoder of 3GPP TS 26.443"),
    b"#!iLBC": by_ffmpeg("iLBC", "lbc"),
    b"caff\0\1\0\0": by_ffmpeg("CAF", "caf"),
    bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"): by_ffmpeg("WMA or another ASF file", "wma"),
    b"MThd\0\0\0\x06": Format("MIDI, notes without sound", "play it into a file: timidity call.mid -Ow -o call.wav"),
    b"ADIF": by_ffmpeg("AAC (ADIF)", "aac"),
    b"Creative Voice File\x1a": by_ffmpeg("Creative VOC", "voc"),
    b"NIST_1A\n": Format("NIST SPHERE", "convert it: sox call.sph call.wav"),
    b"\x02dss": by_ffmpeg("DSS, a dictation", "dss"),
    b"\x03dss": by_ffmpeg("DSS, a dictation", "dss"),
    b"\x03ds2": Format("DS2, a dictation", "convert it with the recorder's software: no free decoder exists"),
    b"\x7f\xfe\x80\x01": by_ffmpeg("DTS", "dts"),
    b"\x72\xf8\x1f\x4e": by_ffmpeg("S/PDIF with AC-3 or another encoding", "spdif"),
    b"nut/multimedia container": by_ffmpeg("NUT", "nut", "-vn "),
    b".SoX\x1c\0\0\0": by_ffmpeg("SoX's own format", "sox"),
    b"\x64\xa3\1\0": by_ffmpeg("IRCAM", "sf"),
    b"\x64\xa3\2\0": by_ffmpeg("IRCAM", "sf"),
    b" paf\0\0\0\0": by_ffmpeg("Ensoniq PARIS", "paf"),
    b"MATLAB 5.0 MAT-file": Format("a MATLAB file", "convert it: sndfile-convert call.mat call.wav"),
    b"wvpk": by_ffmpeg("WavPack", "wv"),
    b"MAC \x96\x0f": by_ffmpeg("Monkey's Audio", "ape"),
    b"MPCKSH": by_ffmpeg("Musepack", "mpc"),
    b"TTA1\1\0": by_ffmpeg("True Audio", "tta"),
    b".ra\xfd": by_ffmpeg("RealAudio", "ra"),
    b".RMF\0\0\0": by_ffmpeg("RealMedia", "rm"),
    b"FLV\1": by_ffmpeg("FLV", "flv", "-vn "),
    b"RIFX": Format("RIFX, a WAV file in big-endian order", "convert it: sox call.wav right.wav"),
    b"\0\0\1\xba\x44": by_ffmpeg("MPEG program stream", "mpg", "-vn "),
    b"\0\0\1\xba\x21": by_ffmpeg("MPEG program stream", "mpg", "-vn "),
    b"#!rtpplay1.0": Format("an RTP capture", "send the payload as audio/PCMU or audio/PCMA"),
    b"\xd4\xc3\xb2\xa1\2\0\4\0": Format("a network capture (pcap)", "extract its audio, for example in Wireshark"),
    b"\x0a\x0d\x0d\x0a\x1c\0\0\0": Format("a network capture (pcapng)", "extract its audio, for example in Wireshark"),
    b"PK\3\4": ZIP,
    b"PK\5\6\0\0": ZIP,
    b"7z\xbc\xaf\x27\x1c": sealed_by("a 7z archive", "7z x calls.7z"),
    b"Rar!\x1a\x07": sealed_by("a RAR archive", "unrar x calls.rar"),
    b"\xfd7zXZ\0": sealed_by("xz-compressed", "unxz call.wav.xz"),
    b"\x28\xb5\x2f\xfd": sealed_by("zstd-compressed", "unzstd call.wav.zst"),
    b"\x04\x22\x4d\x18": sealed_by("LZ4-compressed", "unlz4 call.wav.lz4"),
    b"-----BEGIN PGP": sealed_by("PGP-encrypted", _GPG),
    b"age-encryption.org/v1": sealed_by("age-encrypted", "age --decrypt -i key.txt call.wav.age > call.wav"),
    b"-----BEGIN AGE": sealed_by("age-encrypted", "age --decrypt -i key.txt call.wav.age > call.wav"),
    b"Salted__": sealed_by("encrypted by OpenSSL", "openssl enc -d -aes-256-cbc -in call.enc -out call.wav"),
    b"AESCRYPT": sealed_by("encrypted by AES Crypt", "aescrypt -d call.wav.aes"),
    b"$ANSIBLE_VAULT;": sealed_by("encrypted by Ansible", "ansible-vault decrypt call.wav"),
    b"-----BEGIN ": no_audio("a key or certificate"),
    b"%PDF-": no_audio("a PDF document"),
    b"\x89PNG\r\n\x1a\n": no_audio("a PNG picture"),
    b"GIF89a": no_audio("a GIF picture"),
    b"GIF87a": no_audio("a GIF picture"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": _OLE,
    b"\x7fELF": no_audio("a program (ELF)"),
    b"SQLite format 3\0": no_audio("an SQLite database"),
    b"bplist00": no_audio("a property list"),
    b"Obj\1": no_audio("an Avro file"),
    b"version https://git-lfs": Format("a pointer of Git LFS, not the file", "fetch the file: git lfs pull"),
}
PGP = sealed_by("PGP-encrypted", _GPG)
