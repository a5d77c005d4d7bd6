from importlib.resources import files

import pytest

from schemas import load_topics
from schemas.raw_audio import MAX_RAW_BYTES
from schemas.topics import COMPRESSED, DEAD_LETTER, RAW, parse_topics, topic

TEXT = (files("schemas") / "topics.yaml").read_text(encoding="utf-8")
BROKER_LIMIT = 10 * 2**20


def test_names_on_a_cluster() -> None:
    names = [spec.resolve("test.", "workers") for spec in load_topics()]
    assert names == [
        "test.audio.raw",
        "test.audio.recordings",
        "test.audio.compressed",
        "test.audio.dead-letter",
        "test.workers-audio-cache-changelog",
        "test.audio.policy",
        "test.audio.audit",
        "test.audio.keys",
        "test.audio.replays",
    ]


def test_sizes_leave_room_for_headers_and_for_the_reason_of_a_dead_letter() -> None:
    sizes = {spec.name: spec.max_message_bytes for spec in load_topics()}
    assert MAX_RAW_BYTES + 2**20 <= sizes[RAW] <= sizes[COMPRESSED]
    assert sizes[RAW] < sizes[DEAD_LETTER]
    assert max(sizes.values()) <= BROKER_LIMIT


def test_no_topic_has_a_senders_clock_or_more_bytes_than_its_limit_says() -> None:
    for spec in load_topics():
        assert (spec.timestamp_type, spec.compression_type) == ("LogAppendTime", "uncompressed"), spec.name


def test_configs_use_kafkas_names() -> None:
    assert topic(RAW).configs == {
        "cleanup.policy": "delete",
        "max.message.bytes": "9437184",
        "message.timestamp.type": "LogAppendTime",
        "compression.type": "uncompressed",
        "retention.ms": "259200000",
    }
    assert "retention.ms" not in topic("audio-cache-changelog").configs
    assert int(topic("audio-cache-changelog").configs["segment.bytes"]) < 2**30, "what is not compacted would grow"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("partitions: 8\n  cleanup_policy: compact", "partitions: 9\n  cleanup_policy: compact", "as many partitions"),
        ("partitions: 1\n", "partitions: 0\n", "out of range"),
        ("copartitioned: false", "copartitioned: true", "as many partitions"),
        ("copartitioned: false", "copartitioned: 0", "out of range"),
        ("name: audio.dead-letter", "name: audio.raw", "unique"),
        ("- name: audio.raw", "- name: audio.other", "audio.raw must come first"),
        ("scope: group", "scope: planet", "out of range"),
        ("timestamp_type: LogAppendTime", "timestamp_type: MyTime", "out of range"),
        ("compression_type: uncompressed", "compression_type: rar", "out of range"),
        ("retention_hours: 72", "retention_hours: -1", "out of range"),
        ("max_message_bytes: 10485760", "max_message_bytes: 10 MiB", "out of range"),
        ("owner: telephony", "", "owner"),
        ("owner: telephony", "owner: telephony\n  colour: red", "colour"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_name(old: str, new: str, named: str) -> None:
    assert old in TEXT
    with pytest.raises(ValueError, match=named) as error:
        parse_topics(TEXT.replace(old, new))
    assert "schemas/topics.yaml" in str(error.value)
