from scripts.benchmarks.sealing_command import measure


def test_the_bench_measures_every_step() -> None:
    rows = measure(2)
    assert list(rows) == [
        "seal 32 KB",
        "find the key, open 32 KB",
        "digest in the header alone",
        "make and wrap a key",
        "wrap a key anew, in a turn",
    ]
    assert all(microseconds >= 0 for microseconds in rows.values())
