"""The scale bench varies one factor at a time, and draws the results."""

import json
from dataclasses import fields
from pathlib import Path

from scripts.benchmarks.streaming import scale, scale_report
from scripts.benchmarks.streaming.capacity import WorkerCapacity
from scripts.benchmarks.streaming.probes import Transactions
from scripts.benchmarks.streaming.records import Traffic
from scripts.benchmarks.streaming.scale import BASE, FACTORS, Point, Row
from scripts.benchmarks.streaming.speech import Segment

CARRIED = WorkerCapacity(3000.0, 200.0, 450.0, 1000.0, 256.0)


def test_one_factor_is_varied_at_a_time() -> None:
    found = scale.points(tuple(FACTORS))

    assert [(factor, getattr(point, factor)) for factor, point in found] == [
        (factor, value) for factor, values in FACTORS.items() for value in values
    ]
    for factor, point in found:
        others = [field.name for field in fields(Point) if field.name != factor]
        assert [getattr(point, name) for name in others] == [getattr(BASE, name) for name in others]
        assert type(getattr(point, factor)) is type(getattr(BASE, factor))
    assert all(getattr(BASE, factor) in values for factor, values in FACTORS.items())
    assert scale.steps(tuple(FACTORS)) == 2 * len(found)


def test_live_calls_get_the_time_of_a_segment_and_no_more_records_than_asked_for() -> None:
    assert scale.live_records(Point(calls=200, segment_s=2.0), 4000, 20) == 2000
    assert scale.live_records(Point(calls=200, segment_s=60.0), 4000, 20) == 200
    assert scale.live_records(Point(calls=200, segment_s=0.02), 4000, 20) == 4000


def test_a_backlog_stays_within_memory() -> None:
    def records(size: int) -> int:
        return scale.backlog_records(Traffic((Segment(bytes(size), {}),), "lossless", 200, 8), 4000)

    assert [records(320), records(32_000), records(960_000)] == [4000, 3000, 100]


def test_transactions_add_up_over_workers() -> None:
    before, after = Transactions(10, 1.0), Transactions(30, 2.5)

    assert after - before == Transactions(20, 1.5)
    assert before + after == Transactions(40, 3.5)


def rows(factor: str, *points: Point) -> list[Row]:
    return [
        Row(factor, point, pace, 1000, 100.0, 2.0, 1.0, 0.02, 250.0, 1.5, 40.0, 2.5)
        for point in points
        for pace in scale.PACES
    ]


def test_the_file_says_what_was_varied_and_what_one_worker_carries() -> None:
    found = json.loads(json.dumps(scale_report.as_json(rows("workers", Point(), Point(workers=2)), CARRIED)))

    assert {row["factor"] for row in found["rows"]} == {"workers"}
    assert [(row["value"], row["workers"], row["pace"]) for row in found["rows"]] == [
        (1, 1, "backlog"), (1, 1, "live"), (2, 2, "backlog"), (2, 2, "live"),
    ]  # fmt: skip
    assert found["rows"][0]["cpu_ms"] == 2.0
    assert found["carried"]["clips_per_s"] == 1000.0
    assert found["base"] == {"partitions": 8, "calls": 200, "segment_s": 2.0, "workers": 1}


def test_every_factor_is_drawn(tmp_path: Path) -> None:
    file = tmp_path / "scale.svg"

    scale_report.plot(rows("workers", Point(), Point(workers=2)), file)

    panels = {f'id="axes_{number}"' for number in range(1, 6)}
    assert all(panel in file.read_text() for panel in panels)
