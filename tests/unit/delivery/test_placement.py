import json
from importlib.resources import files
from typing import Any

import pytest
from structlog.testing import capture_logs

from streams.delivery.placement import Placement
from streams.telemetry.metrics import Metrics

#: Where the calls of these tests belong among eight partitions.
HOME = {"call-1": 6, "foobar": 6, "abc": 3}


class Watch:
    """A placement with its metrics and log lines."""

    def __init__(self, partitions: int = 8, calls: int = 100) -> None:
        self.partitions = partitions
        self._metrics = Metrics()
        self._placement = Placement(lambda: self.partitions, self._metrics, calls)

    def see(self, *records: tuple[str, int], source: str = "/pbx") -> list[dict[str, Any]]:
        with capture_logs() as lines:
            for call, partition in records:
                self._placement.seen(call, partition, source)
        return [dict(line) for line in lines]

    @property
    def split(self) -> float | None:
        return self._metrics.registry.get_sample_value("audio_split_calls_total")

    def misplaced(self, partition: int) -> float | None:
        return self._metrics.registry.get_sample_value("audio_misplaced_records_total", {"partition": str(partition)})


def test_calls_where_they_belong_are_nothing_to_tell() -> None:
    watch = Watch()
    assert watch.see(*HOME.items(), *HOME.items()) == []
    assert (watch.split, watch.misplaced(6)) == (0, None)


@pytest.mark.parametrize("count", ["8", "12", "60"])
def test_the_published_keys_are_where_they_belong(count: str) -> None:
    keys = json.loads((files("schemas") / "samples/partitions.json").read_text(encoding="utf-8"))["keys"]
    assert Watch(int(count)).see(*((one["key"], one["partitions"][count]) for one in keys)) == []


def test_a_call_in_two_partitions_is_told_and_counted_once() -> None:
    watch = Watch()
    lines = watch.see(("call-1", 6), ("call-1", 2), ("call-1", 6), ("call-1", 2), source="urn:gateway:2")
    (line,) = [line for line in lines if line["event"] == "call_in_two_partitions"]
    assert (line["call"], line["partitions"], line["source"]) == ("call-1", [6, 2], "urn:gateway:2")
    assert line["log_level"] == "warning"
    assert (watch.split, watch.misplaced(2)) == (1, 2)


def test_a_third_partition_is_told_but_it_is_still_one_call() -> None:
    watch = Watch()
    lines = watch.see(("call-1", 6), ("call-1", 2), ("call-1", 3), ("foobar", 1), ("foobar", 6))
    assert [line["partitions"] for line in lines if line["event"] == "call_in_two_partitions"] == [
        [6, 2],
        [2, 3],
        [1, 6],
    ]
    assert watch.split == 2


def test_a_sender_with_another_partitioner_is_told_of_once_and_its_records_are_counted() -> None:
    watch = Watch()
    lines = watch.see(("call-1", 0), ("call-1", 0), ("foobar", 0), ("abc", 3), source="urn:gateway:2")
    assert [(line["event"], line["source"], line["call"], line["partition"], line["expected"]) for line in lines] == [
        ("other_partitioner", "urn:gateway:2", "call-1", 0, 6)
    ]
    assert (watch.split, watch.misplaced(0), watch.misplaced(3)) == (0, 3, None)
    assert len(watch.see(("abc", 0), ("abc", 1), source="/other")) == 2


def test_no_more_senders_are_told_of_than_can_be_remembered() -> None:
    watch = Watch()
    lines = [line for at in range(300) for line in watch.see((f"call-{at}", 0), source=f"/pbx/{at}")]
    assert 100 < len(lines) <= 200


def test_the_calls_seen_last_are_remembered() -> None:
    watch = Watch(calls=2)
    watch.see(("call-1", 6), ("foobar", 6), ("call-1", 6), ("abc", 3))
    assert [line["call"] for line in watch.see(("call-1", 1))] == ["call-1"]
    watch = Watch(calls=2)
    watch.see(("call-1", 6), ("foobar", 6), ("abc", 3), ("call-1", 1))
    assert watch.split == 0, "it was forgotten"


def test_calls_belong_elsewhere_when_partitions_are_added() -> None:
    watch = Watch()
    watch.see(("call-1", 6))
    watch.partitions = 12
    assert watch.see(("foobar", 6), ("call-1", 10), ("abc", 3)) == []
    assert watch.split == 0


def test_a_topic_that_is_away_changes_nothing() -> None:
    watch = Watch(partitions=0)
    assert watch.see(("call-1", 2), ("call-1", 2)) == []
    watch.partitions = 8
    watch.see(("foobar", 6))
    watch.partitions = 0
    assert watch.see(("call-1", 6), ("abc", 3)) == []
    assert [line["event"] for line in watch.see(("abc", 4))] == ["call_in_two_partitions"]
