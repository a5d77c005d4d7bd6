"""The bench of the decoder sandbox compares the same files with and without what confines the decoders."""

from scripts.benchmarks.sandbox.measure import measure, steps
from scripts.benchmarks.sandbox.unconfined import DECODER
from streams.sandbox import DecoderSandbox, Protection


def test_each_file_is_timed_in_three_ways() -> None:
    told: list[None] = []
    rows = measure(1, 1, lambda: told.append(None))
    assert [row.file for row in rows] == ["FLAC", "Opus", "MP3"]
    assert len(told) == steps(1) == 3
    assert 32_000 <= rows[0].size <= 33_000
    assert all(min(row.in_process, row.unconfined, row.confined) > 0 for row in rows)
    assert rows[0].added == rows[0].confined - rows[0].unconfined


def test_its_comparison_is_unconfined_and_the_sandbox_is_not() -> None:
    with DecoderSandbox(0, decoder=DECODER) as without, DecoderSandbox(0) as sandbox:
        assert without.in_force == Protection(0)
        assert Protection.SYSTEM_CALLS in sandbox.in_force
