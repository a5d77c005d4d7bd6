"""What is not read is named, files are read whatever their label names, and raw audio is never refused by chance."""

import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from schemas.media_type import MediaType
from schemas.rejection import Rejection
from streams.audio import g711
from streams.audio.clip import Clip
from streams.audio.containers import id3
from streams.audio.containers.mpeg_frames import frames_from
from streams.audio.containers.recognise import container_of, recognise
from streams.audio.decode import decode
from tests.support.signals import clip_of, encode_as, media_type_of, speech

CASES = Path(__file__).parent / "cases"
LABELS = ["audio/PCMU", "audio/L16;rate=8000", "audio/wav", "audio/flac", "audio/ogg", "audio/mpeg"]
FILES = ["audio/wav", "audio/flac", "audio/ogg", "audio/ogg;codecs=opus", "audio/mpeg"]
NOISE = np.random.default_rng(1).bytes(4000)


def frames(header: bytes, size: int) -> bytes:
    """Six frames with this header and random contents, as long as their headers say."""
    return b"".join(header + NOISE[at * 100 : at * 100 + size - len(header)] for at in range(6))


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("call.wav", NOISE)
    return file.getvalue()


def ogg_beginning(packet: bytes) -> bytes:
    """An OGG page that begins a stream with this packet; its checksum is wrong."""
    return b"OggS\0\2" + bytes(20) + bytes([1, len(packet)]) + packet


NAMED = {
    "M4A": (CASES / "m4a-labelled-pcmu.m4a").read_bytes(),
    "MP4": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + NOISE,
    "3GP": b"\0\0\0\x18ftyp3gp4\0\0\0\0isom3gp4" + NOISE,
    "QuickTime": b"\0\0\0\x14ftypqt  \0\0\2\0qt  " + NOISE,
    "AMR": b"#!AMR\n" + NOISE,
    "AMR-WB": b"#!AMR-WB\n" + NOISE,
    "SILK": b"\x02#!SILK_V3" + NOISE,
    "WebM": b"\x1a\x45\xdf\xa3\x9fB\x86\x81\1B\xf7\x81\1B\xf2\x81\4B\xf3\x81\x08B\x82\x84webm" + NOISE,
    "Matroska": b"\x1a\x45\xdf\xa3\xa3B\x82\x88matroska" + NOISE,
    ".au": b".snd\0\0\0\x18\0\0\x0f\xa0\0\0\0\1\0\0\x1f\x40\0\0\0\1" + NOISE,
    "AIFF": b"FORM\0\0\x0f\xaeAIFFCOMM" + NOISE,
    "CAF": b"caff\0\1\0\0desc" + NOISE,
    "WMA": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + NOISE,
    "ADTS": frames(b"\xff\xf1\x6c\x40\x0c\x7f\xfc", 99),
    "LATM": frames(b"\x56\xe0\x60", 99),
    "layer II": frames(b"\xff\xfd\x10\xc4", 104),
    "AC-3": frames(b"\x0b\x77\0\0\4\x40", 192),
    "E-AC-3": frames(b"\x0b\x77\0\x3f\x32\x87", 128),
    "DTS": b"\x7f\xfe\x80\x01\xfc\x3c" + NOISE,
    "S/PDIF": b"\x72\xf8\x1f\x4e\1\0\0\x0c" + NOISE,
    "8SVX": b"FORM\0\0\x9c\x9c8SVXVHDR" + NOISE,
    "transport stream": b"".join(b"G\1\0" + bytes([16 + at]) + NOISE[at * 184 :][:184] for at in range(12)),
    "MIDI": b"MThd\0\0\0\x06\0\1\0\2\0\x60" + NOISE,
    "HTML": b"\r\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body></body></html>",
    "XML": b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code></Error>',
    "JSON": json.dumps({"error": "not found"}).encode(),
    "text": b"The recording that you asked for has expired. Please ask your operator, extension 4711.\n",
    "base64": b"UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA" + b"Zm10IBAAAAABAAEAQB8A" * 40,
    "PDF": b"%PDF-1.7\n" + NOISE,
    "ZIP": zipped(),
    "gzip": gzip.compress(speech(0.2).samples.tobytes()),
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + NOISE,
    "JPEG": b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1" + NOISE,
    "PGP": b"\x85\1\x0c\3" + NOISE[:8] + b"\1" + NOISE[8 : 0x10C - 2] + b"\xd2\xc0" + NOISE,
    "PGP-encrypted": b"\x8c\x0d\4\x09\3\x08" + NOISE[:8] + b"\xff\xd2\xc0" + NOISE,
    "age": b"age-encryption.org/v1\n-> X25519 " + NOISE,
    "OpenSSL": b"Salted__" + NOISE,
    "network capture": b"\xd4\xc3\xb2\xa1\2\0\4\0" + NOISE,
}


def outcome(audio: bytes, label: str) -> Clip | Rejection:
    media_type = media_type_of(label)
    return decode(audio, media_type)


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("name", NAMED)
def test_what_is_not_read_is_named_under_every_label(name: str, label: str) -> None:
    refusal = outcome(NAMED[name], label)

    assert isinstance(refusal, Rejection)
    assert refusal.code == "UnsupportedFormat"
    assert name in refusal.reason
    assert label.partition(";")[0] in refusal.reason
    assert len(refusal.reason.partition("; ")[2]) > 10, "the reason says what to do"


