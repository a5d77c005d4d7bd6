"""The oracle reports every seeded bug, as an expected problem, within its rounds."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.chaos.bench import WORKERS
from tests.chaos.cluster import ProxiedCluster
from tests.chaos.seeded_bugs.catalogue import BUGS, SeededBug
from tests.chaos.seeded_bugs.run import catch

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),  # the loop of the shared cluster's proxies
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("chaos bench"),  # one at a time: brokers without time for each other lose their leaders
]

#: One bug for each kind of problem; all others together take minutes.
SHORT = {
    "cache-everything",
    "cache-without-the-profile",
    "commit-the-last-offset",
    "order-by-size",
    "results-outside-the-transaction",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProxiedCluster]:
    """One broker: few of these bugs need more."""
    async with ProxiedCluster(tmp_path_factory.mktemp("seeded") / "kafka", 1, WORKERS, lambda _: None) as running:
        yield running


@pytest.mark.parametrize(
    "bug",
    [pytest.param(bug, id=name, marks=[] if name in SHORT else [pytest.mark.long]) for name, bug in BUGS.items()],
)
async def test_the_oracle_reports_a_seeded_bug(bug: SeededBug, cluster: ProxiedCluster, tmp_path: Path) -> None:
    if bug.brokers == 1:
        found = await catch(bug, cluster, tmp_path)
    else:
        async with ProxiedCluster(tmp_path / "kafka", bug.brokers, WORKERS, lambda _: None) as several:
            found = await catch(bug, several, tmp_path)
    assert found.caught, found
