"""Programs, browsers among them, open files in every format, with the right length, and go to positions in them."""

import pytest

from scripts.benchmarks.players import report
from scripts.benchmarks.players.samples import Sample, samples

pytestmark = [pytest.mark.long, pytest.mark.timeout(900), pytest.mark.xdist_group("players")]


@pytest.fixture(scope="session")
def files() -> list[Sample]:
    return samples()


@pytest.mark.parametrize("program", report.NAMES)
def test_files_in_every_format_open_with_their_length_and_seek(program: str, files: list[Sample]) -> None:
    rows = report.measure(files, [program], lambda: None)

    assert rows
    assert [(row.format, *fault) for row in rows for fault in row.faults] == []
