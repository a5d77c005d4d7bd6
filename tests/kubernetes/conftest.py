"""The cluster, and the overlay `local` installed in it; all tests of one process share them."""

from collections.abc import Iterator, Mapping

import pytest

from tests.support import kubernetes, kubernetes_overlay
from tests.support.kubernetes import Cluster
from tests.support.kubernetes_overlay import Installation


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with kubernetes.running_cluster() as found:
        yield found


@pytest.fixture(scope="session")
def images(cluster: Cluster) -> Iterator[Mapping[str, str]]:
    """Names for pods of the images of this checkout, by their names in the manifests."""
    with kubernetes.product_image(cluster) as product:
        yield {"hotel-audio": product, "hotel-audio-kafka": kubernetes.kafka_image(cluster)}


@pytest.fixture(scope="session")
def installation(cluster: Cluster, images: Mapping[str, str]) -> Iterator[Installation]:
    """Three workers and a broker."""
    with kubernetes_overlay.installed(cluster, images, "hotel-audio-test") as made:
        yield made
