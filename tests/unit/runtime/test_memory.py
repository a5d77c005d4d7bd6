"""Memory limits from control groups of both versions, and from the settings."""

import os
from pathlib import Path

from streams.runtime.memory import MemoryGauge, release_free_memory


def group(directory: Path, names: tuple[str, str, str], limit: str, used: int, cached: int) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / names[0]).write_text(f"{limit}\n")
    (directory / names[1]).write_text(f"{used}\n")
    (directory / "memory.stat").write_text(f"anon 1\n{names[2]} {cached}\n")


V2 = ("memory.max", "memory.current", "inactive_file")
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
NO_LIMIT_V1 = "9223372036854771712"


def test_version_2_counts_what_cannot_be_reclaimed(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("0::/hotel/one\n")
    group(tmp_path / "groups/hotel/one", V2, "1000", 700, 200)
    use = MemoryGauge(None, tmp_path / "groups", tmp_path).read()
    assert use is not None
    assert (use.used, use.limit) == (500, 1000)


def test_the_group_nearest_to_its_limit_counts(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("0::/hotel/one\n")
    group(tmp_path / "groups/hotel/one", V2, "max", 100, 0)
    group(tmp_path / "groups/hotel", V2, "1000", 900, 0)
    group(tmp_path / "groups", V2, "5000", 1000, 0)
    use = MemoryGauge(None, tmp_path / "groups", tmp_path).read()
    assert use is not None
    assert (use.used, use.limit) == (900, 1000)


def test_version_1_as_a_container_sees_it(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("8:pids:/\n4:cpu,memory:/docker/abc\n0::/\n")
    group(tmp_path / "groups/memory", V1, "1000", 400, 100)
    use = MemoryGauge(None, tmp_path / "groups", tmp_path).read()
    assert use is not None
    assert (use.used, use.limit) == (300, 1000)


def test_without_a_limit_there_is_nothing_to_keep_to(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("4:memory:/\n0::/\n")
    group(tmp_path / "groups/memory", V1, NO_LIMIT_V1, 400, 100)
    group(tmp_path / "groups", V2, "max", 400, 100)
    assert MemoryGauge(None, tmp_path / "groups", tmp_path).read() is None
    (tmp_path / "cgroup").unlink()
    assert MemoryGauge(None, tmp_path / "groups", tmp_path).read() is None


def test_a_configured_limit_is_for_the_process_itself() -> None:
    held = [bytes(1 << 20) + os.urandom(1)]
    use = MemoryGauge(2**40).read()
    assert use is not None
    assert use.limit == 2**40
    assert len(held[0]) < use.used < 2**34


def test_freed_memory_is_given_back() -> None:
    gauge = MemoryGauge(2**40)
    held = [os.urandom(20_000) for _ in range(5000)]
    full = gauge.read()
    del held
    release_free_memory()
    emptied = gauge.read()
    assert full is not None
    assert emptied is not None
    assert full.used - emptied.used > 50_000_000
