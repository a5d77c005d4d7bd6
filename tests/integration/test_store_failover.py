"""A thousand clips are stored while one endpoint is killed and brought back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.stores.local import LocalStores
from scripts.benchmarks.stores import failover
from tests.support.object_stores import own_object_stores

CLIPS = 1000


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[LocalStores]:
    made = own_object_stores(tmp_path / "stores")
    yield made
    made.stop()


def test_nothing_is_lost_or_corrupt_and_both_endpoints_get_traffic_again(servers: LocalStores) -> None:
    outcome = failover.run(servers, CLIPS, interval=1.0, advance=lambda: None)
    assert (outcome.lost, outcome.corrupt) == (0, 0)
    assert outcome.failovers > 0
    assert outcome.back_within is not None
    assert all(one.accepts for one in servers.status())
