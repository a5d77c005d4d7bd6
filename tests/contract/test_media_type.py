import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import MediaType, Rejection


@pytest.mark.parametrize(
    ("text", "written", "rate", "channels", "frame_bytes"),
    [
        ("audio/L16;rate=8000", "audio/L16;rate=8000", 8000, 1, 2),
        ("AUDIO/l16 ; Rate=16000 ; CHANNELS=2 ;", "audio/L16;rate=16000;channels=2", 16000, 2, 4),
        ('audio/x-slin;rate="8000"', "audio/x-slin;rate=8000", 8000, 1, 2),
        ("audio/PCMU", "audio/PCMU", 8000, 1, 1),
        ("audio/pcma;channels=2", "audio/PCMA;channels=2", 8000, 2, 2),
        ("audio/gsm", "audio/GSM", None, None, None),
        ("audio/x-gsm;rate=8000;channels=1", "audio/GSM;rate=8000;channels=1", None, None, None),
        ("audio/g722;rate=8000", "audio/G722;rate=8000", None, None, None),
        ("audio/G722;rate=16000", "audio/G722;rate=16000", None, None, None),
        ("audio/x-wav", "audio/wav", None, None, None),
        ("audio/wave", "audio/wav", None, None, None),
        ("audio/vnd.wave;codec=7", "audio/wav;codec=7", None, None, None),
        ("audio/x-flac", "audio/flac", None, None, None),
        ("audio/mp3", "audio/mpeg", None, None, None),
        ('audio/ogg; codecs="opus, vorbis"', 'audio/ogg;codecs="opus, vorbis"', None, None, None),
        (r'audio/ogg;x="a\"b;\\"', r'audio/ogg;x="a\"b;\\"', None, None, None),
    ],
)
def test_reads_what_senders_write(
    text: str, written: str, rate: int | None, channels: int | None, frame_bytes: int | None
) -> None:
    media_type = MediaType.parse(text)
    assert isinstance(media_type, MediaType)
    assert (str(media_type), media_type.rate, media_type.channels) == (written, rate, channels)
    assert media_type.frame_bytes == frame_bytes
    assert media_type.is_raw is (rate is not None)


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        ("", "MalformedMediaType", "audio/L16;rate=8000;channels=1"),
        ("L16", "MalformedMediaType", "audio/L16"),
        ("audio/L16;rate", "MalformedMediaType", "rate"),
        ("audio/L16;rate=8000;rate=8000", "MalformedMediaType", "once"),
        ("audio/L16;rate=8000\nX: y", "MalformedMediaType", "\\n"),
        ("video/mp4", "UnsupportedMediaType", "audio/mpeg"),
        ("audio/L16", "BadRate", "audio/L16;rate=8000;channels=1"),
        ("audio/x-slin;channels=1", "BadRate", "audio/x-slin;rate=8000;channels=1"),
        ("audio/L16;rate=0", "BadRate", "8000 to 48000"),
        ("audio/L16;rate=-8000", "BadRate", "'-8000'"),
        ("audio/L16;rate=7999", "BadRate", "8000 to 48000"),
        ("audio/L16;rate=48001", "BadRate", "8000 to 48000"),
        ("audio/L16;rate=" + "9" * 5000, "BadRate", "8000 to 48000"),
        ('audio/L16;rate="8e3"', "BadRate", "'8e3'"),
        ("audio/PCMU;rate=0", "BadRate", "audio/PCMU;rate=8000"),
        ("audio/GSM;rate=16000", "BadRate", "8000"),
        ("audio/G722;rate=48000", "BadRate", "8000 or 16000"),
        ("audio/GSM;channels=2", "BadChannels", "record for each channel"),
        ("audio/G722;channels=0", "BadChannels", "must be 1"),
        ("audio/L16;rate=8000;channels=0", "BadChannels", "1 to 2"),
        ("audio/x-slin;rate=8000;channels=3", "BadChannels", "1 to 2"),
        ("audio/PCMA;channels=two", "BadChannels", "'two'"),
    ],
)
def test_rejects_with_the_rule_and_an_example(text: str, code: str, named: str) -> None:
    rejection = MediaType.parse(text)
    assert isinstance(rejection, Rejection)
    assert (rejection.stage, rejection.code, rejection.field) == ("contract", code, "content-type")
    assert named in rejection.reason
    assert len(rejection.reason) < 400
    assert rejection.reason.isprintable()


def test_cannot_be_made_invalid() -> None:
    with pytest.raises(ValueError, match="rate is missing"):
        MediaType("audio/L16")
    with pytest.raises(ValueError, match="is not taken in"):
        MediaType("audio/l16", (("rate", "8000"),))


@given(st.text())
def test_no_text_raises(text: str) -> None:
    result = MediaType.parse(text)
    assert isinstance(result, Rejection) or MediaType.parse(str(result)) == result


@given(
    name=st.sampled_from(["audio/ogg", "audio/wav"]),
    value=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)),
)
def test_any_parameter_survives_writing_and_reading(name: str, value: str) -> None:
    media_type = MediaType(name, (("note", value),))
    assert MediaType.parse(str(media_type)) == media_type
