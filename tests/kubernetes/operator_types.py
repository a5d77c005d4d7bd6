"""The types of resources of the operators that we have manifests for, so that the server validates these too."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.kubernetes.collect_schemas import SCHEMAS
from tests.support.kubernetes import Cluster


@contextmanager
def operator_types(cluster: Cluster) -> Iterator[None]:
    """Install the types that the cluster lacks; they are removed at the end, with all objects of them."""
    definitions = {f"customresourcedefinition/{file.stem}": file for file in (SCHEMAS / "crds").iterdir()}
    missing = {name: file for name, file in definitions.items() if not cluster.has(name)}
    try:
        if missing:
            cluster.apply("\n---\n".join(file.read_text() for file in missing.values()))
            cluster.run("wait", "--for=condition=Established", *missing, "--timeout=60s")
        yield
    finally:
        if missing:
            cluster.run("delete", *missing, "--ignore-not-found")