@pytest.mark.parametrize("label", ["audio/wav", "audio/flac", "audio/ogg", "audio/mpeg"])
@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_read_as_what_it_is_whatever_file_its_label_names(kind: str, label: str) -> None:
    clip = outcome(encode_as(speech(1), kind), label)

    assert isinstance(clip, Clip)
    assert clip.duration_ms == 1000
    expected = kind.partition(";")[0]
    assert (clip.source.corrected and clip.source.corrected.type) == (None if label == expected else expected)


def test_mp3_of_free_format_is_found_under_another_label() -> None:
    tagged = encode_as(speech(1), "audio/mpeg;reservoir=0")
    plain = [tagged[at : at + frame.size] for at, frame in frames_from(tagged, id3.end_of_tags(tagged))][1:]
    free = b"".join(one[:2] + bytes([one[2] & 0x0F]) + one[3:] + bytes(40) for one in plain)

    clip, refusal = outcome(free, "audio/wav"), outcome(free, "audio/PCMU")

    assert isinstance(clip, Clip)
    assert isinstance(refusal, Rejection)
    assert refusal.code == "LabelMismatch"


def test_an_mp3_file_without_tags_is_found_under_another_label() -> None:
    audio = (CASES / "mp3-named-wav.wav").read_bytes()
    clip, refusal = outcome(audio, "audio/wav"), outcome(audio, "audio/PCMU")

    assert isinstance(clip, Clip)
    assert clip.source.corrected == MediaType("audio/mpeg")
    assert isinstance(refusal, Rejection)
    assert "MP3" in refusal.reason


@pytest.mark.parametrize("label", ["audio/wav", "audio/flac", "audio/ogg", "audio/mpeg"])
@pytest.mark.parametrize("text", [b"Not Found", b"<p>Gone</p>\n", b"error: 403"])
def test_a_few_letters_instead_of_a_file_are_text(text: bytes, label: str) -> None:
    refusal = outcome(text, label)

    assert isinstance(refusal, Rejection)
    assert refusal.code == "UnsupportedFormat"


def test_a_tag_in_front_hides_no_format() -> None:
    refusal = outcome(b"ID3\4\0\0\0\0\0\5title" + NAMED["ADTS"], "audio/mpeg")

    assert isinstance(refusal, Rejection)
    assert "AAC" in refusal.reason


def test_silence_in_mp3_is_no_raw_audio_either() -> None:
    tagged = encode_as(clip_of(np.zeros(16_000, np.int16)), "audio/mpeg")
    frames_alone = [tagged[at : at + frame.size] for at, frame in frames_from(tagged, id3.end_of_tags(tagged))][2:]
    refusal = outcome(b"".join(frames_alone), "audio/PCMU")

    assert isinstance(refusal, Rejection)
    assert "MP3" in refusal.reason


def test_a_wav_file_with_64_bit_sizes_is_named_as_one() -> None:
    refusal = outcome((CASES / "wav-rf64.wav").read_bytes(), "audio/PCMU")

    assert isinstance(refusal, Rejection)
    assert "RF64" in refusal.reason


def test_a_short_mp3_file_is_no_raw_audio() -> None:
    short = (CASES / "mp3-named-wav.wav").read_bytes()[144 : 3 * 144]
    clip, refusal = outcome(short, "audio/wav"), outcome(short, "audio/PCMU")

    assert isinstance(clip, Clip)
    assert isinstance(refusal, Rejection)


@pytest.mark.parametrize("label", ["audio/wav", "audio/flac", "audio/ogg", "audio/mpeg"])
def test_a_file_of_zeros_is_said_to_be_one(label: str) -> None:
    refusal = outcome(bytes(4096), label)

    assert isinstance(refusal, Rejection)
    assert "zero" in refusal.reason


def test_random_bytes_are_raw_audio_as_labelled() -> None:
    clip = outcome((CASES / "pcmu-random.ulaw").read_bytes(), "audio/PCMU")

    assert isinstance(clip, Clip)
    assert clip.source.corrected is None
    dice = np.random.default_rng(2)
    for _ in range(20_000):
        audio = dice.bytes(600)
        assert container_of(audio) is None
        assert recognise(audio) is None


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
def test_no_quiet_tone_or_offset_in_g711_is_taken_for_a_file(law: g711.Law) -> None:
    """Quiet samples of G.711 have values near 0xFF, as have the beginnings of MPEG and AAC frames, or of letters."""
    dice = np.random.default_rng(3)
    for _ in range(3000):
        pitch = 8000 / dice.integers(2, 80)
        level, offset, hiss = dice.choice([4, 16, 64, 256, 1024]), dice.choice([0, -8, -40, -100, -900]), dice.choice(3)
        tone = level * np.sin(2 * np.pi * pitch / 8000 * np.arange(4000)) + offset + hiss * dice.standard_normal(4000)
        audio = g711.encode(tone.astype(np.int16), law).tobytes()
        for start in range(3):
            assert container_of(audio[start:]) is None
            assert recognise(audio[start:]) is None


@pytest.mark.parametrize("scale", [2, 5, 10])
def test_quiet_samples_that_begin_like_an_mp3_file_of_free_format_are_samples(scale: int) -> None:
    # -5 and a small number are a header of free format, and come again and again
    chance = np.random.default_rng(scale)
    for small in (0, 4, 7):
        for _ in range(100):
            samples = np.round(chance.normal(0, scale, 16_000)).astype(">i2")
            samples[:2] = -5, small
            assert container_of(samples.tobytes()) is None
